/** The double that unit tests use keeps the contract that `test/integration/redis-entry-store.test.ts` holds Redis to. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../cache/index.ts'
import {
  aliceList,
  bobList,
  createFaultyStore,
  createInMemoryEntryStore,
  describeEntryStore,
  entryBytes,
  fillId,
  layer,
} from '../cache/testing/index.ts'

const runner = { describe, it, beforeEach, afterEach, expect }

describeEntryStore(runner, 'the in-memory entry store', async () => {
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

describe('a store with faults', () => {
  const faulty = () => createFaultyStore(createInMemoryEntryStore({ clock: { monotonicMs: () => 0 } }))

  it.each([
    ['away' as const, new StoreUnavailableError('redis-unavailable')],
    [new StoreUnavailableError('redis-timeout'), new StoreUnavailableError('redis-timeout')],
  ])('that is %s refuses every command until it is well again, and remembers all of them', async (fault, error) => {
    const store = faulty()
    store.fault = fault
    await expect(store.invalidate([aliceList])).rejects.toEqual(error)
    store.fault = 'nothing'
    expect(await store.read([{ key: aliceList, layer }])).toEqual([{ kind: 'absent' }])
    expect(store.calls).toEqual([`invalidate ${aliceList}`, `read ${aliceList}`])
  })

  it('that loses deletes says that they succeeded', async () => {
    const store = faulty()
    const bytes = entryBytes(fillId('one'), store.faults.hold(bobList, layer).generation)
    store.faults.overwrite(aliceList, bytes, 1000)
    store.fault = 'loses deletes'
    expect(await store.invalidate([aliceList])).toBe(0)
    await store.replaceGenerations([layer])
    expect(await store.read([{ key: aliceList, layer }])).toMatchObject([{ kind: 'found' }])
  })
})
