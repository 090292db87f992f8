/** The shared store on Redis: one script per operation, so each is atomic, one round trip, and safe to run late. */
import { randomBytes } from 'node:crypto'
import {
  type EntryKey,
  type EntryStore,
  type Fill,
  LARGEST_ENTRY_BYTES,
  type LayerName,
  type Lease,
  type LeaseRequest,
  type Opened,
  type StoreWait,
} from '../cache/index.ts'
import { READS_PER_ROUND_TRIP, readEntries } from './entry-reader.ts'
import { GarbledReplyError } from './failure.ts'
import { createFillQuestions } from './fill-questions.ts'
import { type Guard, runWithin } from './guard.ts'
import type { Keys } from './keys.ts'
import type { ReplicaReader } from './replica-reader.ts'
import { echoed, nextEcho, repliesOf } from './replies.ts'
import type { LeaseReply, OpenedReply, ScriptedPipeline, ScriptedRedis } from './scripts.ts'

export interface RedisEntryStoreOptions {
  readonly redis: ScriptedRedis
  readonly guard: Guard
  readonly keys: Keys
  /** Used if the master cannot be asked; absent: misses instead. */
  readonly replica?: ReplicaReader | undefined
}

/** With their leases 2,000 names in one script: a millisecond for Redis. */
const INVALIDATIONS_PER_SCRIPT = 1000
const LEASES_PER_ROUND_TRIP = 256
/** How much is written at once; a large fill is split, so that other commands pass in between. */
const FILL_BYTES_PER_ROUND_TRIP = 1024 * 1024
const SCAN_COUNT = 500
const WHY = [undefined, 'flushed', 'too-large', 'damaged'] as const

export function createRedisEntryStore(options: RedisEntryStoreOptions): EntryStore {
  const { redis, guard, keys, replica } = options
  const questions = createFillQuestions(options)

  return {
    leftOf: questions.leftOf.bind(questions),

    async open(requests, wait) {
      const tokens = requests.map(randomId)
      const names = requests.flatMap((request) => namesOf(keys, request))
      const values = requests.flatMap(({ leaseMs, refusedFillId = '' }, at) => [
        tokens[at] ?? '',
        leaseMs,
        randomId(),
        // Byte by byte as it was read: damage need not be text, and must be recognised, or it would be brought for ever.
        Buffer.from(refusedFillId, 'latin1'),
      ])
      const [, ...replies] = await runWithin(guard, wait, 'open', () =>
        echoed((echo) => redis.openEntriesBuffer(names.length, ...names, echo, LARGEST_ENTRY_BYTES, ...values)),
      )
      return replies.map((reply, at) => openedOf(reply, tokens[at] ?? ''))
    },

    read: (requests) =>
      inChunks(chunksOf(requests, READS_PER_ROUND_TRIP), (some) =>
        guard.run('read', () => readEntries(redis, keys, some)),
      ),

    readReplica: (request, wait) => (replica?.isHealthy() ? replica.read(request, wait) : null),

    ...createFills(options),
    ...createRemovals(options),

    async inspect(key, layer) {
      const [, bytes, ttlMs = 0, current] = await guard.run('inspect', () =>
        echoed((echo) => redis.inspectEntryBuffer(keys.entry(key), keys.generation(layer), echo, LARGEST_ENTRY_BYTES)),
      )
      return bytes && { bytes, ttlMs: Math.max(0, ttlMs), currentGeneration: current === 1 }
    },
  }
}

/** What stores entries: under a lease, which is taken before and given back where nothing is stored. */
function createFills({
  redis,
  guard,
  keys,
}: RedisEntryStoreOptions): Pick<EntryStore, 'takeLeases' | 'fill' | 'releaseLease'> {
  async function takeSome(requests: readonly LeaseRequest[]): Promise<(Lease | null)[]> {
    const pipeline = redis.pipeline() as unknown as ScriptedPipeline
    const asked = requests.map(({ key, layer, leaseMs }) => {
      const [echo, token] = [nextEcho(), randomId()]
      pipeline.takeLeaseBuffer(keys.lease(key), keys.generation(layer), echo, token, leaseMs, randomId())
      return { echo, token }
    })
    const echoes = asked.map(({ echo }) => echo)
    const replies = await guard.run('take-lease', () => repliesOf<LeaseReply>(pipeline, echoes))
    return replies.map(([, taken, generation], index) => {
      const token = asked[index]?.token
      return taken === 1 && token && generation ? { token, generation: generation.toString('latin1') } : null
    })
  }

  async function fillSome(fills: readonly Fill[], wait?: StoreWait): Promise<boolean[]> {
    const names = fills.flatMap((fill) => namesOf(keys, fill))
    const values = fills.flatMap(({ lease, ttlMs, bytes }) => [lease.token, lease.generation, ttlMs, bytes])
    const [, ...accepted] = await runWithin(guard, wait, 'fill', () =>
      echoed((echo) => redis.fillEntries(names.length, ...names, echo, ...values)),
    )
    return accepted.map((each) => each === 1)
  }

  return {
    takeLeases: (requests) => inChunks(chunksOf(requests, LEASES_PER_ROUND_TRIP), takeSome),
    fill: (fills, wait) => inChunks(bySize(fills), (some) => fillSome(some, wait)),
    async releaseLease(key, { token, generation }, wait) {
      await runWithin(guard, wait, 'release-lease', () =>
        echoed((echo) => redis.releaseLease(keys.lease(key), echo, token, generation)),
      )
    },
  }
}

/** Removes entries: by name, by their generation, or by a scan. */
function createRemovals({
  redis,
  guard,
  keys,
}: RedisEntryStoreOptions): Pick<EntryStore, 'invalidate' | 'replaceGenerations' | 'sweep'> {
  async function invalidateSome(some: readonly EntryKey[]): Promise<number> {
    const names = some.map(keys.entry)
    const [, present] = await guard.runAnyway('invalidate', () =>
      echoed((echo) => redis.invalidateEntries(names.length, ...names, echo)),
    )
    return present
  }

  async function sweepSome(layer: LayerName, found: readonly Buffer[]): Promise<number> {
    const names = [keys.generation(layer), ...found]
    const [, removed] = await guard.run('sweep', () =>
      echoed((echo) => redis.sweepEntries(names.length, ...names, echo)),
    )
    return removed
  }

  async function sweepLayer(layer: LayerName): Promise<number> {
    let removed = 0
    let cursor = '0'
    do {
      const from = cursor
      const [next, found] = await guard.run('scan', () =>
        redis.scanBuffer(from, 'MATCH', keys.pattern(layer), 'COUNT', SCAN_COUNT),
      )
      if (found.length > 0) removed += await sweepSome(layer, found)
      cursor = next.toString()
    } while (cursor !== '0')
    return removed
  }

  return {
    async invalidate(all) {
      let present = 0
      // In order: an input is gone before what was derived from it, also across scripts.
      for (const some of chunksOf(all, INVALIDATIONS_PER_SCRIPT)) present += await invalidateSome(some)
      return present
    },

    async replaceGenerations(layers) {
      if (layers.length === 0) return
      const names = layers.map(keys.generation)
      await guard.runAnyway('replace-generations', () =>
        echoed((echo) => redis.replaceGenerations(names.length, ...names, echo, ...layers.map(randomId))),
      )
    },

    async sweep(layers) {
      let removed = 0
      for (const layer of layers) removed += await sweepLayer(layer)
      return removed
    },
  }
}

function namesOf(keys: Keys, { key, layer }: { readonly key: EntryKey; readonly layer: LayerName }): readonly string[] {
  return [keys.remembered(key), keys.lease(key), keys.generation(layer)]
}

function openedOf([kind, first, second]: OpenedReply, token: string): Opened {
  if (kind === 0) return { kind: 'busy' }
  if (kind === 1 && Buffer.isBuffer(first) && typeof second === 'number') {
    const why = WHY[second]
    return { kind: 'leased', lease: { token, generation: first.toString('latin1') }, ...(why && { instead: why }) }
  }
  if (kind === 2 && typeof first === 'number' && Buffer.isBuffer(second))
    return { kind: 'found', bytes: second, ttlMs: first }
  throw new GarbledReplyError()
}

/** 16 characters; as many as the first line of an entry has room for. */
function randomId(): string {
  return randomBytes(8).toString('hex')
}

function* chunksOf<Item>(all: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < all.length; start += size) yield all.slice(start, start + size)
}

function* bySize(fills: readonly Fill[]): Generator<readonly Fill[]> {
  let some: Fill[] = []
  let bytes = 0
  for (const fill of fills) {
    if (some.length > 0 && bytes + fill.bytes.length > FILL_BYTES_PER_ROUND_TRIP) {
      yield some
      some = []
      bytes = 0
    }
    some.push(fill)
    bytes += fill.bytes.length
  }
  if (some.length > 0) yield some
}

async function inChunks<In, Out>(
  chunks: Iterable<readonly In[]>,
  run: (chunk: readonly In[]) => Promise<Out[]>,
): Promise<Out[]> {
  const results: Out[] = []
  for (const chunk of chunks) results.push(...(await run(chunk)))
  return results
}
