/**
 * Runs one of the project's programs under the project's Node, from nothing but a clone: installs the dependencies and
 * generates the database client and builds the console where that is due, then starts the program and ends with its exit
 * code.
 *
 *   node scripts/bootstrap.mjs <file> [arguments]
 *
 * Plain JavaScript without dependencies, because it runs on the host's Node (20 or newer) before anything is installed.
 * All it says goes to standard error: what the program prints may be read by another one.
 */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { watchAncestors } from './bootstrap/ancestors.mjs'
import { ensureConsole } from './bootstrap/console.mjs'
import { ensureDatabaseClient } from './bootstrap/database-client.mjs'
import { ensureDependencies } from './bootstrap/dependencies.mjs'
import { projectNode } from './bootstrap/project-node.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const say = (message) => console.error(`[portcullis] ${message}`)

try {
  const [program, ...args] = process.argv.slice(2)
  if (!program) throw new Error('usage: node scripts/bootstrap.mjs <file> [arguments]')
  await ensureDependencies({ root, say })
  const node = projectNode({ root })
  await ensureDatabaseClient({ root, node, say })
  await ensureConsole({ root, node, say })
  run(node, program, args)
} catch (error) {
  say(error.message)
  process.exit(1)
}

function run(node, program, args) {
  const guard = pathToFileURL(path.join(root, 'scripts', 'bootstrap', 'end-with-parent.mjs')).href
  const child = spawn(node, ['--import', guard, path.resolve(root, program), ...args], { stdio: 'inherit' })
  // A terminal sends Ctrl-C to the whole group, so the program has it already; twice could mean "at once".
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)
  process.on('SIGINT', () => onTerminal || child.kill('SIGINT'))
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  watchAncestors(() => child.kill('SIGTERM'))
  child.on('error', (error) => {
    say(`${node}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
