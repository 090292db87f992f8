/** What people cost who see very much or are in very many groups: first reads, pages, filters, and memory. */
import { Redis } from 'ioredis'
import type { Bench } from '../harness/bench.ts'
import { residentBytes } from '../harness/processor.ts'
import { newPrefix, type Server, startService } from '../harness/servers.ts'
import { type LatencyMs, latencyOf } from '../harness/statistics.ts'
import { type Client, createClient } from '../harness/timed.ts'
import { untilCaching } from '../harness/until-caching.ts'
import { WIDE_READERS, type WideKind, wideKinds } from '../harness/wide-data-set.ts'
import { type CrowdResult, measureCrowd } from './wide-crowd.ts'

export interface WideResult {
  readonly resources: number
  readonly kinds: readonly WideKindResult[]
  readonly residentMb: { readonly before: number | null; readonly after: number | null }
  readonly crowd: CrowdResult
}

export interface WideKindResult {
  readonly name: string
  /** Every read of theirs that was timed. */
  readonly reads: Readonly<Record<WideRead, LatencyMs | null>>
  /** How an answer to each came about, most often. */
  readonly answeredAs: Readonly<Record<WideRead, string>>
  /** What Redis keeps of one such person's list, in bytes of text and with everything around it. */
  readonly entry: { readonly bytes: number; readonly memoryBytes: number; readonly keys: number }
}

export const WIDE_READS = [
  'first read',
  'default page',
  'page 2',
  'page at half',
  'limit=200',
  'kind',
  'q',
  'permission',
] as const
export type WideRead = (typeof WIDE_READS)[number]

const EXTENTS = {
  quick: { resources: 10_000, firstReads: 20, repeats: 15, capMs: 8000 },
  full: { resources: 100_000, firstReads: 100, repeats: 60, capMs: 45_000 },
} as const
/** Walking half a long list may take long in a version that is bad at it. */
const WALK_MS = 8000
const WARM_UP = 20
const HALF_AT_MOST_PAGES = 1000

type Headers = Readonly<Record<string, string>>
interface Times {
  readonly ms: number[]
  readonly statuses: Map<string, number>
}

export async function measureWide(bench: Bench): Promise<WideResult> {
  const { resources } = EXTENTS[bench.extent]
  const { databaseUrl } = await bench.wideDataSet(resources)
  const prefix = newPrefix()
  const server = await startService(bench.stack, { databaseUrl, prefix })
  const client = createClient(server.url)
  const redis = new Redis({ host: '127.0.0.1', port: await bench.stack.masterPort() })
  const kinds = wideKinds(resources)
  try {
    await untilCaching(bench.stack, server)
    await warmUp(bench, client, kinds)
    const before = residentMb(server)
    const times = new Map(kinds.map((kind) => [kind, new Map<WideRead, Times>()]))
    bench.log(`first reads of people who see up to ${resources} resources`)
    await firstReads(bench, client, times)
    bench.log('their pages')
    await pages(bench, client, times)
    const results: WideKindResult[] = []
    for (const [kind, reads] of times)
      results.push({ name: kind.name, ...readsOf(reads), entry: await entryOf(redis, prefix, kind.reader(0)) })
    const after = residentMb(server)
    const crowd = await measureCrowd(bench, server, kinds)
    return { resources, kinds: results, residentMb: { before, after }, crowd }
  } finally {
    redis.disconnect()
    client.close()
    await server.stop()
  }
}

const residentMb = ({ pid }: Server) => {
  const bytes = residentBytes(pid)
  return bytes && bytes / 1024 / 1024
}

async function warmUp({ stack }: Bench, client: Client, [usual]: readonly WideKind[]): Promise<void> {
  const names = Array.from({ length: WARM_UP }, (_, at) => usual?.reader(WIDE_READERS + at) ?? '')
  for (const headers of await stack.headersOf(names)) await timed(client, '/resources', headers)
}

type All = ReadonlyMap<WideKind, Map<WideRead, Times>>

/** Round robin over the kinds, each time a user who has not asked before, until time is up. */
async function firstReads({ stack, extent }: Bench, client: Client, all: All): Promise<void> {
  const { firstReads: rounds, capMs } = EXTENTS[extent]
  const startedMs = performance.now()
  for (let round = 0; round < rounds && performance.now() - startedMs < capMs; round++)
    for (const [kind, reads] of all) {
      const [headers = {}] = await stack.headersOf([kind.reader(round)])
      record(reads, 'first read', await timed(client, '/resources', headers))
    }
}

async function pages({ stack, extent }: Bench, client: Client, all: All): Promise<void> {
  const { repeats, capMs } = EXTENTS[extent]
  const asked = []
  for (const [kind, reads] of all) {
    const [headers = {}] = await stack.headersOf([kind.reader(0)])
    asked.push({ reads, headers, paths: await pathsOf(client, headers, kind) })
  }
  const startedMs = performance.now()
  for (let round = -1; round < repeats && (round < 1 || performance.now() - startedMs < capMs); round++)
    for (const read of WIDE_READS)
      for (const { reads, headers, paths } of asked) {
        const path = paths.get(read)
        if (path === undefined) continue
        const answer = await timed(client, path, headers)
        if (round >= 0) record(reads, read, answer)
      }
}

/** What a person of this kind can ask for; nobody who sees 50 has a second page. */
async function pathsOf(client: Client, headers: Headers, { sees }: WideKind): Promise<Map<WideRead, string>> {
  const first = await pageAt(client, headers, '/resources')
  const paths = new Map<WideRead, string>([
    ['default page', '/resources'],
    ['limit=200', '/resources?limit=200'],
    ['kind', '/resources?kind=document'],
    ['q', `/resources?q=${encodeURIComponent(first.data[0]?.name.slice(0, 6) ?? '')}`],
    ['permission', '/resources?permission=read'],
  ])
  if (first.nextCursor === null) return paths
  paths.set('page 2', `/resources?cursor=${first.nextCursor}`)
  const half = await cursorAt(client, headers, Math.floor(sees / 2))
  if (half !== null) paths.set('page at half', `/resources?cursor=${half}`)
  return paths
}

/** Cursors are the server's: half of the list is reached by walking there, as far as that goes in time. */
async function cursorAt(client: Client, headers: Headers, item: number): Promise<string | null> {
  const startedMs = performance.now()
  let cursor: string | null = null
  for (let page = 0; page < HALF_AT_MOST_PAGES && page * 200 < item; page++) {
    if (performance.now() - startedMs > WALK_MS) break
    const path: string = cursor === null ? '/resources?limit=200' : `/resources?limit=200&cursor=${cursor}`
    const { nextCursor } = await pageAt(client, headers, path)
    if (nextCursor === null) break
    cursor = nextCursor
  }
  return cursor
}

interface Page {
  readonly data: readonly { readonly id: string; readonly name: string }[]
  readonly nextCursor: string | null
}

async function pageAt(client: Client, headers: Headers, path: string): Promise<Page> {
  return JSON.parse((await timed(client, path, headers)).body) as Page
}

async function timed(client: Client, path: string, headers: Headers) {
  const answer = await client.ask('GET', path, headers)
  if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status}: ${answer.body}`)
  return answer
}

function record(reads: Map<WideRead, Times>, read: WideRead, answer: { ms: number; cacheStatus: string }): void {
  const times: Times = reads.get(read) ?? { ms: [], statuses: new Map() }
  const status = answer.cacheStatus.replace(/^portcullis; /, '').replace(/; ttl=\d+/, '')
  times.ms.push(answer.ms)
  times.statuses.set(status, (times.statuses.get(status) ?? 0) + 1)
  reads.set(read, times)
}

function readsOf(reads: ReadonlyMap<WideRead, Times>): Pick<WideKindResult, 'reads' | 'answeredAs'> {
  const each = <T>(of: (times: Times | undefined) => T) =>
    Object.fromEntries(WIDE_READS.map((read) => [read, of(reads.get(read))])) as Record<WideRead, T>
  return {
    reads: each((times) => (times ? latencyOf(times.ms) : null)),
    answeredAs: each((times) => [...(times?.statuses ?? [])].sort(([, one], [, other]) => other - one)[0]?.[0] ?? ''),
  }
}

/** Everything under the prefix that is this person's list: the entry and what belongs to it. */
async function entryOf(redis: Redis, prefix: string, reader: string): Promise<WideKindResult['entry']> {
  const entry = { bytes: 0, memoryBytes: 0, keys: 0 }
  const match = `${prefix}resources:{${encodeURIComponent(reader)}}*`
  for await (const keys of redis.scanStream({ match, count: 1000 }) as AsyncIterable<string[]>)
    for (const key of keys) {
      const memory = Number(await redis.memory('USAGE', key, 'SAMPLES', 0))
      entry.bytes += (await redis.type(key)) === 'string' ? await redis.strlen(key) : memory
      entry.memoryBytes += memory
      entry.keys++
    }
  return entry
}
