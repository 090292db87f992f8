/** Latency at fixed rates that both servers can carry. */
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { type LoadGenerator, startLoadGenerator } from '../harness/load.ts'
import { newPrefix, type Server, startPeer, startService } from '../harness/servers.ts'
import { median } from '../harness/statistics.ts'

export interface LatencyPoint {
  readonly name: string
  readonly rate: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
}

/** Shares of the throughput that our own closed loop reaches. */
const SHARES = [0.1, 0.25, 0.5, 0.75]
const ROUNDS = 3

export async function measureLatency(bench: Bench): Promise<{ ceiling: number; points: LatencyPoint[] }> {
  const { databaseUrl } = await bench.dataSet(1000)
  const ours = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const readers = await bench.stack.headersOf(
    Array.from({ length: READERS_PER_SIZE }, (_, index) => readerOf(50, index)),
  )
  const requests = readers.map((headers) => ({ method: 'GET' as const, path: '/resources', headers }))
  const body = Buffer.from(await (await fetch(`${ours.url}/resources`, { headers: readers[0] ?? {} })).arrayBuffer())
  const environment = { BODY_BASE64: body.toString('base64') }
  const bare = await startPeer(bench.stack, { name: 'bare-express', environment })
  const load = startLoadGenerator()
  try {
    for (const server of [bare, ours]) await load.run(server, { requests, seconds: bench.seconds })
    const { perSecond: ceiling } = await load.run(ours, { requests, seconds: bench.seconds })
    bench.log(`latency at fixed rates; closed loop reaches ${Math.round(ceiling)} requests/s`)
    const points: LatencyPoint[] = []
    for (const share of SHARES) {
      const rate = Math.max(10, Math.round(ceiling * share))
      const servers = [
        { server: bare, name: 'bare Express, constant' },
        { server: ours, name: 'Portcullis, hit' },
      ]
      points.push(...(await atRate(bench, load, { rate, requests, servers })))
    }
    return { ceiling, points }
  } finally {
    load.close()
    await Promise.all([ours.stop(), bare.stop()])
  }
}

interface AtRate {
  readonly rate: number
  readonly requests: Parameters<LoadGenerator['run']>[1]['requests']
  readonly servers: readonly { readonly server: Server; readonly name: string }[]
}

/** By turns, so that what else the machine does is in all of them. */
export async function atRate(
  bench: Bench,
  load: LoadGenerator,
  { rate, requests, servers }: AtRate,
): Promise<LatencyPoint[]> {
  const seen = servers.map(({ name }) => ({ name, rounds: [] as { p50: number; p90: number; p99: number }[] }))
  for (let round = 0; round < ROUNDS; round++)
    for (const [at, { server }] of servers.entries()) {
      const { latencyMs } = await load.run(server, { requests, seconds: Math.ceil(bench.seconds / 2), rate })
      seen[at]?.rounds.push(latencyMs)
    }
  return seen.map(({ name, rounds }) => ({
    name,
    rate,
    p50Ms: median(rounds.map(({ p50 }) => p50)),
    p90Ms: median(rounds.map(({ p90 }) => p90)),
    p99Ms: median(rounds.map(({ p99 }) => p99)),
  }))
}
