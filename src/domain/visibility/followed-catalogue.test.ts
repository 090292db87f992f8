import { afterEach, describe, expect, it, vi } from 'vitest'
import type { InvalidationIndex, LogBatch, Stamp } from '../../cache/index.ts'
import { barrier, createFakeClock, settle, stamp, xid } from '../../cache/testing/index.ts'
import { bucketTag, layerTag, resourceTag, userTag } from '../keys.ts'
import type { ResourceId, UserId } from '../model.ts'
import type { CatalogueItem, ResourceState } from '../source.ts'
import { createCatalogue } from './catalogue.ts'
import { bucketOfItems } from './catalogue-bucket.ts'
import { createFollowedCatalogue, type FollowedCatalogue, type LoadedBuckets } from './followed-catalogue.ts'
import { idIn, itemOf, team, timeless } from './test-items.ts'

const RETRY_MS = 250
const TTL_MS = 3_600_000
const MINUTE_MS = 60_000
const opened: FollowedCatalogue[] = []
afterEach(() => Promise.all(opened.splice(0).map((followed) => followed.close())))

const item = (bucket: number, name: string): CatalogueItem =>
  itemOf(idIn(bucket, name.charCodeAt(0)), name, [[team, 'read']])
const is = (of: CatalogueItem, over: Partial<CatalogueItem> = {}): ResourceState => ({
  id: of.id,
  item: { ...of, ...over },
})
const gone = ({ id }: CatalogueItem): ResourceState => ({ id, item: null })
/** A row that names resources; its buckets are there for others. */
const row = (...changes: readonly ResourceState[]) => ({
  xid: xid(20),
  tags: changes.flatMap(({ id }) => [resourceTag(id), bucketTag(Number.parseInt(id.slice(0, 2), 16))]),
})
const batch = (...changes: readonly ResourceState[]): LogBatch<ResourceState> => ({
  position: stamp('20:20:'),
  rows: [row(...changes)],
  changes,
})
/** A row that names whole buckets. */
const wholly = (...buckets: number[]): LogBatch<ResourceState> => ({
  position: stamp('20:20:'),
  rows: [{ xid: xid(20), tags: buckets.map(bucketTag) }],
  changes: [],
})

function setUp({ bucketCount = 2 } = {}) {
  const clock = createFakeClock()
  const catalogue = createCatalogue()
  /** What PostgreSQL has. */
  const stored = new Map<ResourceId, CatalogueItem>()
  const asked: number[][] = []
  const failed: unknown[] = []
  const seen: string[] = []
  const server = {
    stamp: stamp('20:20:'),
    position: stamp('20:20:'),
    failure: null as Error | null,
    beforeSnapshot: async () => {},
    afterSnapshot: async () => {},
    /** What the log has yet to bring. */
    catchUp: async (_target: Stamp) => {},
  }
  const checkpoint = {
    loaded: [] as LoadedBuckets[],
    asked: [] as number[][],
    beforeAnswer: async () => {},
    holds: vi.fn((_number: number, _stamp: Stamp) => true),
  }
  const followed = createFollowedCatalogue({
    catalogue,
    bucketCount,
    ttlMs: TTL_MS,
    clock,
    events: {
      miss: (layer) => seen.push(`miss ${layer}`),
      loaded: (layer, ms) => seen.push(`loaded ${layer} ${ms}`),
    },
    index: {
      get position() {
        return server.position
      },
    } as InvalidationIndex,
    source: {
      async catalogueBuckets(buckets) {
        asked.push([...buckets])
        await server.beforeSnapshot()
        if (server.failure) throw server.failure
        const [all, at] = [[...stored.values()], server.stamp]
        await server.afterSnapshot()
        const of = (bucket: number) => all.filter(({ id }) => Number.parseInt(id.slice(0, 2), 16) === bucket)
        return { stamp: at, values: new Map(buckets.map((bucket) => [bucket, of(bucket)])) }
      },
    },
    checkpoint: {
      async load(numbers) {
        checkpoint.asked.push([...numbers])
        await checkpoint.beforeAnswer()
        return checkpoint.loaded
      },
      holds: checkpoint.holds,
    },
    onFailed: (cause) => failed.push(cause),
  })
  opened.push(followed)
  const caughtUp: Stamp[] = []
  const follower = {
    ready: Promise.resolve(),
    async catchUp(target: Stamp) {
      caughtUp.push(target)
      await server.catchUp(target)
    },
  }
  const store = (...items: CatalogueItem[]) => {
    for (const each of items) stored.set(each.id, each)
  }
  async function started() {
    followed.start(follower)
    await followed.whole()
    asked.length = 0
  }
  /** Holds the next load before it has its snapshot, or once it has it. */
  function hold(where: 'beforeSnapshot' | 'afterSnapshot') {
    const held = barrier()
    server[where] = () => {
      server[where] = async () => {}
      return held.arrive()
    }
    return held
  }
  const names = () =>
    timeless(catalogue)
      .visible([team], { count: 100 })
      ?.map(({ name }) => name)
  const versionOf = ({ id }: CatalogueItem) => {
    const found = timeless(catalogue).visibleOne([team], { id })
    return found ? (JSON.parse(found.json.toString()) as CatalogueItem).version : null
  }
  return {
    clock,
    seen,
    catalogue,
    stored,
    store,
    asked,
    failed,
    server,
    checkpoint,
    followed,
    follower,
    caughtUp,
    started,
    hold,
    names,
    versionOf,
  }
}

const [ant, bee, cow] = [item(0, 'ant'), item(0, 'bee'), item(1, 'cow')]

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
    expect(asked.map((some) => some.length)).toEqual([16, 16, 8])
    expect(new Set(asked.flat()).size).toBe(40)
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
    ['the position was begun anew', (followed) => followed.reset(), [0, 1]],
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
    ['the position is begun anew', (followed) => followed.reset()],
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
  const checkpointed = (number: number, ...items: CatalogueItem[]): LoadedBuckets => ({
    stamp: stamp(`1${number}:1${number}:`),
    buckets: new Map([[number, bucketOfItems(items)]]),
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

describe('a bucket that has lived its life', () => {
  /** Moves time to just before, and to just after the minute in which that is noticed. */
  async function aged(setting: ReturnType<typeof setUp>) {
    await setting.clock.advance(TTL_MS + MINUTE_MS)
  }

  it('is loaded anew, so that a change that nobody logged does not stay unseen; it is current all along', async () => {
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

describe('a state that cannot be taken in', () => {
  it('does not stop the log, and makes all of it be loaded anew: some may be in, and some not', async () => {
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

it('each load is counted for each bucket, and timed', async () => {
  const { followed, follower, clock, server, seen } = setUp()
  server.beforeSnapshot = async () => {
    clock.nowMs += 7
  }
  followed.start(follower)
  await followed.whole()
  expect(seen).toEqual(['miss resources', 'miss resources', 'loaded resources 7'])
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
