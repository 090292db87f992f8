/**
 * The entry store without a server: each operation happens at once and whole, when it is called, as a script does in
 * Redis. Time passes only by the injected clock. It passes the same contract suite as the Redis store.
 */
import type { EntryKey, EntryStore, LayerName, Lease, Opened } from '../entry-store.ts'
import { StoredEntries, type StoredEntriesOptions } from './stored-entries.ts'

/** A store without a server, and what may be done to it. */
export interface InMemoryEntryStore extends EntryStore {
  /** What it holds now, expired or not. */
  readonly entries: ReadonlyMap<EntryKey, { readonly bytes: Buffer; readonly expiresAtMs: number }>
  readonly leases: ReadonlyMap<EntryKey, Lease>
  /** What Redis may do by itself, or what may be done to it. */
  readonly faults: {
    /** Puts any bytes under the key, as another program, or damage, would. */
    overwrite(key: EntryKey, bytes: Buffer, ttlMs: number): void
    /** The entry is gone, as when Redis is full. */
    evict(key: EntryKey): void
    /** Another holder takes the lease and never lets go. */
    hold(key: EntryKey, layer: LayerName): Lease
    /** The lease is gone. */
    evictLease(key: EntryKey): void
    /** The generation of the layer is gone: none of its entries counts any more. */
    evictGeneration(layer: LayerName): void
    /** Everything is gone, generations too: a restart without a snapshot. */
    loseEverything(): void
  }
}

/** @returns an empty store; entries expire by the given clock */
export function createInMemoryEntryStore(options: StoredEntriesOptions): InMemoryEntryStore {
  const held = new StoredEntries(options)
  const { entries, leases, generations } = held

  /** Runs at the call, like a script; the caller hears of it a turn later. */
  async function atomically<T>(run: () => T): Promise<T> {
    return run()
  }

  return {
    entries,
    leases,
    read: (requests) => atomically(() => requests.map((request) => held.read(request))),
    leftOf: (known) =>
      atomically(() => {
        const found = held.read(known)
        return found.kind === 'same' ? found.ttlMs : null
      }),
    open: (requests) =>
      atomically(() => {
        const answers: Opened[] = []
        for (const request of requests) {
          const answer = held.open(request)
          answers.push(answer)
          if (answer.kind !== 'leased') break
        }
        return answers
      }),
    takeLeases: (requests) => atomically(() => requests.map((request) => held.takeLease(request))),
    fill: (fills) => atomically(() => fills.map((fill) => held.fill(fill))),
    releaseLease: (key, lease) => atomically(() => held.releaseLease(key, lease)),
    invalidate: (keys) => atomically(() => keys.filter((key) => held.remove(key)).length),
    replaceGenerations: (layers) =>
      atomically(() => {
        for (const layer of layers) held.replaceGeneration(layer)
      }),
    sweep: (layers) => atomically(() => layers.reduce((removed, layer) => removed + held.sweep(layer), 0)),
    inspect: (key, layer) => atomically(() => held.inspect(key, layer)),
    faults: {
      overwrite: (key, bytes, ttlMs) => held.overwrite(key, bytes, ttlMs),
      evict: (key) => entries.delete(key),
      hold(key, layer) {
        leases.delete(key)
        return held.takeLease({ key, layer, leaseMs: Number.POSITIVE_INFINITY }) as Lease
      },
      evictLease: (key) => leases.delete(key),
      evictGeneration: (layer) => generations.delete(layer),
      loseEverything: () => {
        for (const values of [entries, leases, generations]) values.clear()
      },
    },
  }
}
