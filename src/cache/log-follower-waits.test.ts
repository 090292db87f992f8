/** What callers wait for: a barrier, a position, a transaction. */
import { describe, expect, it } from 'vitest'
import { LogUnreachableError } from './invalidation-log.ts'
import { alice, POLL_MS, setUp } from './log-follower.fixture.ts'
import { DATABASE, settle, stamp, xid } from './testing/index.ts'

describe('a barrier', () => {
  it('ends with a read of the log that began after it was asked for', async () => {
    const { log, index, follower, reads, started, clock, hold, at } = setUp()
    await started()
    const held = hold()
    const before = follower.barrier()
    await held.reached
    log.position = at(20)
    const after = follower.barrier()
    let passed = false
    void after.then(() => {
      passed = true
    })
    held.release()
    expect(await before).toBe(true)
    await settle()
    expect([passed, reads.length]).toEqual([false, 1])
    log.position = at(21)
    log.rows = [{ xid: xid(20), tags: [alice] }]
    await clock.advance(2)
    expect(await after).toBe(true)
    expect(index.judge(at(20), [alice], 'volatile')).toBe('invalidated')
    expect(reads).toHaveLength(2)
  })

  it('is shared by all callers that ask before that read begins', async () => {
    const { follower, reads, started, soon } = setUp()
    await started()
    expect(await soon(Promise.all(Array.from({ length: 100 }, () => follower.barrier())))).toEqual(
      Array(100).fill(true),
    )
    expect(reads).toHaveLength(1)
  })

  it('cannot be had while the log cannot be read, and says so at once from then on', async () => {
    const { log, follower, started, soon, clock } = setUp()
    await started()
    log.failure = new LogUnreachableError('connection refused')
    expect(await soon(follower.barrier())).toBe(false)
    expect(await follower.barrier()).toBe(false)
    log.failure = null
    await clock.advance(POLL_MS)
    expect(await soon(follower.barrier())).toBe(true)
  })

  it('is not waited for longer than a request can wait', async () => {
    const { follower, started, clock, hold } = setUp()
    await started()
    const held = hold()
    const waiting = follower.barrier()
    await held.reached
    await clock.advance(202)
    expect(await waiting).toBe(false)
    held.release()
  })

  it('reads the past where none was read yet', async () => {
    const { follower, reads, index } = setUp()
    expect(await follower.barrier()).toBe(true)
    expect(reads).toEqual(['past'])
    expect(index.position).toEqual(stamp('20:20:'))
  })
})

describe('catching up', () => {
  it('reads nothing when the position covers the target', async () => {
    const { follower, reads, started, at, soon } = setUp()
    await started()
    await soon(follower.catchUp(at(20)))
    expect(reads).toEqual([])
  })

  it('works before anything was read', async () => {
    const { follower, reads, at, soon } = setUp()
    await soon(follower.catchUp(at(20)))
    expect(reads).toEqual(['past'])
  })

  it('reads until the position covers the target, by the whole snapshot', async () => {
    const { log, follower, reads, started, index, soon } = setUp()
    await started()
    const positions = [stamp('20:22:20'), stamp('22:22:')]
    log.gate = async () => {
      log.position = positions.shift() ?? log.position
    }
    await soon(follower.catchUp(stamp('22:22:')))
    expect(reads).toEqual(['since 20:20:', 'since 20:22:20'])
    expect(index.position).toEqual(stamp('22:22:'))
  })

  it('of many at once takes the read that runs and one more, which began after they asked', async () => {
    const { log, follower, reads, started, hold, at, soon } = setUp()
    await started()
    const held = hold()
    const first = follower.catchUp(at(21))
    await held.reached
    const others = [follower.catchUp(at(21)), follower.catchUp(at(21)), follower.catchUp(at(21))]
    await settle()
    expect(reads).toHaveLength(1)
    log.position = at(21)
    held.release()
    await soon(Promise.all([first, ...others]))
    expect(reads).toHaveLength(2)
    await soon(follower.catchUp(at(21)))
    expect(reads).toHaveLength(2)
  })

  it('goes on after a read that failed for another caller', async () => {
    const { log, follower, started, hold, clock, at } = setUp()
    await started()
    const held = hold()
    const first = follower.catchUp(at(21))
    await held.reached
    const second = follower.catchUp(at(21))
    log.failure = new Error('statement timeout')
    log.gate = async () => {
      log.failure = null
      log.position = at(21)
    }
    held.release()
    await expect(first).rejects.toThrow('statement timeout')
    // After a failure the next read takes its time.
    await clock.advance(50)
    await expect(second).resolves.toBeUndefined()
  })

  it('ends when the database is another by now: the judgement refuses entries loaded from the old one', async () => {
    const { log, follower, reads, started, at, soon } = setUp()
    await started()
    log.position = at(9, 'restored')
    await soon(follower.catchUp(at(30)))
    expect(reads).toEqual(['since 20:20:', 'past'])
  })

  it('gives up where the log is read from a server that is behind', async () => {
    const { follower, reads, started, at, soon } = setUp()
    await started()
    await expect(soon(follower.catchUp(at(21)))).rejects.toThrow('the log does not reach what was loaded')
    expect(reads).toEqual(['since 20:20:', 'since 20:20:', 'since 20:20:'])
  })

  it('reads once for a target of another database, and is then judged there', async () => {
    const { follower, reads, started, at, soon } = setUp()
    await started()
    await soon(follower.catchUp(at(1, 'restored')))
    expect(reads).toEqual(['since 20:20:'])
  })
})

describe('waiting for a transaction', () => {
  const committed = (id: number, database = DATABASE) => ({ database, xid: xid(id) })

  it('ends at once when the position sees it', async () => {
    const { follower, reads, started, soon } = setUp()
    await started()
    expect(await soon(follower.waitFor(committed(19), 1000))).toBe(true)
    expect(reads).toEqual([])
  })

  it('reads the log, and ends as soon as that shows it', async () => {
    const { log, follower, reads, started, clock, at, soon } = setUp()
    await started()
    log.position = at(21)
    expect(await soon(follower.waitFor(committed(20), 1000))).toBe(true)
    expect(reads).toEqual(['since 20:20:'])
    // The time it would have had is given back: what is left is the poll, once the reads are watched no more.
    await clock.advance(101)
    expect(clock.sleeping).toBe(1)
  })

  it('asks again after a pause, not at once', async () => {
    const { log, follower, reads, started, clock, at } = setUp()
    await started()
    const waiting = follower.waitFor(committed(20), 1000)
    await clock.advance(2 + 9)
    expect(reads).toHaveLength(1)
    log.position = at(21)
    await clock.advance(1)
    expect(await waiting).toBe(true)
    expect(reads).toHaveLength(2)
  })

  it('ends with false when the time is over, and the last pause is no longer than that', async () => {
    const { follower, started, reads, clock } = setUp()
    await started()
    const waiting = follower.waitFor(committed(20), 25)
    await clock.advance(25)
    expect(await waiting).toBe(false)
    expect(reads).toHaveLength(3)
    expect(clock.slept.slice(-2)).toEqual([3, 3])
  })

  it('has no time: nothing is read', async () => {
    const { follower, started, reads, soon } = setUp()
    await started()
    expect(await soon(follower.waitFor(committed(20), 0))).toBe(false)
    expect(reads).toEqual([])
  })

  it('does not wait for a read that hangs', async () => {
    const { follower, started, hold, clock } = setUp()
    await started()
    const held = hold()
    const waiting = follower.waitFor(committed(20), 100)
    await held.reached
    await clock.advance(100)
    expect(await waiting).toBe(false)
    held.release()
  })

  it('survives reads that fail', async () => {
    const { log, follower, started, clock, at } = setUp()
    await started()
    log.failure = new Error('statement timeout')
    const waiting = follower.waitFor(committed(20), 100)
    await clock.advance(10)
    log.failure = null
    log.position = at(21)
    await clock.advance(50)
    expect(await waiting).toBe(true)
  })

  it('of another incarnation is over once the log of this one was read after it', async () => {
    const { follower, reads, started, soon } = setUp()
    await started()
    expect(await soon(follower.waitFor(committed(5, 'before the crash'), 1000))).toBe(true)
    expect(reads).toEqual(['since 20:20:'])
  })

  it('of another incarnation is not here when this one is not as far in its ids: its commit was lost', async () => {
    const { follower, reads, started, soon } = setUp()
    await started()
    expect(await soon(follower.waitFor(committed(20, 'before it was put back'), 1000))).toBe(false)
    expect(reads).toEqual(['since 20:20:'])
  })

  it('of another incarnation is not over by a read that failed', async () => {
    const { log, follower, started, clock } = setUp()
    await started()
    log.failure = new Error('statement timeout')
    const waiting = follower.waitFor(committed(5, 'before the crash'), 30)
    await clock.advance(30)
    expect(await waiting).toBe(false)
  })

  it('of another incarnation is not over by a read that hangs', async () => {
    const { follower, started, hold, clock } = setUp()
    await started()
    const held = hold()
    const waiting = follower.waitFor(committed(5, 'before the crash'), 100)
    await held.reached
    await clock.advance(100)
    expect(await waiting).toBe(false)
    held.release()
  })

  it('works before anything was read', async () => {
    const { follower, soon } = setUp()
    expect(await soon(follower.waitFor(committed(19), 1000))).toBe(true)
  })
})
