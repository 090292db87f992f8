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
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { watchAncestors } from './bootstrap/ancestors.mjs'
import { ensureConsole } from './bootstrap/console.mjs'
import { ensureDatabaseClient } from './bootstrap/database-client.mjs'
import { ensureDependencies } from './bootstrap/dependencies.mjs'

const NODE_MAJOR = 24
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const say = (message) => console.error(`[portcullis] ${message}`)

try {
  const [program, ...args] = process.argv.slice(2)
  if (!program) throw new Error('usage: node scripts/bootstrap.mjs <file> [arguments]')
  await ensureDependencies({ root, say })
  const node = projectNode()
  await ensureDatabaseClient({ root, node, say })
  await ensureConsole({ root, node, say })
  run(node, program, args)
} catch (error) {
  say(error.message)
  process.exit(1)
}

/** The Node that the lock file pins; the host's own where that is new enough and the packaged one cannot run here. */
function projectNode() {
  const packaged = path.join(root, 'node_modules', 'node', 'bin', 'node')
  if (existsSync(packaged) && majorOf(packaged) >= NODE_MAJOR) return packaged
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath
  throw new Error(
    `This needs Node ${NODE_MAJOR}; this one is ${process.versions.node}, and the packaged one is not installed. ` +
      'It comes with npm unless install scripts are switched off: run `npm config get ignore-scripts`, then ' +
      '`npm ci --ignore-scripts=false`; or install Node 24 from https://nodejs.org.',
  )
}

function majorOf(node) {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  return Number(/^v(\d+)/.exec(stdout ?? '')?.[1] ?? 0)
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
