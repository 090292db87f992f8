/** `npm run import -- <path>`: loads organisations in Peribolos YAML, all or nothing. */
import { runPortcullis } from './run-portcullis.ts'
import { terminal } from './terminal.ts'

process.exitCode = await runPortcullis(['import', ...process.argv.slice(2)], terminal())
