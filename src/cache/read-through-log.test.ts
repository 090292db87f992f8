/** Reads while the log is not followed closely enough, also of callers that cannot do without an answer. */
import { describe, expect, it, vi } from 'vitest'
import { alice, BOUND_MS, POLL_MS, setUp } from './read-through.fixture.ts'
import { barrier, stamp, unavailable } from './testing/index.ts'

describe('a log that is not followed closely enough', () => {
  it('lets nothing be served: the store is not even asked', async () => {
    const { read, loading, never, clock, store, log } = await setUp()
    await read(loading('one'))
    log.failure = new Error('statement timeout')
    await clock.advance(BOUND_MS + POLL_MS)
    store.calls.length = 0
    const reading = read(never)
    await clock.advance(500)
    expect(await reading).toEqual({ outcome: 'bypass', detail: 'log-behind' })
    expect(store.calls.filter((call) => call !== 'log')).toEqual([])
  })

  it('is part of each judgement: trust at the start of a read may be gone when the store answers', async () => {
    const { read, loading, clock, store, seen } = await setUp()
    await read(loading('one'))
    await read(loading('unused'))
    const leftOf = store.leftOf
    vi.spyOn(store, 'leftOf').mockImplementationOnce(async (known) => {
      const left = await leftOf(known)
      clock.nowMs += BOUND_MS + 1
      return left
    })
    expect(await read(loading('two'))).toMatchObject({ value: 'two' })
    expect(seen).toContain('rejected user-groups log-lost')
  })

  it('does not let a found entry be shared', async () => {
    const { read, loading, clock, store } = await setUp()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      const accepted = await fill(fills)
      clock.nowMs += BOUND_MS + 1
      return accepted
    })
    const first = read(loading('first'))
    const second = read(loading('second'))
    expect(await first).toMatchObject({ value: 'first', outcome: 'stored' })
    expect(await second).toMatchObject({ value: 'second' })
  })

  it('is read before anything is served where this process stood still', async () => {
    const { read, loading, clock, store, commit, follower } = await setUp()
    await read(loading('one'))
    commit(20, [alice])
    clock.nowMs += 4 * POLL_MS + 1
    expect(follower.isOverdue()).toBe(true)
    store.calls.length = 0
    expect(await read(loading('two', { stamp: stamp('21:21:') }))).toMatchObject({ value: 'two' })
    expect(store.calls[0]).toBe('log')
  })

  it('is waited for half a second where this process stood still; then trusted entries are served', async () => {
    const { read, loading, never, clock, log } = await setUp()
    await read(loading('one'))
    const held = barrier()
    log.gate = held.arrive
    clock.nowMs += 4 * POLL_MS + 1
    let answered = false
    const reading = read(never).then((answer) => {
      answered = true
      return answer
    })
    await clock.advance(499)
    expect(answered).toBe(false)
    await clock.advance(1)
    expect(await reading).toMatchObject({ value: 'one', outcome: 'hit' })
    held.release()
  })
})

describe('a caller that has no other way to ask', () => {
  it('is answered from the cache as long as that may answer', async () => {
    const { always, loading, never } = await setUp()
    expect(await always(loading('one'))).toMatchObject({ value: 'one', outcome: 'stored' })
    expect(await always(never)).toMatchObject({ value: 'one', outcome: 'hit' })
  })

  it('is answered by the load, and that of its input, where the cache may not: nothing is kept or stored', async () => {
    const { always, alwaysList, read, loading, never, store, log, deriving, soon } = await setUp()
    await read(loading('one'))
    store.fault = unavailable('redis-timeout')
    log.failure = new Error('statement timeout')
    expect(await soon(always(loading('two')))).toMatchObject({
      value: 'two',
      outcome: 'not-stored',
      detail: 'redis-timeout',
      ttlMs: 0,
    })
    expect(await soon(alwaysList(deriving, loading('groups')))).toMatchObject({
      value: 'list of groups',
      outcome: 'not-stored',
      detail: 'redis-timeout',
    })
    log.failure = null
    store.fault = 'nothing'
    await soon(read(never)).then((found) => expect(found).toMatchObject({ value: 'one' }))
  })

  it('gets the error of the load, which says that there is no input', async () => {
    const { always, never, log, store, deriving, soon } = await setUp()
    store.fault = 'away'
    log.failure = new Error('statement timeout')
    await expect(soon(always(never))).rejects.toThrow('nothing is loaded here')
    await expect(soon(always(deriving as never))).rejects.toThrow('this entry has no input')
  })
})
