/**
 * Reads an entry through the store, or without it. Three ways, tried in this order:
 *
 * - copy: this process holds one, and the store says that it is still the current fill.
 * - store: it has the entry, or gives a lease under which the value is loaded and filled (misses.ts).
 * - memory: the store cannot be asked (memory-reads.ts).
 *
 * Where none of them may answer, the result is a bypass, and the source of truth has to be asked directly.
 */
import type { Clock } from './clock.ts'
import type { Copy } from './copies.ts'
import type { EntryCodec } from './entry-codec.ts'
import { type EntryStore, StoreUnavailableError } from './entry-store.ts'
import type { Bypass, LayerEvents, LayerRead } from './layer.ts'
import { createLoads, noInput, type Wanted } from './loads.ts'
import type { LogFollower } from './log-follower.ts'
import { createMemoryReads } from './memory-reads.ts'
import { createMisses } from './misses.ts'
import type { StoreWait } from './store-wait.ts'

export interface ReadThrough {
  /**
   * Always answers with the load's value, or with an entry that is as good: a sick store or a lost log costs speed,
   * not the answer.
   * @throws what the load throws
   */
  read<V, I>(wanted: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V>>
  /**
   * The same, for a caller that can ask the source of truth in a better way than by this load.
   * @throws what the load throws
   */
  tryRead<V, I>(wanted: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V> | Bypass>
  /** The copy of this process, if it may be served; null if the entry would have to be fetched or loaded. */
  held<V>(wanted: Pick<Wanted<V>, 'layer' | 'key'>, wait?: StoreWait): Promise<LayerRead<V> | null>
}

export interface ReadThroughDependencies {
  readonly store: EntryStore
  readonly follower: LogFollower
  readonly clock: Clock
  readonly entries: EntryCodec
  readonly events: LayerEvents
}

/** How long a read waits for the log after this process stood still, in milliseconds. */
const OVERDUE_WAIT_MS = 500

/** @returns the reads of all layers on one store; loads of one key are shared */
export function createReadThrough(dependencies: ReadThroughDependencies): ReadThrough {
  const { store, follower, clock, events } = dependencies
  const loads = createLoads(dependencies)
  const missed = createMisses({ store, clock, events, loads })
  const fromMemory = createMemoryReads({ store, follower, events, loads })

  async function tryRead<V, I>(wanted: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V> | Bypass> {
    if (follower.isOverdue()) await follower.refresh(OVERDUE_WAIT_MS)
    if (follower.trust() === 'lost') return { outcome: 'bypass', detail: 'log-behind' }
    try {
      const copy = wanted.layer.copies.get(wanted.key)
      const found = copy && (await current(wanted, copy, wait))
      // A copy that is current but not servable need not be fetched again.
      return found ?? (await missed(wanted, wait, found === null ? copy?.entry.fillId : undefined))
    } catch (error) {
      if (error instanceof StoreUnavailableError) return fromMemory(wanted, error.detail, wait)
      throw error
    }
  }

  async function read<V, I>(wanted: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V>> {
    const found = await tryRead(wanted, wait)
    return found.outcome === 'bypass' ? loadDirectly(wanted, found.detail) : found
  }

  async function held<V>(
    { layer, key }: Pick<Wanted<V>, 'layer' | 'key'>,
    wait?: StoreWait,
  ): Promise<LayerRead<V> | null> {
    if (follower.isOverdue()) await follower.refresh(OVERDUE_WAIT_MS)
    const copy = layer.copies.get(key)
    if (!copy || follower.trust() === 'lost') return null
    try {
      return (await current({ layer, key }, copy, wait)) ?? null
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      return (await follower.barrier()) ? layer.held(key) : null
    }
  }

  async function loadDirectly<V, I>(wanted: Wanted<V, I>, detail: string): Promise<LayerRead<V>> {
    const { input } = wanted
    const loaded = await loads.load(wanted, () => (input ? loadDirectly(input, detail) : noInput()))
    return { ...loaded, ttlMs: 0, outcome: 'not-stored', detail }
  }

  /** The copy of this process, if the store says that it is the current fill; null where that may not be served. */
  async function current<V>(
    { layer, key }: Pick<Wanted<V>, 'layer' | 'key'>,
    copy: Copy<V>,
    wait?: StoreWait,
  ): Promise<LayerRead<V> | null | undefined> {
    const leftMs = await store.leftOf({ key, layer: layer.name, knownFillId: copy.entry.fillId }, wait)
    return leftMs === null ? undefined : layer.admit(key, copy, leftMs, 'master')
  }

  return { read, tryRead, held }
}
