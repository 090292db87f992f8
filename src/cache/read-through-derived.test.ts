/** A list and the groups that it is derived from, asked for and stored together. */
import { describe, expect, it } from 'vitest'
import { alice, key, LEASE_MS, leaveMs, listKey, setUp, TTL_MS } from './read-through.fixture.ts'
import { DATABASE, entries, stamp, xid } from './testing/index.ts'

describe('an entry that is derived from another', () => {
  it('is asked, leased and filled with it in the same round trips, the input first in the fill', async () => {
    const { readList, store, loading, deriving, seen } = await setUp()
    const answer = await readList(deriving, loading('groups'))
    expect(answer).toMatchObject({ value: 'list of groups', outcome: 'stored', ttlMs: TTL_MS })
    expect(store.calls).toEqual([`open ${listKey} ${key}`, 'load groups', 'derive', `fill ${key} ${listKey}`])
    expect(store.leases.size).toBe(0)
    expect(seen).toEqual(['miss user-resources', 'miss user-groups', 'loaded user-groups 0', 'loaded user-resources 0'])
  })

  it('lives no longer than its input has left in the store', async () => {
    const { readList, read, store, loading, never, deriving, leftMs } = await setUp()
    await read(loading('groups'))
    leaveMs(store, 815)
    store.calls.length = 0
    expect(await readList(deriving, never)).toMatchObject({ outcome: 'stored', ttlMs: 815 })
    expect(store.calls).toEqual([`open ${listKey} ${key}`, 'derive', `fill ${listKey}`])
    expect(leftMs(listKey)).toBe(815)
  })

  it('lives no longer than an input that was loaded for it, which lives no longer than its layer allows', async () => {
    const { readList, loading, deriving, leftMs } = await setUp()
    expect(await readList(deriving, loading('groups', { ttlMs: 77.7 }))).toMatchObject({ ttlMs: 77 })
    expect([leftMs(key), leftMs(listKey)]).toEqual([77, 77])
  })

  it('is found without a look at its input', async () => {
    const { readList, instance, loading, never, deriving, store } = await setUp()
    await readList(deriving, loading('groups'))
    store.calls.length = 0
    expect(await instance().readList(never, never)).toMatchObject({ value: 'list of groups', outcome: 'hit' })
    expect(store.calls).toEqual([`open ${listKey} ${key}`])
  })

  it('asks for its input again when that was outdated: the found entry is asked for again, and judged', async () => {
    const { readList, read, store, loading, index, deriving, seen } = await setUp()
    await read(loading('stale'))
    store.calls.length = 0
    const answer = await readList(
      async (input) => {
        expect(await input()).toMatchObject({ value: 'stale', outcome: 'hit' })
        index.note({ xid: xid(20), tags: [alice] }, DATABASE)
        return deriving(input)
      },
      loading('fresh', { stamp: stamp('21:21:') }),
    )
    expect(answer).toMatchObject({ value: 'list of fresh', outcome: 'stored' })
    expect(store.calls).toEqual([
      `open ${listKey} ${key}`,
      `open ${key}`,
      `open ${key}`,
      'load fresh',
      'derive',
      `fill ${key} ${listKey}`,
    ])
    expect(seen).toContain('rejected user-groups invalidated')
  })

  it('loads its input again under the same lease, and fills only the last', async () => {
    const { readList, store, loading, deriving, loads } = await setUp()
    let version = 0
    const answer = await readList(
      async (input) => {
        await input()
        return deriving(input)
      },
      () => loading(`groups ${++version}`)(),
    )
    expect(answer).toMatchObject({ value: 'list of groups 2', outcome: 'stored' })
    expect(loads).toEqual(['groups 1', 'groups 2'])
    expect(entries.decode(key, store.entries.get(key)?.bytes ?? Buffer.alloc(0))?.body.toString()).toBe('groups 2')
  })

  it('frees the lease of an input that it had no use for', async () => {
    const { readList, store, loading, never } = await setUp()
    expect(await readList(loading('from SQL'), never)).toMatchObject({ value: 'from SQL', outcome: 'stored' })
    expect(store.calls.slice(-2)).toEqual([`fill ${listKey}`, `release ${key}`])
    expect(store.leases.size).toBe(0)
    expect(store.entries.has(key)).toBe(false)
  })

  it('frees both leases when its load throws, and when that of the input throws', async () => {
    const { readList, store, loading, never, deriving } = await setUp()
    await expect(readList(never, loading('unused'))).rejects.toThrow('nothing is loaded here')
    expect(store.leases.size).toBe(0)
    await expect(readList(deriving, never)).rejects.toThrow('nothing is loaded here')
    expect(store.leases.size).toBe(0)
    const afterInput = async (input: () => Promise<unknown>): Promise<never> => {
      await input()
      return never()
    }
    await expect(readList(afterInput, loading('groups'))).rejects.toThrow('nothing is loaded here')
    expect(store.leases.size).toBe(0)
    expect(store.entries.size).toBe(0)
  })

  it('frees the lease of an input that has no life left to give, and is not stored either', async () => {
    const { readList, store, loading, deriving } = await setUp()
    const answer = await readList(deriving, loading('groups', { ttlMs: 0.5 }))
    expect(answer).toMatchObject({ value: 'list of groups', outcome: 'not-stored', detail: 'inputs-expiring' })
    expect(store.leases.size).toBe(0)
    expect(store.entries.size).toBe(0)
  })

  it('waits for the reader that loads its input, and uses the entry it stored', async () => {
    const { readList, instance, store, clock, loading, never, deriving, waits, seen } = await setUp()
    await instance().read(loading('groups'))
    const stored = store.entries.get(key)
    store.faults.evict(key)
    store.faults.hold(key, 'user-groups')
    const waiting = readList(deriving, never)
    await clock.advance(4)
    if (stored) store.faults.overwrite(key, stored.bytes, TTL_MS)
    await clock.advance(8)
    expect(await waiting).toMatchObject({ value: 'list of groups', outcome: 'stored' })
    expect(waits).toEqual([4, 8])
    expect(seen).toContain('waited user-groups 12')
  })

  it('loads its input itself once that lease must be over, and stores only the entry that it holds a lease on', async () => {
    const { readList, store, clock, loading, deriving } = await setUp()
    const holder = store.faults.hold(key, 'user-groups')
    const waiting = readList(deriving, loading('groups'))
    await clock.advance(LEASE_MS)
    expect(await waiting).toMatchObject({ value: 'list of groups', outcome: 'stored' })
    expect(store.calls.at(-1)).toBe(`fill ${listKey}`)
    expect(store.leases.get(key)).toMatchObject(holder)
  })

  it('is stored or refused by its own lease alone', async () => {
    const { readList, store, loading, deriving, seen } = await setUp()
    const answer = await readList(async (input) => {
      const loaded = await deriving(input)
      store.faults.evictLease(listKey)
      return loaded
    }, loading('groups'))
    expect(answer).toMatchObject({ outcome: 'not-stored', detail: 'lease-lost' })
    expect(seen).toContain('refused user-resources')
    expect(seen).not.toContain('refused user-groups')
    expect(store.entries.has(key)).toBe(true)
    store.faults.evict(key)
    const other = await readList(async (input) => {
      const loaded = await deriving(input)
      store.faults.evictLease(key)
      return loaded
    }, loading('groups'))
    expect(other).toMatchObject({ outcome: 'stored' })
    expect(seen).toContain('refused user-groups')
    expect(store.entries.has(key)).toBe(false)
  })

  it('cannot be loaded from an input where none was named', async () => {
    const { read, deriving, soon, store } = await setUp()
    await expect(read(deriving as never)).rejects.toThrow('this entry has no input')
    store.fault = 'away'
    await expect(soon(read(deriving as never))).rejects.toThrow('no input')
  })
})
