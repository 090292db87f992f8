/** `npm run drill -- isolation [--reads 100000] [--seed N]`: 100 users over 1,000 resources, two instances, every answer compared with plain SQL. */
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import type { UserId } from '../../src/domain/model.ts'
import { withDrillStack } from '../security/drill-stack.ts'
import { RESOURCES, randomOrganisation, readAtRandom, USERS } from '../security/isolation.ts'
import { serveFleet } from '../security/served-fleet.ts'
import { createTruth } from '../security/visibility-truth.ts'
import { createRandom } from './random.ts'

const { reads, seed = Date.now() % 2_147_483_647 } = createScript(
  'npm run drill -- isolation',
  '100 users over 1,000 resources, two instances, every answer compared with plain SQL.',
)
  .addOption(wholeNumber('--reads <n>', 'how many reads', { lowest: 1 }).default(100_000))
  .addOption(wholeNumber('--seed <n>', 'repeats a former run'))
  .parse()
  .opts<{ reads: number; seed?: number }>()
const SAY_EVERY = 10_000
const READS_PER_CHANGE = 1000

await withDrillStack(async ({ databaseUrl, redis }) => {
  const random = createRandom(seed)
  const organisation = randomOrganisation(random)
  const fleet = await serveFleet({ databaseUrl, redis, count: 2 })
  await fleet.instances[0]?.portcullis.mutations.importOrganisation(organisation, { actor: 'root' as UserId })
  const truth = await createTruth(databaseUrl)
  const startedMs = performance.now()
  const report = await readAtRandom({
    fleet,
    truth,
    random,
    users: organisation.users.map(({ id }) => id),
    reads,
    readsPerChange: READS_PER_CHANGE,
    onProgress: (done) => done % SAY_EVERY === 0 && console.log(`${done} reads`),
  })
  await truth.close()
  await fleet.close()
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  for (const [kind, count] of report.kinds) console.log(`${kind}: ${count}`)
  for (const difference of report.differences) console.error(difference)
  console.log(
    `seed ${seed}: ${USERS} users, ${RESOURCES} resources, ${report.reads} reads, ${report.changes} changes, ${report.differences.length} differences from SQL, ${seconds} s`,
  )
  process.exitCode = report.differences.length === 0 ? 0 : 1
})
