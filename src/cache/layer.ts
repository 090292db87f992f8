/**
 * One read-through layer: ask the store, judge what it returns, and on a miss load under a lease and fill.
 * Order of a miss: lease first, then stamp and load; a lease taken after the load lets a stale fill through.
 * (Leases: "Scaling Memcache at Facebook", NSDI 2013.)
 */
import type { Clock } from './clock.ts'
import type { Copies, Copy } from './copies.ts'
import { type Entry, type EntryCodec, newFillId } from './entry-codec.ts'
import { type EntryKey, type EntryStore, type LayerName, type Lease, StoreUnavailableError } from './entry-store.ts'
import type { InvalidationIndex, RetentionClass, Verdict } from './invalidation-index.ts'
import { createSingleFlight, type Seal, type Shareable } from './single-flight.ts'
import type { Stamp } from './snapshot.ts'
import type { StoreWait } from './store-wait.ts'
import type { Tag } from './tags.ts'

/** What a loader returns; the stamp is taken in the same statement or transaction as the value. */
export interface Loaded<V> {
  readonly value: V
  readonly stamp: Stamp
  readonly tags: readonly Tag[]
  /** What is left of the life of the inputs, in milliseconds: a derived entry never outlives them. */
  readonly ttlMs?: number
}

export type Load<V> = () => Promise<Loaded<V>>

export interface LayerRead<V> {
  readonly value: V
  readonly stamp: Stamp
  readonly tags: readonly Tag[]
  readonly fillId: string
  /** Remaining life in milliseconds. */
  readonly ttlMs: number
  readonly outcome: 'hit' | 'stored' | 'not-stored'
  readonly detail?: string
}

/** How a layer's values become bytes and back. `decode` may throw: that is a damaged entry, counted as a miss. */
export interface ValueCodec<V> {
  encode(value: V): { body: Buffer; meta?: Record<string, unknown>; parts?: readonly Buffer[] }
  decode(entry: Entry): V
}

/** Why an entry that was present was not served. */
export type Rejection = Exclude<Verdict, 'servable'> | 'damaged' | 'flushed' | 'too-large'

export interface LayerEvents {
  /** `replica`: read from one while the master is out of reach. */
  hit?(layer: LayerName, from: 'master' | 'replica'): void
  miss?(layer: LayerName): void
  rejected?(layer: LayerName, why: Rejection): void
  loaded?(layer: LayerName, ms: number): void
  fillRefused?(layer: LayerName): void
  leaseWaited?(layer: LayerName, ms: number): void
}

export interface LayerOptions<V> {
  readonly name: LayerName
  readonly retention: RetentionClass
  /** Longest life of an entry, in milliseconds. */
  readonly ttlMs: number
  /** How long a dead lease holder can delay others, in milliseconds. */
  readonly leaseMs: number
  readonly store: EntryStore
  readonly index: InvalidationIndex
  readonly clock: Clock
  readonly codec: ValueCodec<V>
  readonly entries: EntryCodec
  readonly copies: Copies<V>
  readonly events: LayerEvents
}

export interface Layer<V> {
  readonly name: LayerName
  /**
   * @param load reads the source of truth; called once for all who miss together, here and on other instances
   * @param wait what the request may still wait for the store, over this and all its other reads
   * @throws StoreUnavailableError when the shared store cannot be asked; the caller answers from the source of truth
   */
  read(key: EntryKey, load: Load<V>, wait?: StoreWait): Promise<LayerRead<V>>
  /** Whether what was read could still be served now. */
  judge(read: { stamp: Stamp; tags: readonly Tag[] }): Verdict
}

/** One reader's miss: what is read, how it is loaded, and what he has waited for the store. */
interface Miss<V> {
  readonly key: EntryKey
  readonly load: Load<V>
  readonly wait: StoreWait | undefined
}

const FIRST_WAIT_MS = 4
const LONGEST_WAIT_MS = 64

export function createLayer<V>(options: LayerOptions<V>): Layer<V> {
  const { name, store, index, clock, codec, entries, copies, events } = options
  const flights = createSingleFlight<LayerRead<V> & Shareable>()

  function judge({ stamp, tags }: { stamp: Stamp; tags: readonly Tag[] }): Verdict {
    return index.judge(stamp, tags, options.retention)
  }

  /** The stored entry if it may be served now. */
  async function lookUp(key: EntryKey, wait?: StoreWait): Promise<LayerRead<V> | null> {
    const copy = copies.get(key)
    const [answer] = await store.read([{ key, layer: name, ...(copy && { knownFillId: copy.entry.fillId }) }], wait)
    switch (answer?.kind) {
      case 'same':
        return copy ? admit(key, copy, answer.ttlMs, answer.replica) : null
      case 'found':
        return decoded(key, answer.bytes, answer.ttlMs, answer.replica)
      case 'flushed':
      case 'too-large':
        copies.delete(key)
        events.rejected?.(name, answer.kind)
        return null
      default:
        copies.delete(key)
        return null
    }
  }

  function decoded(key: EntryKey, bytes: Buffer, ttlMs: number, replica?: boolean): LayerRead<V> | null {
    const entry = entries.decode(key, bytes)
    const value = entry && attempt(() => codec.decode(entry))
    if (!entry || !value) {
      events.rejected?.(name, 'damaged')
      return null
    }
    const copy: Copy<V> = { entry, value: value.result, bytes: bytes.length, judgedAt: -1 }
    copies.set(key, copy)
    return admit(key, copy, ttlMs, replica)
  }

  function admit(key: EntryKey, copy: Copy<V>, ttlMs: number, replica?: boolean): LayerRead<V> | null {
    if (copy.judgedAt !== index.revision) {
      const revision = index.revision
      const verdict = judge(copy.entry)
      if (verdict !== 'servable') {
        copies.delete(key)
        events.rejected?.(name, verdict)
        return null
      }
      copy.judgedAt = revision
    }
    const { stamp, tags, fillId } = copy.entry
    return { value: copy.value, stamp, tags, fillId, ttlMs, outcome: 'hit', ...(replica && { detail: 'replica' }) }
  }

  /** Polls while another holder loads; null when it takes longer than his lease can last. */
  async function waitForHolder({ key, wait }: Miss<V>, seal: Seal): Promise<LayerRead<V> | Lease | null> {
    const startedMs = clock.monotonicMs()
    try {
      for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
        const leftMs = startedMs + options.leaseMs - clock.monotonicMs()
        if (leftMs <= 0) return null
        await clock.sleep(Math.min(waitMs, leftMs))
        seal()
        const found = await lookUp(key, wait)
        if (found) return found
        const lease = await takeLease({ key, wait })
        if (lease) return lease
      }
    } finally {
      events.leaseWaited?.(name, clock.monotonicMs() - startedMs)
    }
  }

  async function takeLease({ key, wait }: Pick<Miss<V>, 'key' | 'wait'>): Promise<Lease | null> {
    const [lease] = await store.takeLeases([{ key, layer: name, leaseMs: options.leaseMs }], wait)
    return lease ?? null
  }

  async function readThrough(miss: Miss<V>, seal: Seal): Promise<LayerRead<V> & Shareable> {
    const lease = (await takeLease(miss)) ?? (await waitForHolder(miss, seal))
    if (lease && 'outcome' in lease) return shareable(lease)
    if (!lease) return notStored(await timed(miss), 'lease-busy')
    return fillUnder(lease, miss, seal)
  }

  /** For who could not share a load: by now the store may hold what he needs. */
  async function lookUpFirst(miss: Miss<V>, seal: Seal): Promise<LayerRead<V> & Shareable> {
    seal()
    const found = await lookUp(miss.key, miss.wait)
    return found ? shareable(found) : readThrough(miss, seal)
  }

  async function fillUnder(lease: Lease, miss: Miss<V>, seal: Seal): Promise<LayerRead<V> & Shareable> {
    const { key, wait } = miss
    const ending: { filled?: boolean } = {}
    try {
      const loaded = await timed(miss)
      const ttlMs = Math.floor(Math.min(options.ttlMs, loaded.ttlMs ?? options.ttlMs))
      if (ttlMs < 1) return notStored(loaded, 'inputs-expiring')
      const { body, meta = {}, parts = [] } = codec.encode(loaded.value)
      const { stamp, tags } = loaded
      const entry: Entry = { fillId: newFillId(), stamp, tags, loadedAt: clock.wallMs(), meta, body }
      const bytes = entries.encode(key, entry, lease)
      const fill = { key, layer: name, lease, fillId: entry.fillId, bytes, parts, ttlMs }
      seal()
      const [accepted] = await store.fill([fill], wait).catch(survive)
      ending.filled = true
      if (!accepted) {
        events.fillRefused?.(name)
        return notStored(loaded, accepted === false ? 'lease-lost' : 'redis-unavailable')
      }
      // As another process would hold it: what only the loader knows (further pages) is not kept.
      copies.set(key, { entry, value: codec.decode(entry), bytes: bytes.length, judgedAt: -1 })
      return shareable({ value: loaded.value, stamp, tags, fillId: entry.fillId, ttlMs, outcome: 'stored' })
    } finally {
      // A load that threw frees its key at once; a lease that cannot be released expires by itself.
      if (!ending.filled) await store.releaseLease(key, lease, wait).catch(survive)
    }
  }

  async function timed({ load }: Miss<V>): Promise<Loaded<V>> {
    const startedMs = clock.monotonicMs()
    const loaded = await load()
    events.loaded?.(name, clock.monotonicMs() - startedMs)
    return loaded
  }

  /** Stored under a lease that nothing took away: those who joined may have it, as long as it is servable. */
  function shareable(read: LayerRead<V>): LayerRead<V> & Shareable {
    return { ...read, shareable: () => judge(read) === 'servable' }
  }

  return {
    name,
    judge,
    async read(key, load, wait) {
      const found = await lookUp(key, wait)
      if (found) {
        events.hit?.(name, found.detail === 'replica' ? 'replica' : 'master')
        return found
      }
      events.miss?.(name)
      const miss = { key, load, wait }
      return flights.run(
        key,
        (seal) => readThrough(miss, seal),
        (seal) => lookUpFirst(miss, seal),
      )
    },
  }
}

/** Right for the one who loaded, who arrived before; nobody else is answered with it. */
function notStored<V>({ value, stamp, tags, ttlMs }: Loaded<V>, detail: string): LayerRead<V> & Shareable {
  const life = { fillId: '', ttlMs: ttlMs ?? Number.POSITIVE_INFINITY }
  return { value, stamp, tags, ...life, outcome: 'not-stored', detail, shareable: () => false }
}

/** A fill or release that cannot reach the store loses nothing but a hit. */
function survive(error: unknown): [] {
  if (error instanceof StoreUnavailableError) return []
  throw error
}

function attempt<T>(run: () => T): { result: T } | null {
  try {
    return { result: run() }
  } catch {
    return null
  }
}
