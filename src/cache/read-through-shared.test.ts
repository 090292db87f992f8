/** What readers who miss together may share. */
import { describe, expect, it, vi } from 'vitest'
import { alice, key, setUp, TTL_MS } from './read-through.fixture.ts'
import { barrier, DATABASE, settle, stamp, unavailable, xid } from './testing/index.ts'

/** The same call, whose answer the test holds. */
function holding<Given extends unknown[], Answer>(call: (...given: Given) => Promise<Answer>) {
  const held = barrier()
  async function answer(...given: Given): Promise<Answer> {
    const answered = await call(...given)
    await held.arrive()
    return answered
  }
  return { held, answer }
}

describe('readers who miss together', () => {
  it('are answered by one load, if its fill was accepted', async () => {
    const { read, loading, loads, store } = await setUp()
    const load = loading('one')
    const answers = await Promise.all([read(load), read(load), read(load)])
    expect(answers).toMatchObject([{ value: 'one' }, { value: 'one' }, { value: 'one' }])
    expect(loads).toHaveLength(1)
    expect(store.calls).toEqual([`open ${key}`, 'load one', `fill ${key}`])
  })

  it('are answered by one look that found the entry', async () => {
    const { instance, loading, never, store } = await setUp()
    await instance().read(loading('one'))
    store.calls.length = 0
    const { read } = instance()
    expect(await Promise.all([read(never), read(never)])).toMatchObject([{ value: 'one' }, { value: 'one' }])
    // The second came after the first had asked: what is found may be older than what the second was told.
    expect(store.calls).toEqual([`open ${key}`, `open ${key}`])
  })

  it('look again when the fill was refused, before they load', async () => {
    const { read, instance, loading, loads, store } = await setUp()
    const held = barrier()
    const first = read(async () => {
      await held.arrive()
      return loading('stale')()
    })
    await held.reached
    const second = read(loading('unused'))
    await settle()
    await store.invalidate([key])
    await instance().read(loading('fresh'))
    held.release()
    expect(await first).toMatchObject({ value: 'stale', detail: 'lease-lost' })
    expect(await second).toMatchObject({ value: 'fresh', outcome: 'hit' })
    expect(loads).toEqual(['fresh', 'stale'])
  })

  it('are not answered by a load whose fill did not reach the store', async () => {
    const { read, loading, store } = await setUp()
    vi.spyOn(store, 'fill').mockImplementationOnce(async () => {
      store.faults.evictLease(key)
      throw unavailable()
    })
    const first = read(loading('first'))
    const second = read(loading('second'))
    expect(await first).toMatchObject({ value: 'first', detail: 'redis-unavailable' })
    expect(await second).toMatchObject({ value: 'second', outcome: 'stored' })
  })

  it('are not answered by an entry that was invalidated while it was filled', async () => {
    const { read, loading, index, store } = await setUp()
    const { held, answer } = holding(store.fill)
    vi.spyOn(store, 'fill').mockImplementationOnce(answer)
    const first = read(loading('stale'))
    const joined = read(loading('fresh', { stamp: stamp('21:21:') }))
    await held.reached
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    held.release()
    expect(await first).toMatchObject({ value: 'stale' })
    expect(await joined).toMatchObject({ value: 'fresh' })
  })

  it('are not answered by a load whose proof was asked for before they came', async () => {
    const { read, loading, store } = await setUp()
    const { held, answer } = holding(store.fill)
    vi.spyOn(store, 'fill').mockImplementationOnce(answer)
    const first = read(loading('stale'))
    await held.reached
    await store.invalidate([key])
    const late = read(loading('fresh'))
    await settle()
    held.release()
    expect(await first).toMatchObject({ value: 'stale' })
    expect(await late).toMatchObject({ value: 'fresh' })
  })

  it('are not answered by an entry that was looked up before they came', async () => {
    const { read, instance, loading, store } = await setUp()
    await instance().read(loading('stale'))
    const { held, answer } = holding(store.open)
    vi.spyOn(store, 'open').mockImplementationOnce(answer)
    const first = read(loading('unused'))
    await held.reached
    await store.invalidate([key])
    const late = read(loading('fresh'))
    await settle()
    held.release()
    expect(await first).toMatchObject({ value: 'stale' })
    expect(await late).toMatchObject({ value: 'fresh' })
  })

  it('are not answered by an entry that a waiter looked up before they came', async () => {
    const { read, instance, loading, store, clock } = await setUp()
    await instance().read(loading('stale'))
    const stale = store.entries.get(key)
    store.faults.evict(key)
    store.faults.hold(key, 'user-groups')
    const waiting = read(loading('unused'))
    await clock.advance(0)
    if (stale) store.faults.overwrite(key, stale.bytes, TTL_MS)
    const { held, answer } = holding(store.open)
    vi.spyOn(store, 'open').mockImplementationOnce(answer)
    await clock.advance(4)
    await held.reached
    await store.invalidate([key])
    const late = read(loading('fresh'))
    await settle()
    held.release()
    expect(await waiting).toMatchObject({ value: 'stale' })
    expect(await late).toMatchObject({ value: 'fresh' })
  })
})
