/** The door for tests of a service's own rules: a store without a server, and faults of the real one. */
import {
  type CacheStore,
  type EntryStore,
  type LayerNames,
  StoreUnavailableError,
  systemClock,
} from '../cache/index.ts'
import { createInMemoryEntryStore, type InMemoryEntryStore } from './in-memory-entry-store.ts'

export { createInMemoryEntryStore, type InMemoryEntryStore } from './in-memory-entry-store.ts'

/** A store in this process, in the place of `sentinelRedis(…)`; `shared` is what two caches of one test may have in common. */
export function memoryRedis(
  shared: InMemoryEntryStore = createInMemoryEntryStore({ clock: systemClock }),
): ((layers: LayerNames) => CacheStore) & { readonly faults: InMemoryEntryStore['faults'] } {
  return Object.assign(() => ({ store: shared, close: async () => {} }), { faults: shared.faults })
}

/** What happens to the commands of a store, until it is set back to `nothing`. */
export type Fault = 'nothing' | 'loses deletes' | 'away'

/** A store, real or not, with faults: `const redis = faulty(singleRedis({ … })); redis.fault = 'loses deletes'`. */
export function faulty(
  connect: (layers: LayerNames) => CacheStore,
): ((layers: LayerNames) => CacheStore) & { fault: Fault } {
  const faulted = Object.assign(
    (layers: LayerNames): CacheStore => {
      const connected = connect(layers)
      return { ...connected, store: withFaults(connected.store, () => faulted.fault) }
    },
    { fault: 'nothing' as Fault },
  )
  return faulted
}

function withFaults(store: EntryStore, fault: () => Fault): EntryStore {
  return new Proxy(store, {
    get(target, name: keyof EntryStore) {
      const method = target[name] as ((...given: unknown[]) => unknown) | undefined
      if (fault() === 'away') return () => Promise.reject(new StoreUnavailableError('redis-unavailable'))
      if (fault() === 'loses deletes' && (name === 'invalidate' || name === 'replaceGenerations'))
        return () => Promise.resolve(0)
      return method
    },
  })
}
