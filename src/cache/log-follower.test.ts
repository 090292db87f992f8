import { describe, expect, it, vi } from 'vitest'
import { createInvalidationIndex, type LogRow } from './invalidation-index.ts'
import { alice, BOUND_MS, GRACE_MS, MINUTE_MS, opened, POLL_MS, setUp } from './log-follower.fixture.ts'
import { createLogFollower, LogUnreachableError } from './log-follower.ts'
import { formatSnapshot } from './snapshot.ts'
import { createFakeClock, DATABASE, settle, snapshot, stamp, xid } from './testing/index.ts'

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
  it('is read from a floor again: what the missing rows invalidated is below it', async () => {
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

describe('a process that stood still', () => {
  it('knows that the log is overdue, and that nothing is to be trusted after the bound', async () => {
    const { clock, follower, started } = setUp()
    await started()
    clock.nowMs += 4 * POLL_MS
    expect(follower.isOverdue()).toBe(false)
    clock.nowMs += 1
    expect(follower.isOverdue()).toBe(true)
    expect(follower.trust()).toBe('following')
  })

  it('with its whole machine is told by the other clock, which no correction backwards makes younger', async () => {
    const { clock, follower, started } = setUp()
    await started()
    clock.suspendedMs = BOUND_MS + 1
    expect([follower.lagMs(), follower.isOverdue(), follower.trust()]).toEqual([BOUND_MS + 1, true, 'lost'])
    clock.suspendedMs = -60_000
    clock.nowMs += 100
    expect(follower.lagMs()).toBe(100)
  })

  it('has read the log when it asks for that, or is told that it could not', async () => {
    const { clock, log, follower, reads, started, hold, soon } = setUp()
    await started()
    expect(await soon(follower.refresh(100))).toBe(true)
    expect(reads).toEqual(['since 20:20:'])
    const held = hold()
    const waiting = follower.refresh(100)
    await held.reached
    await clock.advance(100)
    expect(await waiting).toBe(false)
    held.release()
    await settle()
    log.failure = new Error('refused')
    expect(await soon(follower.refresh(100))).toBe(false)
  })

  it('does not wait for a database that is known to be away', async () => {
    const { clock, log, follower, started } = setUp()
    await started()
    log.failure = new LogUnreachableError('connection refused')
    await clock.advance(5 * POLL_MS)
    expect(follower.isOverdue()).toBe(false)
  })
})

describe('trust', () => {
  it('lasts until the log was unread for longer than the bound', async () => {
    const { clock, log, follower, started } = setUp()
    await started()
    log.failure = new Error('statement timeout')
    clock.nowMs += BOUND_MS
    expect(follower.trust()).toBe('following')
    expect(follower.lagMs()).toBe(BOUND_MS)
    clock.nowMs += 1
    expect(follower.trust()).toBe('lost')
  })

  it('turns into grace while the database is gone, and is lost after it', async () => {
    const { clock, log, follower, started, changes } = setUp()
    await started()
    log.failure = new LogUnreachableError('connection refused')
    await clock.advance(BOUND_MS)
    expect(follower.trust()).toBe('following')
    await clock.advance(POLL_MS)
    expect(follower.trust()).toBe('grace')
    await clock.advance(GRACE_MS - BOUND_MS - POLL_MS)
    expect(follower.trust()).toBe('grace')
    clock.nowMs += 1
    expect(follower.trust()).toBe('lost')
    await clock.advance(POLL_MS)
    expect(changes).toEqual(['following', 'grace: connection refused', 'lost: connection refused'])
    log.failure = null
    await clock.advance(POLL_MS)
    expect(follower.trust()).toBe('following')
    expect(changes.slice(3)).toEqual(['following'])
  })

  it('has no grace when the database answers but not with the log', async () => {
    const { clock, log, started, changes } = setUp()
    await started()
    log.failure = new Error('statement timeout')
    await clock.advance(BOUND_MS + POLL_MS)
    expect(changes).toEqual(['following', 'lost: statement timeout'])
  })

  it('is lost within less than a second once the database refuses to show the log: SQL can answer meanwhile', async () => {
    const { clock, log, follower, started } = setUp()
    await started()
    log.failure = new Error('statement timeout')
    await clock.advance(2 * POLL_MS)
    expect(follower.trust()).toBe('following')
    expect(follower.isOverdue()).toBe(false)
    await clock.advance(POLL_MS + 1)
    expect(follower.trust()).toBe('lost')
    log.failure = null
    await clock.advance(POLL_MS)
    expect(follower.trust()).toBe('following')
  })

  it('has no grace left from an earlier failure once the log was read again', async () => {
    const { clock, log, follower, started } = setUp()
    await started()
    log.failure = new LogUnreachableError('connection refused')
    await clock.advance(POLL_MS)
    log.failure = null
    await clock.advance(POLL_MS)
    clock.nowMs += BOUND_MS + 1
    expect(follower.trust()).toBe('lost')
  })

  it('counts the age from before the read', async () => {
    const { clock, follower, hold } = setUp()
    const held = hold()
    follower.start()
    await held.reached
    clock.nowMs += 98
    held.release()
    await follower.ready
    expect(follower.lagMs()).toBe(100)
  })
})

describe('the floors', () => {
  it('follow the positions that every living entry must have seen', async () => {
    const { clock, log, index, started, at } = setUp({ pollMs: 5000 })
    const raised: string[] = []
    const startMs = clock.nowMs
    const raise = index.raiseFloor
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

describe('what follows the log beside the index', () => {
  type Change = { readonly name: string }

  function following() {
    const clock = createFakeClock()
    const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 1000 })
    const steps: string[] = []
    const log = {
      position: stamp('20:20:'),
      rows: [] as LogRow[],
      changes: null as Change[] | null,
      gap: false,
      atMs: 0,
    }
    const answer = async () => {
      const { position, rows, changes, gap, atMs } = log
      return {
        position,
        rows,
        changes,
        ...(atMs > 0 && { atMs }),
        ...(gap && { gap: true as const }),
        floor: snapshot('5:5:'),
      }
    }
    const note = (what: string) =>
      steps.push(`${what} at ${formatSnapshot(index.position?.snapshot ?? snapshot('0:0:'))}`)
    const follower = createLogFollower<Change>({
      log: { readSince: answer, readPast: answer, subscribe: () => ({ close: async () => {} }) },
      index,
      clock,
      pollMs: POLL_MS,
      boundMs: BOUND_MS,
      graceMs: GRACE_MS,
      retentionMs: { volatile: MINUTE_MS, lasting: MINUTE_MS },
      followed: {
        apply: ({ rows, changes }) =>
          note(
            `apply ${changes?.map(({ name }) => name)}, ${index.judge(stamp('20:20:'), rows[0]?.tags ?? [], 'volatile')}`,
          ),
        reset: () => note('reset'),
      },
      onBatch: () => note('told'),
    })
    opened.push(follower)
    async function read() {
      clock.nowMs += 2
      expect(await follower.refresh(100)).toBe(true)
    }
    return { clock, index, steps, log, follower, read }
  }

  it('has the changes applied in the step in which the position moves, before anybody else hears of either', async () => {
    const { index, steps, log, read } = following()
    await read()
    steps.length = 0
    log.position = stamp('21:21:')
    log.rows = [{ xid: xid(20), tags: [alice] }]
    log.changes = [{ name: 'one' }, { name: 'two' }]
    const advance = index.advance
    let turns = 0
    vi.spyOn(index, 'advance').mockImplementation((...args) => {
      advance(...args)
      steps.push('advanced')
      // Whatever could run in between would find the position without its changes.
      queueMicrotask(() => steps.push(`a turn later ${++turns}`))
    })
    await read()
    expect(steps).toEqual(['advanced', 'apply one,two, invalidated at 21:21:', 'told at 21:21:', 'a turn later 1'])
  })

  it('is applied each batch, also one that names too much for one read', async () => {
    const { steps, log, read } = following()
    await read()
    steps.length = 0
    log.position = stamp('21:21:')
    log.changes = null
    await read()
    expect(steps).toEqual(['apply undefined, servable at 21:21:', 'told at 21:21:'])
  })

  it('is begun anew where the database’s clock was set back: it may have let go of what had ended', async () => {
    const { steps, log, read } = following()
    log.atMs = 1_000_000
    await read()
    steps.length = 0
    log.atMs = 1_005_000
    await read()
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['apply', 'told'])
    steps.length = 0
    log.atMs = 1_000_000
    await read()
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['reset', 'apply', 'told'])
  })

  it('is at the position at the time that came with it', async () => {
    const { follower, log, read } = following()
    expect(follower.positionMs()).toBeNull()
    log.atMs = 1_000_000
    await read()
    expect(follower.positionMs()).toBe(1_000_000)
    log.atMs = 0
    await read()
    expect(follower.positionMs()).toBeNull()
  })

  it.each<[string, (setting: ReturnType<typeof following>) => void]>([
    ['the log has a gap', ({ log }) => Object.assign(log, { gap: true })],
    ['the database is another', ({ log }) => Object.assign(log, { position: stamp('9:9:', 'restored') })],
    ['an own commit was in another database', ({ index }) => index.note({ xid: xid(9), tags: [alice] }, 'restarted')],
  ])('is begun anew with the position, and nothing of that batch is applied: %s', async (_what, happens) => {
    const setting = following()
    await setting.read()
    expect(setting.steps).toEqual(['reset at 20:20:', 'told at 20:20:'])
    setting.steps.length = 0
    setting.log.changes = [{ name: 'one' }]
    happens(setting)
    await setting.read()
    expect(setting.steps.map((step) => step.split(' ')[0])).toEqual(['reset', 'told'])
  })
})

describe('the judgement of the follower', () => {
  it('is that of the index while the log is followed, and in grace; and nothing is servable once it is lost', async () => {
    const { clock, log, index, follower, started } = setUp()
    const judged = () => follower.judge({ stamp: stamp('20:20:'), tags: [alice] }, 'volatile')
    expect(judged()).toBe('log-lost')
    await started()
    expect(judged()).toBe('servable')
    log.failure = new LogUnreachableError('connection refused')
    await clock.advance(BOUND_MS + POLL_MS)
    expect([follower.trust(), judged()]).toEqual(['grace', 'servable'])
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    expect(judged()).toBe('invalidated')
    clock.nowMs += GRACE_MS
    expect([follower.trust(), judged()]).toEqual(['lost', 'log-lost'])
  })

  it('is by the retention class that is asked for', async () => {
    const { index, follower, started } = setUp()
    await started()
    index.raiseFloor('lasting', snapshot('30:30:'))
    expect(follower.judge({ stamp: stamp('20:20:'), tags: [] }, 'volatile')).toBe('servable')
    expect(follower.judge({ stamp: stamp('20:20:'), tags: [] }, 'lasting')).toBe('below-floor')
  })
})

it('a log that cannot be reached says so by its code', () => {
  expect(new LogUnreachableError('gone').code).toBe('log-unreachable')
})
