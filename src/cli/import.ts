/** `npm run import -- <path>`: loads organisations in Peribolos YAML, all or nothing. */
import { runImport } from './import-command.ts'

process.exitCode = await runImport(process.argv.slice(2), {
  env: process.env,
  fetch,
  print: (text) => console.log(text),
  say: (text) => console.error(text),
})
