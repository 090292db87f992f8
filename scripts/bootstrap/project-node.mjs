/** Which Node runs the project's programs. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

const NODE_MAJOR = 24

/**
 * The Node that the lock file pins; the host's own where that is new enough and the packaged one cannot run here.
 * @throws Error that says why neither will do
 */
export function projectNode({ root, host = { version: process.versions.node, file: process.execPath } }) {
  const packaged = path.join(root, 'node_modules', 'node', 'bin', 'node')
  const { major, reason } = tried(packaged)
  if (major >= NODE_MAJOR) return packaged
  if (majorOf(host.version) >= NODE_MAJOR) return host.file
  throw new Error(`This needs Node ${NODE_MAJOR}; this one is ${host.version}, and the packaged one ${reason}`)
}

function tried(node) {
  if (!existsSync(node))
    return {
      major: 0,
      reason:
        'is not installed. It has no build for some systems (macOS), and npm does not install it where install scripts are switched ' +
        'off (`npm config get ignore-scripts`; then run `npm ci --ignore-scripts=false`). ' +
        `Otherwise install Node ${NODE_MAJOR} from https://nodejs.org.`,
    }
  const { stdout, stderr, error } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  // For example the name of a library that this machine lacks.
  const said = error?.message ?? `${stderr || stdout}`.trim()
  return { major: majorOf(stdout ?? ''), reason: `does not run here: ${said}` }
}

const majorOf = (version) => Number(/^v?(\d+)/.exec(version)?.[1] ?? 0)
