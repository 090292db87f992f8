/** The door for tests of a service's own rules: a store without a server, faults of a real one, and a judge. */
import { type CacheStore, type LayerNames, systemClock } from '../cache/index.ts'
import {
  createFaultyStore,
  createInMemoryEntryStore,
  type Fault,
  type InMemoryEntryStore,
} from '../cache/testing/index.ts'

export {
  createFakeClock,
  createInMemoryEntryStore,
  describeEntryStore,
  type EntryStoreHarness,
  type FakeClock,
  type Fault,
  type Finding,
  type InMemoryEntryStore,
  type JudgeOptions,
  judged,
  type Probe,
  probe,
  RulesError,
  settle,
  type TestRunner,
} from '../cache/testing/index.ts'

type Connect = (layers: LayerNames) => CacheStore

/**
 * A store in this process, to be used instead of `sentinelRedis(…)`.
 * @param shared a store that two caches of one test share, as two instances share Redis; default: a store of its own
 */
export function memoryRedis(
  shared: InMemoryEntryStore = createInMemoryEntryStore({ clock: systemClock }),
): Connect & Pick<InMemoryEntryStore, 'faults'> {
  return Object.assign(() => ({ store: shared, close: async () => {} }), { faults: shared.faults })
}

/**
 * A store, real or not, with faults: `const redis = faulty(singleRedis({ … })); redis.fault = 'loses deletes'`.
 * @param connect what would be passed as `redis`
 */
export function faulty(connect: Connect): Connect & { fault: Fault } {
  const stores: { fault: Fault }[] = []
  let fault: Fault = 'nothing'
  const connecting = (layers: LayerNames): CacheStore => {
    const connected = connect(layers)
    const store = Object.assign(createFaultyStore(connected.store), { fault })
    stores.push(store)
    return { ...connected, store }
  }
  return Object.defineProperty(connecting as Connect & { fault: Fault }, 'fault', {
    get: () => fault,
    set(next: Fault) {
      fault = next
      for (const store of stores) store.fault = next
    },
  })
}
