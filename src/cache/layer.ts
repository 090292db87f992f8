/** What a cache layer is: how its values live, and whether an entry of it may be served. */
import type { Clock } from './clock.ts'
import type { Copies, Copy } from './copies.ts'
import type { Entry, EntryCodec } from './entry-codec.ts'
import type { EntryKey, LayerName } from './entry-store.ts'
import type { InvalidationIndex, RetentionClass, Verdict } from './invalidation-index.ts'
import type { Judged, LogFollower } from './log-follower.ts'
import type { Stamp } from './snapshot.ts'
import type { Tag } from './tags.ts'

/** What a loader returns; the stamp is taken in the same statement or transaction as the value. */
export interface Loaded<V> {
  readonly value: V
  readonly stamp: Stamp
  readonly tags: readonly Tag[]
  /** When it ends, by the database's clock, in milliseconds since the epoch; absent or null: never. */
  readonly until?: number | null
  /** What is left of the life of the inputs, in milliseconds: a derived entry never outlives them. */
  readonly ttlMs?: number
}

/** An entry that is served, or was loaded just now. */
export interface LayerRead<V> {
  readonly value: V
  readonly stamp: Stamp
  readonly tags: readonly Tag[]
  readonly until?: number | null
  /** Remaining life in milliseconds. */
  readonly ttlMs: number
  readonly outcome: 'hit' | 'stored' | 'not-stored'
  readonly detail?: string
}

/** The cache may not answer: why, in a word for `Cache-Status`. */
export interface Bypass {
  readonly outcome: 'bypass'
  readonly detail: string
}

export const isBypass = (found: object): found is Bypass => 'outcome' in found && found.outcome === 'bypass'

/** How a layer's values become bytes and back. `decode` may throw: that is a damaged entry, counted as a miss. */
export interface ValueCodec<V> {
  encode(value: V): { body: Buffer; meta?: Record<string, unknown> }
  decode(entry: Entry): V
}

/** Why an entry that was present was not served. */
export type Rejection = Exclude<Verdict, 'servable'> | 'damaged' | 'flushed' | 'too-large' | 'other-shape' | 'expired'

/** Where a hit came from: the master, a replica while the master is away, or this process alone. */
export type HitFrom = 'master' | 'replica' | 'memory'

/** What a layer reports, for metrics; all listeners are optional and must not throw. */
export interface LayerEvents {
  /** An entry was served: the store's, a replica's, or this process's own while the store is away. */
  hit?(layer: LayerName, from: HitFrom): void
  /** Nothing that may be served was found. */
  miss?(layer: LayerName): void
  /** An entry was found that may not be served, and why. */
  rejected?(layer: LayerName, why: Rejection): void
  /** The source of truth answered after this many milliseconds. */
  loaded?(layer: LayerName, ms: number): void
  /** A loaded value was not stored, because its lease had been taken away. */
  fillRefused?(layer: LayerName): void
  /** A reader waited this many milliseconds for another reader's load. */
  leaseWaited?(layer: LayerName, ms: number): void
}

export interface LayerOptions<V> {
  readonly name: LayerName
  readonly retention: RetentionClass
  /** Longest life of an entry, in milliseconds. */
  readonly ttlMs: number
  /** How long a dead lease holder can delay others, in milliseconds. */
  readonly leaseMs: number
  /** To be raised whenever what `codec` writes changes: entries of another release's shape are misses. */
  readonly shape: number
  readonly codec: ValueCodec<V>
  readonly copies: Copies<V>
}

export interface LayerDependencies {
  readonly index: InvalidationIndex
  readonly follower: LogFollower
  readonly clock: Clock
  readonly entries: EntryCodec
  readonly events: LayerEvents
}

export interface Layer<V> extends LayerOptions<V> {
  /** Whether what was read could still be served now; counts the log's own trustworthiness too. */
  judge(read: Judged): Verdict
  /** A copy of this process if it may be served now, with `ttlMs` left. */
  admit(key: EntryKey, copy: Copy<V>, ttlMs: number, from: HitFrom): LayerRead<V> | null
  /** The copy of this process, if there is one that may be served without asking the store; only behind a barrier. */
  held(key: EntryKey): LayerRead<V> | null
  /** Entries from the store: authenticated, decoded, judged and kept as a copy; null where one may not be served. */
  decoded(key: EntryKey, found: { readonly bytes: Buffer; readonly ttlMs: number }, from: HitFrom): LayerRead<V> | null
  /** Keeps what was loaded as this process's copy. */
  keep(key: EntryKey, entry: Entry, kept: { readonly bytes: number; readonly ttlMs: number }): void
}

/**
 * @param options how the layer's values live, and how they are written
 * @returns the layer, which judges each entry by the log before it is served
 */
export function createLayer<V>(
  options: LayerOptions<V>,
  { index, follower, clock, entries, events }: LayerDependencies,
): Layer<V> {
  const { name, retention, shape, codec, copies } = options

  function reject(key: EntryKey, why: Rejection): null {
    copies.delete(key)
    events.rejected?.(name, why)
    return null
  }

  function judge(read: Judged): Verdict {
    return follower.judge(read, retention)
  }

  function admit(key: EntryKey, copy: Copy<V>, ttlMs: number, from: HitFrom): LayerRead<V> | null {
    const { stamp, tags, until } = copy.entry
    // An equal revision means an equal verdict of the index; the time, and whether the log is followed, are other questions.
    if (copy.judgedAt !== index.revision || follower.trust() === 'lost') {
      const revision = index.revision
      const verdict = judge(copy.entry)
      if (verdict !== 'servable') return reject(key, verdict)
      copy.judgedAt = revision
    } else if (until !== null && until <= follower.time.latestMs()) return reject(key, 'ended')
    events.hit?.(name, from)
    return { value: copy.value, stamp, tags, until, ttlMs, outcome: 'hit', ...(from !== 'master' && { detail: from }) }
  }

  return {
    ...options,
    judge,
    admit,
    held(key) {
      const copy = copies.get(key)
      if (!copy) return null
      const leftMs = copy.expiresAtMs - clock.monotonicMs()
      return leftMs > 0 ? admit(key, copy, leftMs, 'memory') : reject(key, 'expired')
    },
    decoded(key, { bytes, ttlMs }, from) {
      const entry = entries.decode(key, bytes)
      if (!entry) return reject(key, 'damaged')
      if (entry.shape !== shape) return reject(key, 'other-shape')
      const value = attempt(() => codec.decode(entry))
      if (!value) return reject(key, 'damaged')
      const copy = copyOf(entry, value.result, { bytes: bytes.length, expiresAtMs: clock.monotonicMs() + ttlMs })
      copies.set(key, copy)
      return admit(key, copy, ttlMs, from)
    },
    keep(key, entry, { bytes, ttlMs }) {
      copies.set(key, copyOf(entry, codec.decode(entry), { bytes, expiresAtMs: clock.monotonicMs() + ttlMs }))
    },
  }
}

function copyOf<V>(
  { body: _body, ...entry }: Entry,
  value: V,
  { bytes, expiresAtMs }: { readonly bytes: number; readonly expiresAtMs: number },
): Copy<V> {
  return { entry, value, bytes, expiresAtMs, judgedAt: -1 }
}

function attempt<T>(run: () => T): { result: T } | null {
  try {
    return { result: run() }
  } catch {
    return null
  }
}
