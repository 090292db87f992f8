/** The double that unit tests use keeps the contract that `test/integration/redis-entry-store.test.ts` holds Redis to. */
import { describe, expect, it } from 'vitest'
import { aliceList, describeEntryStore, layer } from '../../test/support/entry-store-contract.ts'
import { StoreUnavailableError } from '../cache/index.ts'
import { createInMemoryEntryStore } from '../package/in-memory-entry-store.ts'

describeEntryStore('the in-memory entry store', async () => {
  let nowMs = 0
  const store = createInMemoryEntryStore({ clock: { monotonicMs: () => nowMs } })
  const { overwrite, evict, evictLease, evictGeneration } = store.faults
  return {
    store,
    elapse: async (ms) => {
      nowMs += ms
    },
    overwrite: async (...value) => overwrite(...value),
    evict: async (key) => void evict(key),
    evictLease: async (key) => void evictLease(key),
    evictGeneration: async (name) => void evictGeneration(name),
    close: async () => {},
  }
})

describe('an in-memory entry store that is made unavailable', () => {
  it('refuses every call until it is well again', async () => {
    const store = createInMemoryEntryStore({ clock: { monotonicMs: () => 0 } })
    store.faults.unavailable('redis-timeout')
    await expect(store.invalidate([aliceList])).rejects.toEqual(new StoreUnavailableError('redis-timeout'))
    store.faults.unavailable(null)
    expect(await store.read([{ key: aliceList, layer }])).toEqual([{ kind: 'absent' }])
  })
})
