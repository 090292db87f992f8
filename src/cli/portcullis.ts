/** `npm run cli -- <command>`, or `npx portcullis <command>`: the API for people. */
import { runPortcullis } from './run-portcullis.ts'
import { terminal } from './terminal.ts'

process.exitCode = await runPortcullis(process.argv.slice(2), terminal())
