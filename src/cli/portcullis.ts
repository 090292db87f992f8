/** `npm run cli -- <command>`, or `npx portcullis <command>`: the API for people. */
import { runPortcullis } from './run-portcullis.ts'

// `portcullis users --all | head`: the reader has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})
process.exitCode = await runPortcullis(process.argv.slice(2), {
  env: process.env,
  fetch,
  print: (text) => console.log(text),
  say: (text) => console.error(text),
})
