import { describe, expect, it, vi } from 'vitest'
import { barrier, settle, stamp, xid } from '../../cache/testing/index.ts'
import { layerTag, userTag } from '../keys.ts'
import type { UserId } from '../model.ts'
import { ant, batch, bee, cow, gone, is, RETRY_MS, row, setUp, wholly } from './followed-catalogue.fixture.ts'
import type { FollowedCatalogue } from './followed-catalogue.ts'

describe('a catalogue that starts', () => {
  it('is behind as a whole until all of it was loaded, and the position covers each load', async () => {
    const { followed, follower, store, server, asked, caughtUp, names } = setUp()
    store(ant, cow)
    const held = barrier()
    server.catchUp = held.arrive
    expect(followed.isWhole()).toBe(false)
    followed.start(follower)
    await held.reached
    expect(asked).toEqual([[0, 1]])
    expect(caughtUp).toEqual([stamp('20:20:')])
    expect([followed.isWhole(), names()]).toEqual([false, []])
    held.release()
    await followed.whole()
    expect([followed.isWhole(), names()]).toEqual([true, ['ant', 'cow']])
  })

  it('loads a few buckets at a time', async () => {
    const { followed, follower, asked } = setUp({ bucketCount: 40 })
    followed.start(follower)
    await followed.whole()
    expect(asked.map((some) => some.length)).toEqual(Array(10).fill(4))
    expect(new Set(asked.flat()).size).toBe(40)
  })

  it('has one load read while another is put in its place, and no more', async () => {
    const { followed, follower, server, asked } = setUp({ bucketCount: 40 })
    const held = barrier()
    server.catchUp = held.arrive
    followed.start(follower)
    await held.reached
    await settle()
    expect(asked).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ])
    held.release()
    await followed.whole()
  })

  it('waits until the log is followed', async () => {
    const { followed, follower, asked, checkpoint } = setUp()
    const ready = Promise.withResolvers<void>()
    followed.start({ ...follower, ready: ready.promise })
    await settle()
    expect([asked, checkpoint.asked]).toEqual([[], []])
    ready.resolve()
    await followed.whole()
  })

  it('tries again after a load that failed, and says why', async () => {
    const { followed, follower, store, server, failed, clock, names } = setUp()
    store(ant)
    server.failure = new Error('too many clients')
    followed.start(follower)
    await settle()
    expect(failed).toEqual([new Error('too many clients')])
    server.failure = null
    await clock.advance(RETRY_MS - 1)
    expect(followed.isWhole()).toBe(false)
    await clock.advance(1)
    await followed.whole()
    expect(names()).toEqual(['ant'])
  })

  it('does not install what the position cannot be brought to cover', async () => {
    const { followed, follower, store, server, failed, names, clock } = setUp()
    store(ant)
    server.catchUp = async () => {
      server.catchUp = async () => {}
      throw new Error('the log does not reach what was loaded')
    }
    followed.start(follower)
    await settle()
    expect(failed).toHaveLength(1)
    expect([followed.isWhole(), names()]).toEqual([false, []])
    await clock.advance(RETRY_MS)
    await followed.whole()
    expect(names()).toEqual(['ant'])
  })

  it('does not install what was loaded from another database than the position is of', async () => {
    const { followed, follower, store, server, asked, names, stored } = setUp()
    store(ant)
    const old = server.stamp
    server.catchUp = async (target) => {
      server.position = stamp('9:9:', 'restored')
      server.stamp = stamp('9:9:', 'restored')
      if (target !== old) return
      expect(names()).toEqual([])
      stored.clear()
      store(cow)
    }
    followed.start(follower)
    await followed.whole()
    expect(asked).toHaveLength(2)
    expect(names()).toEqual(['cow'])
  })
})

describe('a catalogue that is followed', () => {
  it('is what the read of the log says, at once: changed, new and gone', async () => {
    const { followed, store, started, names, versionOf, asked } = setUp()
    store(ant, bee)
    await started()
    followed.apply(batch(is(ant, { version: 9 }), is(cow), gone(bee)))
    expect([followed.isWhole(), names(), versionOf(ant)]).toEqual([true, ['ant', 'cow'], 9])
    await settle()
    expect(asked).toEqual([])
  })

  it('is not touched by what does not name resources', async () => {
    const { followed, started, store, names } = setUp()
    store(ant)
    await started()
    followed.apply({ position: stamp('21:21:'), rows: [], changes: [] })
    followed.apply({
      position: stamp('21:21:'),
      rows: [{ xid: xid(20), tags: [userTag('alice' as UserId)] }],
      changes: [],
    })
    followed.apply({
      position: stamp('21:21:'),
      rows: [{ xid: xid(20), tags: [layerTag('user-resources')] }],
      changes: null,
    })
    expect([followed.isWhole(), names()]).toEqual([true, ['ant']])
  })

  it.each<[string, (followed: FollowedCatalogue) => void, number[]]>([
    ['a row names a whole bucket', (followed) => followed.apply(wholly(1)), [1]],
    [
      'a row names a whole bucket beside others that name resources',
      (followed) => followed.apply({ ...batch(is(ant)), rows: [row(is(ant)), ...wholly(1).rows] }),
      [1],
    ],
    [
      'a row names the whole layer',
      (followed) =>
        followed.apply({ ...batch(is(ant)), rows: [row(is(ant)), { xid: xid(20), tags: [layerTag('resources')] }] }),
      [0, 1],
    ],
    [
      'more is named than one read returns: the buckets of those rows',
      (followed) => followed.apply({ ...batch(is(ant)), changes: null }),
      [0],
    ],
    ['the position was reset', (followed) => followed.reset(), [0, 1]],
  ])('is behind, and loaded again, where %s', async (_what, happens, buckets) => {
    const { followed, started, store, asked, names, versionOf, checkpoint } = setUp()
    store(ant, bee, cow)
    await started()
    store({ ...ant, version: 9 }, { ...cow, version: 9 })
    happens(followed)
    expect(followed.isWhole()).toBe(false)
    await followed.whole()
    expect(asked.flat().sort()).toEqual(buckets)
    expect(names()).toEqual(['ant', 'bee', 'cow'])
    expect([versionOf(ant), versionOf(cow)]).toEqual([buckets.includes(0) ? 9 : 3, buckets.includes(1) ? 9 : 3])
    // Only at the start: what makes it behind later is what the checkpoint does not know of.
    expect(checkpoint.asked).toHaveLength(1)
  })

  it('says how long nothing has changed', async () => {
    const { followed, started, clock } = setUp()
    await started()
    clock.nowMs += 100
    expect(followed.quietMs()).toBe(100)
    followed.apply({
      position: stamp('21:21:'),
      rows: [{ xid: xid(20), tags: [userTag('alice' as UserId)] }],
      changes: [],
    })
    followed.apply({ position: stamp('21:21:'), rows: [], changes: [] })
    expect(followed.quietMs()).toBe(100)
    followed.apply(batch(is(ant)))
    expect(followed.quietMs()).toBe(0)
    clock.nowMs += 50
    followed.apply(wholly(1))
    expect(followed.quietMs()).toBe(0)
  })
})

describe('a state that cannot be taken in', () => {
  it('does not stop the log, and makes all of it be loaded again: some may be in, and some not', async () => {
    const { followed, catalogue, store, started, failed, asked, versionOf, names } = setUp()
    store(ant, cow)
    await started()
    store({ ...ant, version: 9 })
    vi.spyOn(catalogue, 'put').mockImplementationOnce(() => {
      throw new TypeError('a fault')
    })
    expect(() => followed.apply(batch(is(ant, { version: 9 }), is(cow)))).not.toThrow()
    expect([followed.isWhole(), failed]).toEqual([false, [new TypeError('a fault')]])
    await followed.whole()
    expect([asked.flat().sort(), versionOf(ant), names()]).toEqual([[0, 1], 9, ['ant', 'cow']])
  })
})

describe('a promise for the whole', () => {
  it('is kept at once while it is whole, and for each time that it is behind by itself', async () => {
    const { followed, started, hold } = setUp()
    await started()
    await followed.whole()
    const held = hold('beforeSnapshot')
    followed.apply(wholly(0))
    let whole = false
    const waiting = followed.whole().then(() => {
      whole = true
    })
    followed.apply(wholly(1))
    await held.reached
    expect(whole).toBe(false)
    held.release()
    await waiting
    expect(followed.isWhole()).toBe(true)
  })
})

describe('closing', () => {
  it('ends it while it is whole, during a load, during a pause, and before it started', async () => {
    await setUp().followed.close()
    const whole = setUp()
    await whole.started()
    await whole.followed.close()
    whole.followed.reset()
    await settle()
    expect(whole.asked).toEqual([])

    const loading = setUp()
    const held = loading.hold('beforeSnapshot')
    loading.followed.start(loading.follower)
    await held.reached
    const closing = loading.followed.close()
    held.release()
    await closing

    const failing = setUp()
    failing.server.failure = new Error('too many clients')
    failing.followed.start(failing.follower)
    await settle()
    await failing.followed.close()
    expect(failing.clock.sleeping).toBe(0)
  })

  it('does not wait for a log that was never read', async () => {
    const { followed, follower } = setUp()
    followed.start({ ...follower, ready: new Promise(() => {}) })
    await expect(Promise.race([followed.close().then(() => 'closed'), settle().then(() => 'hangs')])).resolves.toBe(
      'closed',
    )
  })
})
