import { describe, expect, it, vi } from 'vitest'
import { createInvalidationIndex } from './invalidation-index.ts'
import { LogUnreachableError } from './invalidation-log.ts'
import { alice, BOUND_MS, GRACE_MS, MINUTE_MS, opened, POLL_MS, setUp } from './log-follower.fixture.ts'
import { createLogFollower } from './log-follower.ts'
import { DATABASE, settle, snapshot, stamp, xid } from './testing/index.ts'

describe('following', () => {
  it('begins with the past, and is ready when it is known', async () => {
    const { follower, index, reads, batches, changes } = setUp()
    expect(follower.trust()).toBe('lost')
    expect(follower.lagMs()).toBe(Number.POSITIVE_INFINITY)
    expect(reads).toEqual([])
    follower.start()
    await follower.ready
    expect(reads).toEqual(['past'])
    expect(index.position).toEqual(stamp('20:20:'))
    expect(index.judge(stamp('4:4:'), [], 'lasting')).toBe('below-floor')
    expect(batches).toEqual(['20:20:'])
    expect(changes).toEqual(['following'])
    expect(follower.lagMs()).toBe(0)
  })

  it('goes on from where it is, at every poll', async () => {
    const { clock, log, index, reads, batches, started, at } = setUp()
    await started()
    await clock.advance(POLL_MS - 1)
    expect(reads).toEqual([])
    log.position = at(21)
    log.rows = [{ xid: xid(20), tags: [alice] }]
    await clock.advance(1)
    expect(reads).toEqual(['since 20:20:'])
    expect(index.position).toEqual(at(21))
    expect(index.judge(at(20), [alice], 'volatile')).toBe('invalidated')
    await clock.advance(POLL_MS)
    expect(reads).toEqual(['since 20:20:', 'since 21:21:'])
    expect(batches).toEqual(['20:20:', '21:21:', '21:21:'])
  })

  it('is woken by a notification', async () => {
    const { log, reads, started, clock } = setUp()
    await started()
    log.notify()
    await clock.advance(2)
    expect(reads).toEqual(['since 20:20:'])
  })

  it('reads again when a notification came during a read', async () => {
    const { log, reads, started, hold, clock } = setUp()
    await started()
    const held = hold()
    log.notify()
    await held.reached
    log.notify()
    held.release()
    await clock.advance(2)
    expect(reads).toEqual(['since 20:20:', 'since 20:20:'])
  })

  it('tries again at the next poll until the past is known', async () => {
    const { clock, log, follower, reads, changes } = setUp()
    log.failure = new LogUnreachableError('not yet')
    follower.start()
    await settle()
    expect(follower.trust()).toBe('lost')
    await clock.advance(POLL_MS)
    expect(reads).toEqual(['past', 'past'])
    expect(changes).toEqual(['lost: not yet'])
    log.failure = null
    await clock.advance(POLL_MS)
    await follower.ready
    expect(follower.trust()).toBe('following')
  })

  it('ends for good when it is closed: subscription, loop and sleep', async () => {
    const { clock, log, follower, reads, started } = setUp()
    await started()
    await clock.advance(101)
    expect(clock.sleeping).toBe(1)
    await follower.close()
    expect(log.closed).toBe(1)
    expect(clock.sleeping).toBe(0)
    log.notify()
    await clock.advance(10 * POLL_MS)
    expect(reads).toEqual([])
  })

  it('can be closed before it began', async () => {
    await expect(setUp().follower.close()).resolves.toBeUndefined()
  })

  it('needs no listener', async () => {
    const { clock, started, log, follower, at } = setUp()
    const silent = createLogFollower({
      log: {
        readSince: async () => ({ position: at(20), rows: [] }),
        readPast: async () => ({ position: at(20), rows: [], floor: snapshot('5:5:') }),
        subscribe: () => ({ close: async () => {} }),
      },
      index: createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 10 }),
      clock,
      pollMs: POLL_MS,
      boundMs: BOUND_MS,
      graceMs: GRACE_MS,
      retentionMs: { volatile: MINUTE_MS, lasting: MINUTE_MS },
    })
    opened.push(silent)
    silent.start()
    await silent.ready
    await started()
    await clock.advance(POLL_MS)
    expect([silent.lagMs(), silent.trust(), follower.trust(), log.closed]).toEqual([0, 'following', 'following', 0])
  })
})

describe('a database with another history', () => {
  it('is followed from its own past', async () => {
    const { clock, log, index, reads, batches, started, at } = setUp()
    await started()
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    log.position = at(9, 'restored')
    await clock.advance(POLL_MS)
    expect(reads).toEqual(['since 20:20:', 'past'])
    expect(index.position).toEqual(at(9, 'restored'))
    expect(index.judge(at(9, 'restored'), [alice], 'volatile')).toBe('servable')
    expect(batches).toEqual(['20:20:', '9:9:'])
  })
})

describe('an own commit in another database', () => {
  it('makes a read that runs then start over', async () => {
    const { log, index, follower, reads, started, hold, at } = setUp()
    await started()
    const held = hold()
    const reading = follower.refresh(1000)
    await held.reached
    index.note({ xid: xid(9), tags: [alice] }, 'restarted')
    held.release()
    log.position = at(9, 'restarted')
    expect(await reading).toBe(true)
    expect(reads).toEqual(['since 20:20:', 'past'])
    expect(index.judge(at(9, 'restarted'), [alice], 'volatile')).toBe('invalidated')
  })
})

describe('a log that was pruned while this instance was away', () => {
  it('is read from a floor again: entries that the missing rows invalidated lie below it', async () => {
    const { clock, log, index, reads, started, at } = setUp()
    await started()
    expect(index.judge(stamp('5:5:'), [alice], 'volatile')).toBe('servable')
    log.gap = true
    log.position = at(30)
    await clock.advance(POLL_MS)
    expect(reads).toEqual(['since 20:20:', 'past'])
    expect(index.position).toEqual(at(30))
  })
})

describe('the floors', () => {
  it('follow the positions that every living entry must have seen', async () => {
    const { clock, log, index, started, at } = setUp({ pollMs: 5000 })
    const raised: string[] = []
    const startMs = clock.nowMs
    const raise = index.raiseFloor.bind(index)
    vi.spyOn(index, 'raiseFloor').mockImplementation((retention, floor) => {
      raised.push(`${(clock.nowMs - startMs) / 1000} s: ${retention} ${floor.xmax}`)
      raise(retention, floor)
    })
    await started()
    // The position at each moment is 20 and the seconds since the start.
    for (let second = 5; second <= 645; second += 5) {
      log.position = at(20 + second)
      await clock.advance(5000)
    }
    expect(raised.slice(0, 3)).toEqual(['75 s: volatile 20', '90 s: volatile 35', '105 s: volatile 50'])
    expect(raised.filter((each) => each.includes('lasting'))).toEqual([
      '615 s: lasting 20',
      '630 s: lasting 35',
      '645 s: lasting 50',
    ])
    expect(raised).toHaveLength(42)
  })

  it('do not rise to positions in another database', async () => {
    const { clock, log, index, started, at } = setUp({ pollMs: 15_000 })
    const raise = vi.spyOn(index, 'raiseFloor')
    await started()
    log.position = at(9, 'restored')
    await clock.advance(MINUTE_MS + 15_000)
    expect(raise).not.toHaveBeenCalled()
    await clock.advance(15_000)
    expect(raise).toHaveBeenCalledWith('volatile', snapshot('9:9:'))
  })
})

it('a log that cannot be reached says so by its code', () => {
  expect(new LogUnreachableError('gone').code).toBe('log-unreachable')
})
