/** `npm run drill:hidden [-- --pairs 20000]`: a resource that is hidden and one that does not exist, asked for in turn; whether the time of the answer tells them apart. */
import { parseArgs } from 'node:util'
import type { UserId } from '../../src/domain/model.ts'
import { withDrillStack } from '../security/drill-stack.ts'
import { randomOrganisation } from '../security/isolation.ts'
import { serveFleet } from '../security/served-fleet.ts'
import { createTruth } from '../security/visibility-truth.ts'
import { createRandom } from './random.ts'

const { values } = parseArgs({ options: { pairs: { type: 'string' } } })
const pairs = Number(values.pairs ?? 20_000)
if (!Number.isSafeInteger(pairs) || pairs < 100) {
  console.error('usage: npm run drill:hidden [-- --pairs <count, at least 100>]')
  process.exit(2)
}
/** Medians further apart than this share would be a step that an attacker could use. */
const MAX_STEP = 0.1
const WARM_UP = 500

await withDrillStack(async ({ databaseUrl, redis }) => {
  const random = createRandom(11)
  const organisation = randomOrganisation(random)
  const fleet = await serveFleet({ databaseUrl, redis, count: 1 })
  const [instance] = fleet.instances
  if (instance === undefined) throw new Error('no instance was served')
  const { client } = instance
  await instance.portcullis.mutations.importOrganisation(organisation, { actor: 'root' as UserId })
  const truth = await createTruth(databaseUrl)
  const user = organisation.users.map(({ id }) => id).find((id) => truth.visibleTo(id).length > 50)
  if (user === undefined) throw new Error('nobody sees much')
  const seen = new Set(truth.visibleTo(user).map(({ id }) => id))
  const hidden = (await truth.query<{ id: string }>('SELECT id FROM resources')).filter(({ id }) => !seen.has(id))
  const headers = { authorization: await fleet.authorization(user) }

  async function timeOf(id: string): Promise<number> {
    const startedMs = performance.now()
    const { status } = await client.send({ method: 'GET', path: `/resources/${id}`, headers })
    if (status !== 404) throw new Error(`${id} is answered with ${status}`)
    return performance.now() - startedMs
  }

  const times: Record<'hidden' | 'absent', number[]> = { hidden: [], absent: [] }
  for (let index = 0; index < pairs + WARM_UP; index++) {
    // By chance in this order or the other, so that nothing that comes and goes favours one.
    const order = random.next() < 0.5 ? (['hidden', 'absent'] as const) : (['absent', 'hidden'] as const)
    for (const kind of order) {
      const ms = await timeOf(kind === 'hidden' ? random.pick(hidden).id : crypto.randomUUID())
      if (index >= WARM_UP) times[kind].push(ms)
    }
  }
  await truth.close()
  await fleet.close()

  const median = (kind: keyof typeof times) => times[kind].toSorted((a, b) => a - b)[Math.floor(pairs / 2)] ?? 0
  const ratio = median('hidden') / median('absent')
  const slower = times.hidden.filter((ms, index) => ms > (times.absent[index] ?? 0)).length / pairs
  console.log(
    `median hidden ${median('hidden').toFixed(3)} ms, absent ${median('absent').toFixed(3)} ms, ratio ${ratio.toFixed(3)}`,
  )
  console.log(
    `hidden was the slower of a pair in ${(100 * slower).toFixed(1)} % of ${pairs} (50 %: no difference at all)`,
  )
  process.exitCode = Math.abs(ratio - 1) <= MAX_STEP ? 0 : 1
})
