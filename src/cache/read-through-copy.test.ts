/** Reads of the copy that this process has, and of nothing else. */
import { describe, expect, it, vi } from 'vitest'
import { alice, BOUND_MS, key, POLL_MS, setUp } from './read-through.fixture.ts'
import { DATABASE, stamp, xid } from './testing/index.ts'

describe('the copy of this process alone', () => {
  it('is not looked for in the store, not leased and not loaded, where there is none', async () => {
    const { copy, store } = await setUp()
    expect(await copy()).toBeNull()
    expect(store.calls).toEqual([])
  })

  it('is served while the store says that it is the current fill', async () => {
    const { copy, read, instance, loading, store, seen } = await setUp()
    await read(loading('one'))
    store.calls.length = 0
    expect(await copy()).toMatchObject({ value: 'one', outcome: 'hit' })
    expect(seen.at(-1)).toBe('hit user-groups')
    expect(store.calls).toEqual([`left ${key}`])
    expect(await instance().copy()).toBeNull()
    store.faults.evict(key)
    store.calls.length = 0
    expect(await copy()).toBeNull()
    expect(store.calls).toEqual([`left ${key}`])
  })

  it('is not served once it was invalidated, or the log is lost', async () => {
    const { copy, read, loading, index, clock, log, soon, store } = await setUp()
    await read(loading('one'))
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    expect(await copy()).toBeNull()
    await read(loading('two', { stamp: stamp('21:21:') }))
    log.failure = new Error('statement timeout')
    await clock.advance(BOUND_MS + POLL_MS)
    store.calls.length = 0
    const asking = copy()
    await clock.advance(500)
    expect(await soon(asking)).toBeNull()
    expect(store.calls.filter((call) => call !== 'log')).toEqual([])
  })

  it('is served only after a read of the log where this process stood still', async () => {
    const { copy, read, loading, store, commit, clock } = await setUp()
    await read(loading('one'))
    commit(20, [alice])
    clock.nowMs += 4 * POLL_MS + 1
    store.calls.length = 0
    expect(await copy()).toBeNull()
    expect(store.calls[0]).toBe('log')
  })

  it('is there of an input too that was loaded for a list', async () => {
    const { copy, readList, deriving, loading } = await setUp()
    await readList(deriving, loading('groups'))
    expect(await copy()).toMatchObject({ value: 'groups', outcome: 'hit' })
  })

  it('is served without the store behind a read of the log, unless a commit has outdated it', async () => {
    const { copy, read, loading, store, commit, soon } = await setUp()
    await read(loading('one'))
    store.fault = 'away'
    store.calls.length = 0
    expect(await soon(copy())).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory' })
    expect(store.calls).toEqual([`left ${key}`, 'log'])
    commit(20, [alice])
    expect(await soon(copy())).toBeNull()
  })

  it('hides no fault of the program', async () => {
    const { copy, read, loading, store } = await setUp()
    await read(loading('one'))
    vi.spyOn(store, 'leftOf').mockRejectedValueOnce(new TypeError('a fault'))
    await expect(copy()).rejects.toThrow('a fault')
  })
})
