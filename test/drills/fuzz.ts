/** `npm run drill -- fuzz [--runs 100000] [--seed N]`: requests made of the API's own document; what no document allows is printed with the request. */
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import { withDrillStack } from '../security/drill-stack.ts'
import { fuzz } from '../security/fuzz.ts'
import { fuzzedOrganisation, fuzzedValues } from '../security/fuzzed-organisation.ts'
import { serveFleet } from '../security/served-fleet.ts'

const { runs, seed = Date.now() % 2_147_483_647 } = createScript(
  'npm run drill -- fuzz',
  "Requests made of the API's own document; what no document allows is printed with the request.",
)
  .addOption(wholeNumber('--runs <n>', 'how many requests', { lowest: 1 }).default(100_000))
  .addOption(wholeNumber('--seed <n>', 'repeats a former run'))
  .parse()
  .opts<{ runs: number; seed?: number }>()
const SAY_EVERY_MS = 10_000

await withDrillStack(async ({ databaseUrl, redis }) => {
  const fleet = await serveFleet({ databaseUrl, redis, count: 1 })
  const [instance] = fleet.instances
  if (instance === undefined) throw new Error('no instance was served')
  await instance.portcullis.mutations.importOrganisation(fuzzedOrganisation, { actor: 'root' as never })
  const startedMs = performance.now()
  let saidMs = startedMs
  const report = await fuzz({
    client: instance.client,
    authorization: {
      admin: await fleet.authorization('root', { roles: ['admin', 'cache-admin'] }),
      user: await fleet.authorization('ben'),
      stranger: await fleet.authorization('nobody-knows-me'),
    },
    seed,
    requests: runs,
    known: fuzzedValues,
    onProgress(done) {
      if (performance.now() - saidMs < SAY_EVERY_MS) return
      saidMs = performance.now()
      console.log(`${done} requests, ${Math.round(done / ((saidMs - startedMs) / 1000))} per second`)
    },
  })
  await fleet.close()
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  const byStatus = [...report.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
  console.log(`seed ${seed}: ${report.requests} requests to ${report.operations} operations in ${seconds} s`)
  console.log(`${report.reached.size} kinds of answer reached; ${byStatus.join(', ')}`)
  for (const failure of report.failures) console.error(failure)
  console.log(`${report.failures.length} operations answered what their document does not say`)
  process.exitCode = report.failures.length === 0 ? 0 : 1
})
