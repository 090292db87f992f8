/** What grows and what must not: misses, first pages, memory and start, by the size of the catalogue. */
import { Redis } from 'ioredis'
import { waitUntil } from '../../src/local/wait-until.ts'
import type { Bench } from '../harness/bench.ts'
import { longReader, READERS_PER_SIZE, readerOf } from '../harness/data-set.ts'
import { startLoadGenerator } from '../harness/load.ts'
import { residentBytes } from '../harness/processor.ts'
import { newPrefix, type Server, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'
import { type LatencyMs, latencyOf } from '../harness/statistics.ts'
import { type Client, createClient } from '../harness/timed.ts'
import { untilCaching } from '../harness/until-caching.ts'

/** The checkpoint is saved when the catalogue has been quiet. */
const SAVED_WITHIN_MS = 30_000
/** What readers ask of an instance that has just said that it is ready. */
const AT_THE_START = { rate: 200, seconds: 3 }

export interface ScaleResult {
  readonly resources: number
  /** The first instance: the catalogue comes from PostgreSQL. */
  readonly readyFirstMs: number
  /** From its start until reads come from the cache: until then PostgreSQL answers them. */
  readonly cachingFirstMs: number
  /** Another one: it comes from Redis. */
  readonly readyAgainMs: number
  /** The slowest of a hundred reads in the seconds after that. */
  readonly firstSecondsP99Ms: number
  readonly residentMb: number | null
  /** A list that is in no cache, 50 items. */
  readonly missMs: LatencyMs
}

interface Instance {
  readonly resources: number
  readonly server: Server
  readonly client: Client
  readonly prefix: string
  readonly readyFirstMs: number
  readonly cachingFirstMs: number
}

export async function measureScale(bench: Bench): Promise<{ scale: ScaleResult[]; longList: Standing[] }> {
  const instances: Instance[] = []
  const redis = new Redis({ host: '127.0.0.1', port: await bench.stack.masterPort() })
  try {
    for (const resources of bench.scales) instances.push(await startInstance(bench, resources))
    bench.log('misses')
    const misses = await measureMisses(bench, instances, redis)
    const scale: ScaleResult[] = []
    for (const { resources, server, readyFirstMs, cachingFirstMs, prefix } of instances) {
      const bytes = residentBytes(server.pid)
      await waitUntil(
        'the catalogue lies in Redis',
        () => redis.exists(`${prefix}resources:all`).then((n) => n === 1),
        {
          timeoutMs: SAVED_WITHIN_MS,
        },
      )
      scale.push({
        resources,
        readyFirstMs,
        cachingFirstMs,
        ...(await restarted(bench, resources, prefix)),
        residentMb: bytes && bytes / 1024 / 1024,
        missMs: latencyOf(misses.get(resources) ?? []),
      })
    }
    return { scale, longList: await compareLongList(bench, instances) }
  } finally {
    redis.disconnect()
    for (const { client, server } of instances) {
      client.close()
      await server.stop()
    }
  }
}

async function startInstance(bench: Bench, resources: number): Promise<Instance> {
  const { databaseUrl } = await bench.dataSet(resources)
  const prefix = newPrefix()
  bench.log(`start with ${resources} resources`)
  const server = await startService(bench.stack, { name: `portcullis-${resources}`, databaseUrl, prefix })
  const client = createClient(server.url)
  const readyFirstMs = server.readyAfterMs
  const cachingFirstMs = readyFirstMs + (await untilCaching(bench.stack, server))
  return { resources, server, client, prefix, readyFirstMs, cachingFirstMs }
}

async function restarted(
  bench: Bench,
  resources: number,
  prefix: string,
): Promise<Pick<ScaleResult, 'readyAgainMs' | 'firstSecondsP99Ms'>> {
  const { databaseUrl } = await bench.dataSet(resources)
  const readers = await bench.stack.headersOf(
    Array.from({ length: READERS_PER_SIZE }, (_, index) => readerOf(50, index)),
  )
  const requests = readers.map((headers) => ({ method: 'GET' as const, path: '/resources', headers }))
  const load = startLoadGenerator()
  const server = await startService(bench.stack, { name: `portcullis-${resources}-again`, databaseUrl, prefix })
  try {
    const { latencyMs } = await load.run(server, { requests, ...AT_THE_START })
    return { readyAgainMs: server.readyAfterMs, firstSecondsP99Ms: latencyMs.p99 }
  } finally {
    load.close()
    await server.stop()
  }
}

/** Round robin over the instances: what the machine does meanwhile, it does to all of them. */
async function measureMisses(bench: Bench, instances: Instance[], redis: Redis): Promise<Map<number, number[]>> {
  const times = new Map<number, number[]>()
  for (let round = -READERS_PER_SIZE; round < bench.repeats; round++) {
    const reader = readerOf(50, (round + READERS_PER_SIZE) % READERS_PER_SIZE)
    const [headers = {}] = await bench.stack.headersOf([reader])
    for (const { resources, client, prefix } of instances) {
      await redis.unlink(`${prefix}resources:{${reader}}`, `${prefix}user:groups:{${reader}}`)
      const { status, ms, cacheStatus } = await client.ask('GET', '/resources', headers)
      if (status !== 200 || !cacheStatus.includes('fwd=miss')) throw new Error(`no miss: ${status} ${cacheStatus}`)
      if (round >= 0) times.set(resources, [...(times.get(resources) ?? []), ms])
    }
  }
  return times
}

/** The first page of a list of ten thousand beside that of a list of fifty, where there are so many. */
async function compareLongList(bench: Bench, instances: Instance[]): Promise<Standing[]> {
  const largest = instances.findLast(({ resources }) => resources >= 10_000)
  if (!largest) return []
  bench.log('first page of a long list')
  const [short = {}, long = {}] = await bench.stack.headersOf([readerOf(50, 0), longReader])
  const path = '/resources'
  for (const headers of [short, long]) await largest.client.ask('GET', path, headers)
  return compare(
    [
      { server: largest.server, name: 'first page of 50 items', requests: [{ path, headers: short }] },
      { server: largest.server, name: 'first page of 10,000 items', requests: [{ path, headers: long }] },
    ],
    bench.comparison,
  )
}
