/** Reads beside changes: what a steady rate of changes leaves of the reads, and how many of the changes get through. */
import type { Bench } from '../harness/bench.ts'
import {
  type DataSet,
  grantsOfReaders,
  READERS_PER_SIZE,
  readerOf,
  SCRATCH_GROUP,
  SCRATCH_USERS,
  scratchUser,
} from '../harness/data-set.ts'
import { createRandom, shuffled } from '../harness/random.ts'
import { newPrefix, startService } from '../harness/servers.ts'
import { type Contender, compare, type Standing } from '../harness/slices.ts'
import { untilCaching } from '../harness/until-caching.ts'
import type { WireRequest } from '../harness/wire.ts'

export interface UpdatesResult {
  readonly resources: number
  /** The first one is without changes. */
  readonly standings: readonly UpdateStanding[]
}

export interface UpdateStanding extends Standing {
  readonly changed: Changed
  /** Changes per second that were asked for. */
  readonly rate: number
}

export type Changed = 'resource' | 'member' | 'grant'

const CONNECTIONS = 8
/** At most so many changes at once. */
const LANES = 16
const EXTENTS = {
  quick: { scales: [1000], rates: [5, 20, 50], groupScale: 1000, slices: 3, sliceMs: 1200 },
  full: { scales: [1000, 10_000, 200_000], rates: [1, 5, 20, 50, 200], groupScale: 10_000, slices: 4, sliceMs: 2000 },
} as const
/** Of members and of grants. */
const GROUP_RATE = 50

export async function measureUpdates(bench: Bench): Promise<UpdatesResult[]> {
  const results: UpdatesResult[] = []
  for (const resources of EXTENTS[bench.extent].scales) results.push(await atScale(bench, resources))
  return results
}

async function atScale(bench: Bench, resources: number): Promise<UpdatesResult> {
  const { rates, groupScale, slices, sliceMs } = EXTENTS[bench.extent]
  const dataSet = await bench.dataSet(resources)
  const server = await startService(bench.stack, { databaseUrl: dataSet.databaseUrl, prefix: newPrefix() })
  bench.log(`reads beside changes, ${resources} resources`)
  try {
    await untilCaching(bench.stack, server)
    const readers = await bench.stack.headersOf(Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at)))
    const requests = readers.map((headers) => ({ path: '/resources', headers }))
    const lanes = await changeLanes(bench, dataSet)
    const plan: { changed: Changed; rate: number }[] = [
      { changed: 'resource', rate: 0 },
      ...rates.map((rate) => ({ changed: 'resource' as const, rate })),
      ...(resources === groupScale
        ? (['member', 'grant'] as const).map((changed) => ({ changed, rate: GROUP_RATE }))
        : []),
    ]
    const contenders = plan.map(
      ({ changed, rate }): Contender => ({
        server,
        name: `${rate} ${changed} changes/s`,
        requests,
        connections: CONNECTIONS,
        ...(rate > 0 && { changes: { lanes: lanes[changed], perSecond: rate } }),
      }),
    )
    const standings = await compare(contenders, {
      slices,
      sliceMs,
      warmUpRequests: 4000,
      warmUpMaxMs: 1000,
      settleRequests: 2 * READERS_PER_SIZE,
    })
    return {
      resources,
      standings: standings.map((standing, at) => ({ ...standing, ...(plan[at] ?? { changed: 'resource', rate: 0 }) })),
    }
  } finally {
    await server.stop()
  }
}

/**
 * Every change of a resource or of a grant is seen by at least one of the readers; the members who come and go are
 * others, in a group of their own below the readers' department.
 */
async function changeLanes(bench: Bench, { databaseUrl }: DataSet): Promise<Record<Changed, WireRequest[][]>> {
  const [root = {}] = await bench.stack.headersOf(['root'])
  const grants = shuffled(await grantsOfReaders(databaseUrl), createRandom(1))
  const ids = [...new Set(grants.map(({ resource }) => resource))]
  const perLane = Math.floor(SCRATCH_USERS / LANES)
  const lane = (work: (at: number) => WireRequest[]) => Array.from({ length: LANES }, (_, at) => work(at))
  const member = (method: string, index: number): WireRequest => ({
    method,
    path: `/groups/name:${SCRATCH_GROUP}/members/${scratchUser(index)}`,
    headers: root,
  })
  const resource = (id: string, round: number): WireRequest => ({
    method: 'PATCH',
    path: `/resources/${id}`,
    headers: root,
    body: { description: `changed in round ${round}` },
  })
  const grantTo = ({ group, resource }: { group: string; resource: string }, permission: string): WireRequest => ({
    method: 'PUT',
    path: `/groups/${group}/grants/${resource}`,
    headers: root,
    body: { permission },
  })
  return {
    resource: lane((at) =>
      [0, 1].flatMap((round) => ids.filter((_, index) => index % LANES === at).map((id) => resource(id, round))),
    ),
    member: lane((at) => {
      const own = Array.from({ length: perLane }, (_, index) => at * perLane + index)
      return [...own.map((index) => member('PUT', index)), ...own.map((index) => member('DELETE', index))]
    }),
    // With one permission, and then with another.
    grant: lane((at) =>
      ['write', 'read'].flatMap((permission) =>
        grants.filter((_, index) => index % LANES === at).map((grant) => grantTo(grant, permission)),
      ),
    ),
  }
}
