/** Reads of people whose lists an instance holds, with all of Redis stopped, beside the same with Redis; and its return. */
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { newPrefix, type Server, startPeer, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'
import { createClient } from '../harness/timed.ts'
import { countTransactions } from '../harness/transactions.ts'
import type { WireRequest } from '../harness/wire.ts'

export interface AwayResult {
  readonly resources: number
  readonly loads: readonly AwayLoad[]
  /** No cache at all, 32 connections: what each of those reads costs by SQL. */
  readonly bySql: Standing
  /** From the start of the Redis processes until an answer comes from Redis again. */
  readonly backAfterMs: number
  /** Answers other than 200 meanwhile. */
  readonly failuresMeanwhile: number
}

export interface AwayLoad {
  readonly connections: number
  readonly before: Standing
  readonly away: Standing
  /** Transactions of the instance in PostgreSQL per second while Redis was away; a statement by itself is one. */
  readonly transactionsPerSecond: number
  readonly after: Standing
}

const CONNECTIONS = [32, 400]
const EXTENTS = {
  quick: { slices: 4, sliceMs: 600 },
  full: { slices: 10, sliceMs: 1000 },
} as const
const WARM_UP_MS = 1500
const BACK_WITHIN_MS = 60_000
const ASK_EVERY_MS = 20

export async function measureAway(bench: Bench): Promise<AwayResult> {
  const [resources = 1000] = bench.scales
  const { databaseUrl, name: database } = await bench.dataSet(resources)
  const { local } = bench.stack
  const readers = await bench.stack.headersOf(Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at)))
  const requests = readers.map((headers) => ({ path: '/resources', headers }))
  const server = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const prisma = await startPeer(bench.stack, { name: 'prisma-sql', databaseUrl })
  const measured = (connections: number) => leg(bench, { server, requests, connections, database })
  const each = async () => {
    const legs = []
    for (const connections of CONNECTIONS) legs.push(await measured(connections))
    return legs
  }
  let stopped = false
  try {
    bench.log('with Redis')
    const before = await each()
    bench.log('Redis is stopped')
    stopped = true
    await local.stopAllRedis()
    const away = await each()
    const bySql = await compareOne(bench, { server: prisma, requests, connections: 32 })
    bench.log('Redis returns')
    const returned = untilBack(server, requests)
    await local.startAllRedis()
    const back = await returned
    stopped = false
    await local.waitForHealthyRedis()
    const after = await each()
    const loads = CONNECTIONS.map((connections, at) => {
      const [one, other, last] = [before[at], away[at], after[at]]
      if (!one || !other || !last) throw new Error('a load was not measured')
      const { transactionsPerSecond } = other
      return { connections, before: one.standing, away: other.standing, transactionsPerSecond, after: last.standing }
    })
    return { resources, loads, bySql, ...back }
  } finally {
    await Promise.all([server.stop(), prisma.stop()])
    if (stopped) await local.startAllRedis()
    await local.waitForHealthyRedis()
  }
}

interface Leg {
  readonly server: Server
  readonly requests: readonly WireRequest[]
  readonly connections: number
}

async function leg(
  bench: Bench,
  { database, ...load }: Leg & { database: string },
): Promise<{ standing: Standing; transactionsPerSecond: number }> {
  const counter = await countTransactions(bench.stack.local.databaseUrl, database)
  try {
    const standing = await compareOne(bench, load)
    return { standing, transactionsPerSecond: counter.perSecond(standing.span) }
  } finally {
    await counter.stop()
  }
}

async function compareOne(bench: Bench, { server, requests, connections }: Leg): Promise<Standing> {
  const options = { ...EXTENTS[bench.extent], connections, warmUpRequests: 100_000, warmUpMaxMs: WARM_UP_MS }
  const [standing] = await compare([{ server, name: `${connections} connections`, requests }], options)
  if (!standing) throw new Error('nothing was measured')
  return standing
}

async function untilBack(
  server: Server,
  requests: readonly WireRequest[],
): Promise<{ backAfterMs: number; failuresMeanwhile: number }> {
  const client = createClient(server.url)
  const startedMs = performance.now()
  let failuresMeanwhile = 0
  try {
    for (let turn = 0; performance.now() - startedMs < BACK_WITHIN_MS; turn++) {
      const { path = '', headers = {} } = requests[turn % requests.length] ?? {}
      const { status, cacheStatus } = await client.ask('GET', path, headers)
      if (status !== 200) failuresMeanwhile++
      if (cacheStatus.includes('; hit') && !cacheStatus.includes('detail'))
        return { backAfterMs: performance.now() - startedMs, failuresMeanwhile }
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
    }
    return { backAfterMs: Number.NaN, failuresMeanwhile }
  } finally {
    client.close()
  }
}
