/** The shared store on Redis: one script per operation, so each is atomic, one round trip, and safe to run late. */
import { randomBytes } from 'node:crypto'
import {
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type Fill,
  LARGEST_ENTRY_BYTES,
  type LayerName,
  type Lease,
  type LeaseRequest,
  type ReadRequest,
  type StoreWait,
} from '../cache/index.ts'
import { nextEcho, READS_PER_ROUND_TRIP, readEntries, readEntry, repliesOf, verified } from './entry-reader.ts'
import { createFillQuestions, type KnownEntry } from './fill-questions.ts'
import { type Guard, runWithin } from './guard.ts'
import type { Keys } from './keys.ts'
import type { ReplicaReader } from './replica-reader.ts'
import type { CountReply, LeaseReply, ScriptedPipeline, ScriptedRedis } from './scripts.ts'

export interface RedisEntryStoreOptions {
  readonly redis: ScriptedRedis
  readonly guard: Guard
  readonly keys: Keys
  /** Asked where the master cannot be; absent: misses instead. */
  readonly replica?: ReplicaReader | undefined
}

/** Together with their parts and leases 3,000 names in one script: a millisecond or two for Redis. */
const INVALIDATIONS_PER_SCRIPT = 1000
/** Who has waited longer for earlier commands asks by himself: a shared round must not end with the budget of one. */
const SHARED_UNTIL_MS = 10
const LEASES_PER_ROUND_TRIP = 256
/** What is written in one go; a large fill goes in several, so that others' commands pass in between. */
const FILL_BYTES_PER_ROUND_TRIP = 1024 * 1024
const SCAN_COUNT = 500
const ABSENT: EntryRead = Object.freeze({ kind: 'absent' })

export function createRedisEntryStore(options: RedisEntryStoreOptions): EntryStore {
  const { redis, guard, keys, replica } = options
  const questions = createFillQuestions({ redis, guard, keys })

  /** Null where nothing can be asked about: no copy is held, or the master cannot be asked together with others. */
  function questionAbout({ key, layer, knownFillId }: ReadRequest, wait?: StoreWait): KnownEntry | null {
    if (knownFillId === undefined || guard.state() !== 'closed') return null
    return wait && wait.spentMs > SHARED_UNTIL_MS ? null : { key, layer, knownFillId }
  }

  /** Most reads ask about a copy that is still current: those share their round trips, and move nothing. */
  function readOne(request: ReadRequest, wait?: StoreWait): Promise<EntryRead[]> {
    const question = questionAbout(request, wait)
    if (question === null) return readSome([request], wait)
    const asked = questions.leftMs(question, wait)
    return asked.then((leftMs) => (leftMs === null ? readSome([request], wait) : [same(leftMs)]))
  }

  async function readMany(requests: readonly ReadRequest[], wait?: StoreWait): Promise<EntryRead[]> {
    const current = await Promise.all(
      requests.map((request) => {
        const question = questionAbout(request, wait)
        return question && questions.leftMs(question, wait)
      }),
    )
    const toRead = requests.filter((_, index) => current[index] === null)
    const read = await inChunks(chunksOf(toRead, READS_PER_ROUND_TRIP), (some) => readSome(some, wait))
    return current.map((leftMs) => (leftMs === null ? (read.shift() ?? ABSENT) : same(leftMs)))
  }

  /**
   * From the master; from a replica only once the breaker is open, not after a first failure: while Redis is well, a
   * replica that lags by a millisecond would undo what an invalidation on the master has promised.
   */
  function readSome(requests: readonly ReadRequest[], wait?: StoreWait): Promise<EntryRead[]> {
    if (guard.state() !== 'closed' && replica?.isHealthy()) return replica.read(requests, wait)
    return runWithin(guard, wait, 'read', () => fromMaster(requests))
  }

  async function fromMaster(requests: readonly ReadRequest[]): Promise<EntryRead[]> {
    const [only] = requests
    if (requests.length === 1 && only) return [await readEntry(redis, keys, only)]
    return readEntries(redis, keys, requests)
  }

  async function takeSome(requests: readonly LeaseRequest[], wait?: StoreWait): Promise<(Lease | null)[]> {
    const pipeline = redis.pipeline() as unknown as ScriptedPipeline
    const asked = requests.map(({ key, layer, leaseMs }) => {
      const [echo, token] = [nextEcho(), randomId()]
      pipeline.takeLeaseBuffer(keys.lease(key), keys.generation(layer), echo, token, leaseMs, randomId())
      return { echo, token }
    })
    const echoes = asked.map(({ echo }) => echo)
    const replies = await runWithin(guard, wait, 'take-lease', () => repliesOf<LeaseReply>(pipeline, echoes))
    return replies.map(([, taken, generation], index) => {
      const token = asked[index]?.token
      return taken === 1 && token && generation ? { token, generation: generation.toString('latin1') } : null
    })
  }

  async function takeOne({ key, layer, leaseMs }: LeaseRequest, wait?: StoreWait): Promise<Lease | null> {
    const [echo, token] = [nextEcho(), randomId()]
    const [, taken, generation] = await runWithin(guard, wait, 'take-lease', async () =>
      verified(
        await redis.takeLeaseBuffer(keys.lease(key), keys.generation(layer), echo, token, leaseMs, randomId()),
        echo,
      ),
    )
    return taken === 1 && generation ? { token, generation: generation.toString('latin1') } : null
  }

  async function fillSome(fills: readonly Fill[], wait?: StoreWait): Promise<boolean[]> {
    const pipeline = redis.pipeline() as unknown as ScriptedPipeline
    const echoes = fills.map((fill) => {
      const echo = nextEcho()
      pipeline.fillEntryBuffer(...fillArguments(fill, echo))
      return echo
    })
    const replies = await runWithin(guard, wait, 'fill', () => repliesOf<CountReply>(pipeline, echoes))
    return replies.map(([, accepted]) => accepted === 1)
  }

  function fillArguments({ key, layer, lease, fillId, bytes, ttlMs, parts = [] }: Fill, echo: number) {
    return [
      ...([keys.entry(key), keys.parts(key), keys.lease(key), keys.generation(layer)] as const),
      ...([echo, lease.token, lease.generation, ttlMs, bytes, fillId] as const),
      ...parts,
    ] as const
  }

  async function invalidateSome(some: readonly EntryKey[]): Promise<number> {
    const echo = nextEcho()
    const names = some.map(keys.entry)
    const [, present] = await guard.runAnyway('invalidate', async () =>
      verified(await redis.invalidateEntries(names.length, ...names, echo), echo),
    )
    return present
  }

  async function sweepLayer(layer: LayerName): Promise<number> {
    let removed = 0
    let cursor = '0'
    do {
      const from = cursor
      const [next, found] = await guard.run('scan', () =>
        redis.scanBuffer(from, 'MATCH', keys.pattern(layer), 'COUNT', SCAN_COUNT),
      )
      if (found.length > 0) removed += await guard.run('unlink', () => redis.unlink(...found))
      cursor = next.toString()
    } while (cursor !== '0')
    return removed
  }

  return {
    read(requests, wait) {
      const [only] = requests
      return requests.length === 1 && only ? readOne(only, wait) : readMany(requests, wait)
    },

    async readPart(key, fillId, part, wait) {
      const echo = nextEcho()
      const [, bytes] = await runWithin(guard, wait, 'read-part', async () =>
        verified(await redis.readPartBuffer(keys.parts(key), echo, fillId, part, LARGEST_ENTRY_BYTES), echo),
      )
      return bytes
    },

    async takeLeases(requests, wait) {
      const [only] = requests
      if (requests.length === 1 && only) return [await takeOne(only, wait)]
      return inChunks(chunksOf(requests, LEASES_PER_ROUND_TRIP), (some) => takeSome(some, wait))
    },

    fill: (fills, wait) => inChunks(bySize(fills), (some) => fillSome(some, wait)),

    async releaseLease(key, { token, generation }, wait) {
      const echo = nextEcho()
      await runWithin(guard, wait, 'release-lease', async () =>
        verified(await redis.releaseLease(keys.lease(key), echo, token, generation), echo),
      )
    },

    async invalidate(all) {
      let present = 0
      // In order: an input is gone before what was derived from it, also across scripts.
      for (const some of chunksOf(all, INVALIDATIONS_PER_SCRIPT)) present += await invalidateSome(some)
      return present
    },

    async replaceGenerations(layers) {
      if (layers.length === 0) return
      const echo = nextEcho()
      const names = layers.map(keys.generation)
      await guard.runAnyway('replace-generations', async () =>
        verified(await redis.replaceGenerations(names.length, ...names, echo, ...layers.map(randomId)), echo),
      )
    },

    async sweep(layers) {
      let removed = 0
      for (const layer of layers) removed += await sweepLayer(layer)
      return removed
    },

    async inspect(key, layer) {
      const echo = nextEcho()
      const [, bytes, ttlMs = 0, current] = await guard.run('inspect', async () =>
        verified(
          await redis.inspectEntryBuffer(keys.entry(key), keys.generation(layer), echo, LARGEST_ENTRY_BYTES),
          echo,
        ),
      )
      return bytes && { bytes, ttlMs: Math.max(0, ttlMs), currentGeneration: current === 1 }
    },
  }
}

const same = (ttlMs: number): EntryRead => ({ kind: 'same', ttlMs })

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
    if (some.length > 0 && bytes + sizeOf(fill) > FILL_BYTES_PER_ROUND_TRIP) {
      yield some
      some = []
      bytes = 0
    }
    some.push(fill)
    bytes += sizeOf(fill)
  }
  if (some.length > 0) yield some
}

function sizeOf({ bytes, parts = [] }: Fill): number {
  return parts.reduce((sum, part) => sum + part.length, bytes.length)
}

async function inChunks<In, Out>(
  chunks: Iterable<readonly In[]>,
  run: (chunk: readonly In[]) => Promise<Out[]>,
): Promise<Out[]> {
  const results: Out[] = []
  for (const chunk of chunks) results.push(...(await run(chunk)))
  return results
}
