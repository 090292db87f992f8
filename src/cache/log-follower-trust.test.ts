/** How long what the log said is trusted. */
import { describe, expect, it } from 'vitest'
import { LogUnreachableError } from './invalidation-log.ts'
import { alice, BOUND_MS, GRACE_MS, POLL_MS, setUp } from './log-follower.fixture.ts'
import { DATABASE, settle, snapshot, stamp, xid } from './testing/index.ts'

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

  it('with its whole machine is noticed by the wall clock, which no correction backwards makes younger', async () => {
    const { clock, follower, started } = setUp()
    await started()
    clock.suspendedMs = BOUND_MS + 1
    expect([follower.lagMs(), follower.isOverdue(), follower.trust()]).toEqual([BOUND_MS + 1, true, 'lost'])
    clock.suspendedMs = -60_000
    clock.nowMs += 100
    expect(follower.lagMs()).toBe(100)
  })

  it('has read the log when it asks for that, or learns that it could not', async () => {
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
