/** `npm run drill -- retry-storm [--keys 1000]`: 50 clients at once repeat each request over two instances; one effect each, one answer. */
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import { withDrillStack } from '../security/drill-stack.ts'
import { storm } from '../security/retry-storm.ts'
import { serveFleet } from '../security/served-fleet.ts'
import { createTruth } from '../security/visibility-truth.ts'

const { keys } = createScript(
  'npm run drill -- retry-storm',
  '50 clients at once repeat each request over two instances; one effect each, one answer.',
)
  .addOption(wholeNumber('--keys <n>', 'how many requests', { lowest: 1 }).default(1000))
  .parse()
  .opts<{ keys: number }>()
const PARALLEL = 50
const LANES = 4
const SAY_EVERY = 100

await withDrillStack(async ({ databaseUrl, redis }) => {
  const fleet = await serveFleet({ databaseUrl, redis, count: 2 })
  const truth = await createTruth(databaseUrl)
  const startedMs = performance.now()
  const onProgress = (done: number) => done % SAY_EVERY === 0 && console.log(`${done} keys`)
  const report = await storm({ fleet, truth, keys, parallel: PARALLEL, lanes: LANES, onProgress })
  await truth.close()
  await fleet.close()
  const byStatus = [...report.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
  for (const each of report.wrong) console.error(each)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  console.log(
    `${keys} keys × ${PARALLEL} at once: ${report.requests} requests in ${seconds} s (${byStatus.join(', ')}), ${report.wrong.length} wrong`,
  )
  process.exitCode = report.wrong.length === 0 ? 0 : 1
})
