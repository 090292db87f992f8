/** Reads that the shared store does not answer, or not in time. */
import { describe, expect, it, vi } from 'vitest'
import type { EntryRead } from './entry-store.ts'
import type { LayerRead } from './layer.ts'
import { alice, key, leaveMs, listKey, setUp, TTL_MS } from './read-through.fixture.ts'
import { StoreWait } from './store-wait.ts'
import { barrier, DATABASE, settle, stamp, unavailable, xid } from './testing/index.ts'

describe('without the store', () => {
  it('the log is read first, and then this process’s own copy is served for the rest of its life', async () => {
    const { read, loading, never, store, clock, soon, seen } = await setUp()
    await read(loading('one'))
    clock.nowMs += 100
    store.fault = unavailable('breaker-open')
    store.calls.length = 0
    expect(await soon(read(never))).toMatchObject({
      value: 'one',
      outcome: 'hit',
      detail: 'memory',
      ttlMs: TTL_MS - 100,
    })
    expect(store.calls).toEqual([`left ${key}`, 'log'])
    expect(seen.at(-1)).toBe('hit user-groups from memory')
  })

  it('a copy that a commit has outdated is not served, although only the log knows of it', async () => {
    const { read, loading, store, commit, soon, seen } = await setUp()
    await read(loading('stale'))
    store.fault = 'away'
    commit(20, [alice])
    expect(await soon(read(loading('fresh', { stamp: stamp('21:21:') })))).toMatchObject({
      value: 'fresh',
      outcome: 'not-stored',
      detail: 'memory',
    })
    expect(seen).toContain('rejected user-groups invalidated')
  })

  it('a read of the log that began before does not count', async () => {
    const { read, loading, store, log, commit, clock, follower } = await setUp()
    await read(loading('stale'))
    store.fault = 'away'
    const before = log.position
    const held = barrier()
    log.gate = held.arrive
    const running = follower.refresh(10_000)
    await held.reached
    // Answered from before the commit, as a statement that has its snapshot already.
    log.position = before
    const reading = read(loading('fresh', { stamp: stamp('21:21:') }))
    await settle()
    log.gate = async () => {}
    held.release()
    await running
    commit(20, [alice])
    await clock.advance(2)
    expect(await reading).toMatchObject({ value: 'fresh' })
  })

  it('a copy is served until its life is over, and not for a millisecond longer', async () => {
    const { read, loading, never, store, clock, soon, seen } = await setUp()
    await read(loading('one', { ttlMs: 1000 }))
    store.fault = 'away'
    await clock.advance(990)
    expect(await soon(read(never))).toMatchObject({ value: 'one', detail: 'memory' })
    await clock.advance(8)
    expect(await soon(read(loading('two')))).toMatchObject({ value: 'two', outcome: 'not-stored', detail: 'memory' })
    expect(seen).toContain('rejected user-groups expired')
  })

  it('a copy of another process’s entry lives no longer than the entry had left when it was moved', async () => {
    const { read, instance, loading, never, store, clock, soon } = await setUp()
    await instance().read(loading('one'))
    leaveMs(store, 100)
    await read(never)
    store.fault = 'away'
    await clock.advance(90)
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit' })
    await clock.advance(8)
    expect(await soon(read(loading('two')))).toMatchObject({ value: 'two' })
  })

  it('a loaded value stays in this process and is served from it, and the store is asked only once', async () => {
    const { read, loading, never, store, soon, clock, seen } = await setUp()
    store.fault = 'away'
    expect(await soon(read(loading('one')))).toMatchObject({
      value: 'one',
      outcome: 'not-stored',
      detail: 'memory',
      ttlMs: TTL_MS,
    })
    expect(store.calls).toEqual([`open ${key}`, 'log', 'load one'])
    expect(seen).toEqual(['miss user-groups', 'loaded user-groups 0'])
    clock.nowMs += 2
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory' })
  })

  it('a value without any life left is not kept', async () => {
    const { read, loading, store, soon } = await setUp()
    store.fault = 'away'
    expect(await soon(read(loading('one', { ttlMs: 0.5 })))).toMatchObject({ value: 'one', ttlMs: 0 })
    expect(await soon(read(loading('two')))).toMatchObject({ value: 'two' })
  })

  it('and without the log the cache may not answer, and says why', async () => {
    const { read, loading, never, store, log, soon } = await setUp()
    await read(loading('one'))
    store.fault = unavailable('redis-timeout')
    log.failure = new Error('statement timeout')
    expect(await soon(read(never))).toEqual({ outcome: 'bypass', detail: 'redis-timeout' })
    // Known by now: nobody waits for it again.
    expect(await read(never)).toEqual({ outcome: 'bypass', detail: 'redis-timeout' })
  })

  it('a log that hangs is not waited for', async () => {
    const { read, loading, never, store, log, clock } = await setUp()
    await read(loading('one'))
    store.fault = unavailable('redis-timeout')
    const held = barrier()
    log.gate = held.arrive
    const reading = read(never)
    await held.reached
    await clock.advance(202)
    expect(await reading).toEqual({ outcome: 'bypass', detail: 'redis-timeout' })
    held.release()
  })

  it('each reader that joins a load takes part in the next one: one more for all of them', async () => {
    const { read, loads, store, clock, loading } = await setUp()
    store.fault = 'away'
    const held = barrier()
    let version = 0
    const load = async () => {
      const value = `${++version}`
      if (version === 1) await held.arrive()
      return loading(value)()
    }
    const first = read(load)
    await clock.advance(2)
    await held.reached
    const joined = [read(load), read(load), read(load)]
    await clock.advance(2)
    expect(version).toBe(1)
    held.release()
    expect(await first).toMatchObject({ value: '1' })
    expect(await Promise.all(joined)).toMatchObject([{ value: '2' }, { value: '2' }, { value: '2' }])
    expect(loads).toEqual(['1', '2'])
  })

  it('the error of a load reaches the reader, and nothing is kept', async () => {
    const { read, never, store, soon, loading } = await setUp()
    store.fault = 'away'
    await expect(soon(read(never))).rejects.toThrow('nothing is loaded here')
    expect(await soon(read(loading('one')))).toMatchObject({ value: 'one' })
  })

  it('a list is derived from the copy of its input, which is loaded only if it is outdated', async () => {
    const { readList, read, loading, never, store, soon, deriving, loads, index } = await setUp()
    await read(loading('groups'))
    store.fault = 'away'
    expect(await soon(readList(deriving, never))).toMatchObject({ value: 'list of groups', detail: 'memory' })
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    const fresh = loading('fresh', { stamp: stamp('21:21:') })
    expect(await soon(readList(deriving, fresh))).toMatchObject({ value: 'list of fresh', detail: 'memory' })
    expect(loads).toEqual(['groups', 'fresh'])
    // And is then served without either.
    expect(await soon(readList(never, never))).toMatchObject({ value: 'list of fresh', outcome: 'hit' })
  })

  it('a list whose input was outdated when it was asked for again gets it loaded again', async () => {
    const { readList, read, loading, store, soon, deriving, loads } = await setUp()
    await read(loading('groups'))
    store.fault = 'away'
    const twice = async (input: () => Promise<LayerRead<string>>) => {
      expect(await input()).toMatchObject({ value: 'groups', outcome: 'hit' })
      return deriving(input)
    }
    expect(await soon(readList(twice, loading('anew')))).toMatchObject({ value: 'list of anew' })
    expect(loads).toEqual(['groups', 'anew'])
  })

  it('no entry is filled and no lease is freed: a load without the store sends it nothing', async () => {
    const { readList, loading, store, soon, deriving } = await setUp()
    store.fault = 'away'
    await soon(readList(deriving, loading('groups')))
    expect(store.calls).toEqual([`open ${listKey} ${key}`, 'log', 'load groups', 'derive'])
  })

  it('all waiting readers get the failure at once, and do not each ask it again', async () => {
    const { read, loading, store, clock } = await setUp()
    store.fault = 'away'
    const answers = Promise.all([read(loading('one')), read(loading('two')), read(loading('three'))])
    await clock.advance(4)
    await answers
    expect(store.calls.filter((call) => call.startsWith('open'))).toHaveLength(1)
  })
})

describe('a store that goes away during a read', () => {
  it('when it is asked about a copy: the copy is served behind a barrier', async () => {
    const { read, loading, never, store, soon } = await setUp()
    await read(loading('one'))
    vi.spyOn(store, 'leftOf').mockRejectedValueOnce(unavailable())
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory' })
  })

  it('when it is opened', async () => {
    const { read, loading, store, soon } = await setUp()
    vi.spyOn(store, 'open').mockRejectedValueOnce(unavailable())
    expect(await soon(read(loading('one')))).toMatchObject({ value: 'one', detail: 'memory' })
    expect(store.calls).toEqual(['log', 'load one'])
  })

  it('while a holder is waited for', async () => {
    const { read, loading, store, clock } = await setUp()
    store.faults.hold(key, 'user-groups')
    const reading = read(loading('one'))
    await clock.advance(4)
    store.fault = 'away'
    await clock.advance(10)
    expect(await reading).toMatchObject({ value: 'one', outcome: 'not-stored', detail: 'memory' })
  })

  it('when the input is asked for again: a lease is given back, or expires', async () => {
    const { readList, loading, store, clock, deriving } = await setUp()
    store.faults.hold(key, 'user-groups')
    const reading = readList(deriving, loading('groups'))
    await settle()
    vi.spyOn(store, 'open').mockRejectedValueOnce(unavailable())
    await clock.advance(10)
    expect(await reading).toMatchObject({ value: 'list of groups', detail: 'memory' })
    expect(store.leases.has(listKey)).toBe(false)
  })

  it('when it is filled: the loaded value is the answer, and is served from memory while the store stays away', async () => {
    const { read, loading, never, store, soon } = await setUp()
    const load = loading('one')
    await read(async () => {
      const loaded = await load()
      store.fault = 'away'
      return loaded
    })
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory' })
  })

  it('when it is filled, and comes back: the copy is not mistaken for the store’s entry', async () => {
    const { read, loading, store } = await setUp()
    vi.spyOn(store, 'fill').mockRejectedValueOnce(unavailable())
    await read(loading('one'))
    store.faults.evictLease(key)
    expect(await read(loading('two'))).toMatchObject({ value: 'two', outcome: 'stored' })
  })

  it('when a lease is freed', async () => {
    const { readList, loading, never, store } = await setUp()
    vi.spyOn(store, 'releaseLease').mockRejectedValueOnce(unavailable())
    expect(await readList(loading('from SQL'), never)).toMatchObject({ value: 'from SQL', outcome: 'stored' })
  })

  it.each(['leftOf', 'open', 'releaseLease'] as const)(
    'is something else than a fault of the program: %s',
    async (of) => {
      const { read, readList, loading, never, store } = await setUp()
      if (of === 'leftOf') await read(loading('one'))
      vi.spyOn(store, of).mockRejectedValueOnce(new TypeError('a fault'))
      const reading = of === 'releaseLease' ? readList(loading('from SQL'), never) : read(never)
      await expect(reading).rejects.toThrow('a fault')
    },
  )
})

it('each command of a request is given the request’s wait', async () => {
  const { readList, read, loading, never, store, deriving, soon, instance } = await setUp()
  const wait = new StoreWait()
  const [opened, filled, released, left] = [
    vi.spyOn(store, 'open'),
    vi.spyOn(store, 'fill'),
    vi.spyOn(store, 'releaseLease'),
    vi.spyOn(store, 'leftOf'),
  ]
  await readList(loading('from SQL'), never, wait)
  await read(loading('groups'), wait)
  await read(never, wait)
  for (const spy of [opened, filled, left]) for (const call of spy.mock.calls) expect(call[1]).toBe(wait)
  expect(left).toHaveBeenCalledTimes(1)
  expect(released.mock.calls.map((call) => call[2])).toEqual([wait])
  const readReplica = vi.fn(async (): Promise<EntryRead> => ({ kind: 'absent' }))
  Object.assign(store, { readReplica })
  store.fault = 'away'
  await soon(instance().readList(deriving, loading('groups'), wait))
  expect(readReplica.mock.calls.map((call: unknown[]) => call[1])).toEqual([wait, wait])
})
