/** `npm run drill -- hidden [--pairs 5000]`: a resource that is hidden and one that does not exist, named in turn in every call that takes one; whether the time of the answer tells them apart. */
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import type { UserId } from '../../src/domain/model.ts'
import { withDrillStack } from '../security/drill-stack.ts'
import type { Sent } from '../security/http-client.ts'
import { randomOrganisation } from '../security/isolation.ts'
import { serveFleet } from '../security/served-fleet.ts'
import { createTruth } from '../security/visibility-truth.ts'
import { createRandom } from './random.ts'

const { pairs } = createScript(
  'npm run drill -- hidden',
  'Whether the time of an answer tells a hidden resource from one that does not exist.',
)
  .addOption(wholeNumber('--pairs <n>', 'how many of each, in each call', { lowest: 100 }).default(5000))
  .parse()
  .opts<{ pairs: number }>()
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
  const headers = { authorization: await fleet.authorization(user), 'content-type': 'application/json' }

  /** Every call that takes the id of a resource, by a user without any right to it. */
  const group = (await truth.query<{ id: string }>('SELECT id FROM groups LIMIT 1'))[0]?.id
  const calls: Readonly<Record<string, (id: string) => Omit<Sent, 'headers'>>> = {
    read: (id) => ({ method: 'GET', path: `/resources/${id}` }),
    access: (id) => ({ method: 'GET', path: `/resources/${id}/access` }),
    explain: (id) => ({ method: 'GET', path: `/users/${encodeURIComponent(user)}/resources/${id}/explain` }),
    change: (id) => ({ method: 'PATCH', path: `/resources/${id}`, body: '{"kind":"k"}' }),
    delete: (id) => ({ method: 'DELETE', path: `/resources/${id}` }),
    grant: (id) => ({ method: 'PUT', path: `/groups/${group}/grants/${id}`, body: '{"permission":"read"}' }),
    ungrant: (id) => ({ method: 'DELETE', path: `/groups/${group}/grants/${id}` }),
  }

  async function timeOf(sent: Omit<Sent, 'headers'>): Promise<number> {
    const startedMs = performance.now()
    const { status } = await client.send({ ...sent, headers })
    if (status !== 404) throw new Error(`${sent.method} ${sent.path} is answered with ${status}`)
    return performance.now() - startedMs
  }

  async function compare(call: (id: string) => Omit<Sent, 'headers'>): Promise<Times> {
    const times: Times = { hidden: [], absent: [] }
    for (let index = 0; index < pairs + WARM_UP; index++) {
      // By chance in this order or the other, so that nothing that comes and goes favours one.
      const order = random.next() < 0.5 ? (['hidden', 'absent'] as const) : (['absent', 'hidden'] as const)
      for (const kind of order) {
        const ms = await timeOf(call(kind === 'hidden' ? random.pick(hidden).id : crypto.randomUUID()))
        if (index >= WARM_UP) times[kind].push(ms)
      }
    }
    return times
  }

  const told: string[] = []
  for (const [name, call] of Object.entries(calls)) {
    const times = await compare(call)
    const [hiddenMs, absentMs] = [medianOf(times.hidden), medianOf(times.absent)]
    const slower = times.hidden.filter((ms, index) => ms > (times.absent[index] ?? 0)).length / pairs
    const ratio = hiddenMs / absentMs
    if (Math.abs(ratio - 1) > MAX_STEP) told.push(name)
    console.log(
      `${name}: median hidden ${hiddenMs.toFixed(3)} ms, absent ${absentMs.toFixed(3)} ms, ratio ${ratio.toFixed(3)}; ` +
        `hidden was the slower of a pair in ${(100 * slower).toFixed(1)} % of ${pairs}`,
    )
  }
  await truth.close()
  await fleet.close()
  console.log(told.length === 0 ? 'no call tells them apart' : `told apart by: ${told.join(', ')}`)
  process.exitCode = told.length === 0 ? 0 : 1
})

interface Times {
  readonly hidden: number[]
  readonly absent: number[]
}

function medianOf(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}
