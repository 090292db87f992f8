/** `npm run drill -- rollouts [--rollouts 5] [--requests 50000]`: the API's pods are replaced under 300 kept-alive connections; none may be reset. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { createScript, wholeNumber } from '../../src/cli/script.ts'

const { rollouts, requests, pods } = createScript(
  'npm run drill -- rollouts',
  "The API's pods are replaced under 300 kept-alive connections; none may be reset.",
)
  .addOption(wholeNumber('--rollouts <n>', 'how many rollouts', { lowest: 1 }).default(5))
  .addOption(wholeNumber('--requests <n>', 'how many requests, over all of them, at least').default(50_000))
  .addOption(wholeNumber('--pods <n>', 'how many pods, each replaced in every rollout', { lowest: 1 }).default(3))
  .parse()
  .opts<{ rollouts: number; requests: number; pods: number }>()

const root = path.resolve(import.meta.dirname, '../..')
const vitest = path.join(root, 'node_modules/vitest/vitest.mjs')
process.exitCode =
  spawnSync(process.execPath, [vitest, 'run', '--project', 'integration', 'test/integration/rolling-out.test.ts'], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      DRILL_ROLLOUTS: String(rollouts),
      DRILL_REQUESTS: String(requests),
      DRILL_PODS: String(pods),
    },
  }).status ?? 1
