/** Loading a value: from the source of truth or from its input, with what is stored of it. */
import type { Clock } from './clock.ts'
import { type Entry, type EntryCodec, newFillId } from './entry-codec.ts'
import type { EntryKey, Fill, Lease } from './entry-store.ts'
import type { Layer, LayerEvents, LayerRead, Loaded } from './layer.ts'
import type { LogFollower } from './log-follower.ts'
import type { Shareable } from './single-flight.ts'

/** An entry to be read, and how it is loaded. */
export interface Wanted<V, I = unknown> {
  readonly layer: Layer<V>
  readonly key: EntryKey
  /** The entry that this one is derived from: asked, leased and filled in the same round trips. */
  readonly input?: Wanted<I>
  /**
   * Loads from the source of truth, or derives.
   * @param input reads the input; a second call loads it again, because the first result was outdated
   */
  load(input: () => Promise<LayerRead<I>>): Promise<Loaded<V>>
}

/** A read whose result others may share. */
export type Outcome<V> = LayerRead<V> & Shareable

/** A loaded value as an entry. */
export interface Filled {
  readonly entry: Entry
  readonly ttlMs: number
  readonly bytes: number
}

export interface Loads {
  /**
   * Runs the load. The value ends with its input, even if the load does not say so.
   * @param input called when the load reads its input
   */
  load<V, I>(wanted: Wanted<V, I>, input: () => Promise<LayerRead<I>>): Promise<Loaded<V>>
  /** The entry of a value that was loaded; null when its inputs, or its own end, leave it no life. */
  encoded(wanted: Wanted<unknown>, loaded: Loaded<unknown>): Filled | null
  /** Makes the entry, and keeps it as this process's copy. */
  kept(wanted: Wanted<unknown>, loaded: Loaded<unknown>): Filled | null
  fillOf(wanted: Wanted<unknown>, filled: Filled, lease: Lease): Fill
}

export interface LoadsDependencies {
  readonly follower: LogFollower
  readonly clock: Clock
  readonly entries: EntryCodec
  readonly events: LayerEvents
}

export function createLoads({ follower, clock, entries, events }: LoadsDependencies): Loads {
  async function load<V, I>(wanted: Wanted<V, I>, input: () => Promise<LayerRead<I>>): Promise<Loaded<V>> {
    const startedMs = clock.monotonicMs()
    let inputUntil: number | null = null
    const loaded = await wanted.load(async () => {
      const read = await input()
      inputUntil = read.until ?? null
      return read
    })
    events.loaded?.(wanted.layer.name, clock.monotonicMs() - startedMs)
    return { ...loaded, until: earliest(loaded.until ?? null, inputUntil) }
  }

  function encoded({ layer }: Wanted<unknown>, loaded: Loaded<unknown>): Filled | null {
    const { value, stamp, tags, until = null, ttlMs: leftMs = layer.ttlMs } = loaded
    const untilEndMs = until === null ? layer.ttlMs : until - follower.time.latestMs()
    const ttlMs = Math.floor(Math.min(layer.ttlMs, leftMs, untilEndMs))
    if (ttlMs < 1) return null
    const { body, meta = {} } = layer.codec.encode(value)
    const entry = { fillId: newFillId(), shape: layer.shape, stamp, tags, until, loadedAt: clock.wallMs(), meta, body }
    return { entry, ttlMs, bytes: body.length }
  }

  function kept(wanted: Wanted<unknown>, loaded: Loaded<unknown>): Filled | null {
    const filled = encoded(wanted, loaded)
    if (filled) wanted.layer.keep(wanted.key, filled.entry, filled)
    return filled
  }

  function fillOf({ layer, key }: Wanted<unknown>, { entry, ttlMs }: Filled, lease: Lease): Fill {
    return { key, layer: layer.name, lease, bytes: entries.encode(key, entry, lease), ttlMs }
  }

  return { load, encoded, kept, fillOf }
}

/** For an entry without an input. */
export const noInput = (): Promise<never> => Promise.reject(new Error('this entry has no input'))

/** The earlier of two ends, in milliseconds since the epoch; null: never. */
export function earliest(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}
