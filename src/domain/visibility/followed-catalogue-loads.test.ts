/** What loads bring: beside the log, from the checkpoint, and again. */
import { describe, expect, it, vi } from 'vitest'
import { barrier, settle, stamp } from '../../cache/testing/index.ts'
import type { CatalogueItem } from '../source.ts'
import { bucketOfItems } from './catalogue-bucket.ts'
import {
  ant,
  batch,
  bee,
  cow,
  gone,
  is,
  item,
  MINUTE_MS,
  RETRY_MS,
  setUp,
  TTL_MS,
  wholly,
} from './followed-catalogue.fixture.ts'
import type { FollowedCatalogue, LoadedBucket } from './followed-catalogue.ts'

describe('while a bucket is loaded', () => {
  it('what the log brings for it is kept, and laid over what was loaded: it is newer', async () => {
    const { followed, follower, store, hold, names, versionOf } = setUp()
    store(ant, bee)
    const held = hold('afterSnapshot')
    followed.start(follower)
    await held.reached
    const dog = item(0, 'dog')
    followed.apply(batch(is(ant, { version: 9 }), gone(bee), is(dog), is(cow)))
    expect(names()).toEqual([])
    held.release()
    await followed.whole()
    expect([names(), versionOf(ant)]).toEqual([['ant', 'cow', 'dog'], 9])
  })

  it('the last of several states of one resource counts', async () => {
    const { followed, follower, store, hold, names, versionOf } = setUp()
    store(ant)
    const held = hold('afterSnapshot')
    followed.start(follower)
    await held.reached
    followed.apply(batch(gone(ant)))
    followed.apply(batch(is(ant, { version: 8 })))
    followed.apply(batch(is(ant, { version: 9 })))
    followed.apply(batch(is(bee), gone(cow)))
    followed.apply(batch(gone(bee)))
    held.release()
    await followed.whole()
    expect([names(), versionOf(ant)]).toEqual([['ant'], 9])
  })

  it('also what the log brings while the position catches up is laid over it', async () => {
    const { followed, follower, store, server, versionOf } = setUp()
    store(ant)
    server.catchUp = async () => followed.apply(batch(is(ant, { version: 9 })))
    followed.start(follower)
    await followed.whole()
    expect(versionOf(ant)).toBe(9)
  })

  it('what was kept for one load is not laid over the next: that one has seen it', async () => {
    const { followed, follower, store, server, hold, clock, versionOf } = setUp()
    store(ant)
    const held = hold('beforeSnapshot')
    followed.start(follower)
    await held.reached
    followed.apply(batch(is(ant, { version: 8 })))
    server.failure = new Error('too many clients')
    held.release()
    await settle()
    server.failure = null
    store({ ...ant, version: 9 })
    await clock.advance(RETRY_MS)
    await followed.whole()
    expect(versionOf(ant)).toBe(9)
  })

  it('what the log brings before the load begins is not kept: the load sees it', async () => {
    const { followed, follower, store, versionOf } = setUp()
    followed.apply(batch(is(ant, { version: 8 })))
    store({ ...ant, version: 9 })
    followed.start(follower)
    await followed.whole()
    expect(versionOf(ant)).toBe(9)
  })

  it.each<[string, (followed: FollowedCatalogue) => void]>([
    ['the bucket is named as a whole', (followed) => followed.apply(wholly(0))],
    ['too much is named', (followed) => followed.apply({ ...batch(is(ant)), changes: null })],
    ['the position is reset', (followed) => followed.reset()],
  ])('and %s, what it brings is not installed, and it is loaded again', async (_what, happens) => {
    const { followed, follower, store, hold, asked, versionOf, names, stored } = setUp()
    store(ant, bee)
    const held = hold('afterSnapshot')
    followed.start(follower)
    await held.reached
    stored.delete(bee.id)
    store({ ...ant, version: 9 })
    happens(followed)
    const again = hold('beforeSnapshot')
    held.release()
    await again.reached
    expect([followed.isWhole(), versionOf(ant)]).toEqual([false, null])
    expect(asked.at(-1)).toContain(0)
    again.release()
    await followed.whole()
    expect([names(), versionOf(ant)]).toEqual([['ant'], 9])
  })

  it('the other buckets are followed on', async () => {
    const { followed, store, started, hold, names, versionOf } = setUp()
    store(ant, cow)
    await started()
    const held = hold('afterSnapshot')
    followed.apply(wholly(0))
    await held.reached
    followed.apply(batch(is(cow, { version: 9 })))
    expect([versionOf(cow), followed.isWhole()]).toEqual([9, false])
    held.release()
    await followed.whole()
    expect(names()).toEqual(['ant', 'cow'])
    expect(versionOf(cow)).toBe(9)
  })
})

describe('the checkpoint', () => {
  const checkpointed = (number: number, ...items: CatalogueItem[]): LoadedBucket => ({
    number,
    stamp: stamp(`1${number}:1${number}:`),
    bucket: bucketOfItems(items),
  })

  it('is asked first, and only what it has not got is loaded', async () => {
    const { followed, follower, store, checkpoint, asked, caughtUp, names } = setUp()
    store(ant, cow)
    checkpoint.loaded = [checkpointed(0, ant)]
    followed.start(follower)
    await followed.whole()
    expect(checkpoint.asked).toEqual([[0, 1]])
    expect(asked).toEqual([[1]])
    expect(caughtUp[0]).toEqual(stamp('10:10:'))
    expect(names()).toEqual(['ant', 'cow'])
  })

  it('may have all of it', async () => {
    const { followed, follower, checkpoint, asked, names } = setUp()
    checkpoint.loaded = [checkpointed(0, ant), checkpointed(1)]
    followed.start(follower)
    await followed.whole()
    expect([asked, names()]).toEqual([[], ['ant']])
  })

  it('is judged when the position covers it, in the step in which it is installed', async () => {
    const { followed, follower, store, checkpoint, server, asked, versionOf } = setUp()
    store({ ...ant, version: 9 })
    checkpoint.loaded = [checkpointed(0, ant), checkpointed(1)]
    const held = barrier()
    server.catchUp = () => {
      server.catchUp = async () => {}
      return held.arrive()
    }
    followed.start(follower)
    await held.reached
    expect(checkpoint.holds).not.toHaveBeenCalled()
    checkpoint.holds.mockImplementation((number) => number !== 0)
    held.release()
    await followed.whole()
    expect(checkpoint.holds.mock.calls).toEqual([
      [0, stamp('10:10:')],
      [1, stamp('11:11:')],
    ])
    expect([asked, versionOf(ant)]).toEqual([[[0]], 9])
  })

  it('is overlaid by what the log brought since it was asked', async () => {
    const { followed, follower, checkpoint, names, versionOf } = setUp()
    checkpoint.loaded = [checkpointed(0, ant, bee), checkpointed(1)]
    const held = barrier()
    checkpoint.beforeAnswer = held.arrive
    followed.start(follower)
    await held.reached
    followed.apply(batch(is(ant, { version: 9 }), gone(bee)))
    held.release()
    await followed.whole()
    expect([names(), versionOf(ant)]).toEqual([['ant'], 9])
  })

  it('is not installed where the bucket was named as a whole meanwhile', async () => {
    const { followed, follower, store, checkpoint, asked, versionOf } = setUp()
    store({ ...ant, version: 9 })
    checkpoint.loaded = [checkpointed(0, ant), checkpointed(1)]
    const held = barrier()
    checkpoint.beforeAnswer = held.arrive
    followed.start(follower)
    await held.reached
    followed.apply(wholly(0))
    held.release()
    await followed.whole()
    expect([asked, versionOf(ant)]).toEqual([[[0]], 9])
  })

  it('is not asked a second time where the load after it fails', async () => {
    const { followed, follower, server, checkpoint, clock } = setUp()
    server.failure = new Error('too many clients')
    followed.start(follower)
    await settle()
    server.failure = null
    await clock.advance(RETRY_MS)
    await followed.whole()
    expect(checkpoint.asked).toHaveLength(1)
  })
})

describe('beside requests', () => {
  const numbers = Array.from({ length: 20 }, (_, number) => number)

  it.each([
    ['the checkpoint', numbers.map((number) => ({ number, stamp: stamp('10:10:'), bucket: bucketOfItems([]) }))],
    ['the database', []],
  ])('they have their turn after each bucket that comes from %s', async (_, checkpointed) => {
    const { followed, follower, checkpoint } = setUp({ bucketCount: numbers.length })
    checkpoint.loaded = checkpointed
    let turns = 0
    const count = () => {
      turns++
      if (!followed.isWhole()) setImmediate(count)
    }
    setImmediate(count)
    followed.start(follower)
    await followed.whole()
    // Two loads of the database run at once.
    expect(turns).toBeGreaterThanOrEqual(numbers.length / 2 - 1)
  })
})

describe('a load beside another that still installs its buckets', () => {
  it('is not ended by it: what the log brings meanwhile is kept for the load that needs it', async () => {
    const { followed, follower, catalogue, store, asked, hold, versionOf } = setUp({ bucketCount: 5 })
    store(ant)
    const replace = catalogue.replace.bind(catalogue)
    let held: ReturnType<typeof hold> | undefined
    vi.spyOn(catalogue, 'replace').mockImplementation((number, bucket) => {
      replace(number, bucket)
      if (number !== 1 || held) return
      // The first load has installed bucket 0 and has two to go; the second, of bucket 4 alone, takes bucket 0 next.
      held = hold('afterSnapshot')
      followed.apply(wholly(0))
    })
    followed.start(follower)
    await vi.waitFor(() => expect(asked).toHaveLength(3))
    await settle()
    await settle()
    expect(asked).toEqual([[0, 1, 2, 3], [4], [0]])
    followed.apply(batch(is(ant, { version: 9 })))
    held?.release()
    await followed.whole()
    expect([asked.length, versionOf(ant)]).toEqual([3, 9])
  })
})

describe('a bucket that has lived its life', () => {
  /** Moves time to just before, and to just after the minute in which that is noticed. */
  async function aged(setting: ReturnType<typeof setUp>) {
    await setting.clock.advance(TTL_MS + MINUTE_MS)
  }

  it('is loaded again, so that a change that nobody logged does not stay unseen; it is current all along', async () => {
    const setting = setUp()
    const { followed, store, started, asked, versionOf, hold, clock } = setting
    store(ant, cow)
    await started()
    store({ ...ant, version: 9 })
    await clock.advance(TTL_MS - 1)
    expect([asked, versionOf(ant)]).toEqual([[], 3])
    const held = hold('afterSnapshot')
    await clock.advance(MINUTE_MS + 1)
    await held.reached
    expect([asked, followed.isWhole(), versionOf(ant)]).toEqual([[[0, 1]], true, 3])
    held.release()
    await settle()
    expect([followed.isWhole(), versionOf(ant)]).toEqual([true, 9])
    await clock.advance(TTL_MS - MINUTE_MS)
    expect(asked).toHaveLength(1)
  })

  it('comes behind the readers: of many, two loads run at a time, with a pause before the next two', async () => {
    const setting = setUp({ bucketCount: 20 })
    const { started, asked, clock } = setting
    await started()
    await aged(setting)
    for (let pause = 0; pause < 4; pause++) {
      await settle()
      await clock.advance(100)
    }
    expect(asked.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, bucket) => bucket))
    expect(clock.slept.filter((ms) => ms === 100)).toHaveLength(4)
  })

  it('goes on being followed while it is loaded, and keeps what came meanwhile', async () => {
    const setting = setUp()
    const { followed, store, started, versionOf, names, hold } = setting
    store(ant, bee)
    await started()
    const held = hold('afterSnapshot')
    await aged(setting)
    await held.reached
    followed.apply(batch(is(ant, { version: 9 }), gone(bee), is(cow)))
    expect([versionOf(ant), names()]).toEqual([9, ['ant', 'cow']])
    held.release()
    await settle()
    expect([versionOf(ant), names()]).toEqual([9, ['ant', 'cow']])
  })

  it('is behind all the same when it is named as a whole meanwhile', async () => {
    const setting = setUp()
    const { followed, store, stored, started, versionOf, names, hold } = setting
    store(ant, bee)
    await started()
    const held = hold('afterSnapshot')
    await aged(setting)
    await held.reached
    stored.delete(bee.id)
    store({ ...ant, version: 9 })
    followed.apply(wholly(0))
    expect(followed.isWhole()).toBe(false)
    held.release()
    await followed.whole()
    expect([versionOf(ant), names()]).toEqual([9, ['ant']])
  })

  it('stays as it is where it cannot be loaded, and is tried again', async () => {
    const setting = setUp()
    const { followed, store, started, versionOf, server, failed, clock } = setting
    store(ant)
    await started()
    server.failure = new Error('too many clients')
    await aged(setting)
    expect([failed.length > 0, followed.isWhole(), versionOf(ant)]).toEqual([true, true, 3])
    store({ ...ant, version: 9 })
    server.failure = null
    await clock.advance(RETRY_MS)
    expect(versionOf(ant)).toBe(9)
  })
})

it('each load is counted for each bucket, and timed', async () => {
  const { followed, follower, clock, server, seen } = setUp()
  server.beforeSnapshot = async () => {
    clock.nowMs += 7
  }
  followed.start(follower)
  await followed.whole()
  expect(seen).toEqual(['miss resources', 'miss resources', 'loaded resources 7'])
})
