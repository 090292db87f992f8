/**
 * `npm run mutation`: changes the cache and the invalidation rules in every small way, one change at a time, and asks
 * whether a test notices. Stryker is installed on the first run, in this folder. Further arguments go to Stryker, such
 * as `--mutate src/cache/layer.ts` for one file or `--force` to try everything again.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

const here = import.meta.dirname
const root = path.resolve(here, '..', '..')
const stryker = path.join(here, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js')

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(`Usage: npm run mutation [-- options of Stryker]

Makes every small change to the cache and the invalidation rules, one at a time, and shows which ones no test notices.
The report is in reports/mutation.

Options, for example:
  --mutate src/cache/layer.ts   only one file
  --force                       tests everything again, also files without changes`)
  process.exit()
}
if (!existsSync(stryker)) run([npm(), 'ci'], here)
process.exitCode = run([stryker, 'run', path.join(here, 'stryker.config.json'), ...process.argv.slice(2)], root)

/** The npm that started this, else the one beside this Node. */
function npm(): string {
  const started = process.env.npm_execpath
  if (started) return started
  throw new Error('start this by `npm run mutation`: it installs Stryker with that npm')
}

function run(args: string[], cwd: string): number {
  const { status } = spawnSync(process.execPath, args, { cwd, stdio: 'inherit' })
  return status ?? 1
}
