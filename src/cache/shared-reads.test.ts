import { describe, expect, it } from 'vitest'
import { createSharedReads, ReadStalledError } from './shared-reads.ts'
import { createFakeClock, settle } from './testing/index.ts'

const INTERVAL_MS = 2
const STALLED_MS = 100
const SLOWER = 25

interface Scripted {
  readonly startedMs: number
  end(): Promise<void>
  fail(): Promise<void>
}

function setUp() {
  const clock = createFakeClock()
  const started: Scripted[] = []
  let running = 0
  let mostAtOnce = 0
  const reads = createSharedReads({
    clock,
    intervalMs: INTERVAL_MS,
    stalledMs: STALLED_MS,
    read() {
      mostAtOnce = Math.max(mostAtOnce, ++running)
      return new Promise<void>((resolve, reject) => {
        started.push({
          startedMs: clock.nowMs,
          async end() {
            running--
            resolve()
            await settle()
          },
          async fail() {
            running--
            reject(new Error('refused'))
            await settle()
          },
        })
      })
    },
  })
  /** What has become of a promise, without waiting for it. */
  function watched(promise: Promise<void>) {
    const state = { is: 'pending' as string }
    promise.then(
      () => {
        state.is = 'read'
      },
      (error: Error) => {
        state.is = error.message
      },
    )
    return state
  }
  const next = () => watched(reads.next())
  const unbounded = () => watched(reads.nextUnbounded())
  const last = () => started.at(-1) as Scripted
  return { clock, reads, started, next, unbounded, last, mostAtOnce: () => mostAtOnce }
}

describe('a shared read', () => {
  it('begins at once when none runs', async () => {
    const { next, started, last } = setUp()
    const caller = next()
    expect(started).toHaveLength(1)
    await settle()
    expect(caller.is).toBe('pending')
    await last().end()
    expect(caller.is).toBe('read')
  })

  it('never answers a caller who came after it began', async () => {
    const { clock, next, unbounded, started, last } = setUp()
    const first = next()
    const [late, waitsOn] = [next(), unbounded()]
    await clock.advance(INTERVAL_MS)
    await last().end()
    expect([first.is, late.is, waitsOn.is]).toEqual(['read', 'pending', 'pending'])
    expect(started).toHaveLength(2)
    await last().end()
    expect([late.is, waitsOn.is]).toEqual(['read', 'read'])
  })

  it('runs alone, and one more waits for all later callers', async () => {
    const { clock, next, unbounded, started, last, mostAtOnce } = setUp()
    next()
    const callers = Array.from({ length: 500 }, (_, at) => (at % 2 ? next() : unbounded()))
    await clock.advance(50)
    expect(started).toHaveLength(1)
    await last().end()
    expect(started).toHaveLength(2)
    await last().end()
    expect(callers.every(({ is }) => is === 'read')).toBe(true)
    await clock.advance(50)
    expect(started).toHaveLength(2)
    expect(mostAtOnce()).toBe(1)
  })

  it('begins no sooner than the interval after the one before, and takes all callers until then', async () => {
    const { clock, next, started, last } = setUp()
    const startMs = clock.nowMs
    next()
    await last().end()
    const early = next()
    await clock.advance(1)
    const late = next()
    expect(started).toHaveLength(1)
    await clock.advance(1)
    expect(started.map(({ startedMs }) => startedMs - startMs)).toEqual([0, INTERVAL_MS])
    await last().end()
    expect([early.is, late.is]).toEqual(['read', 'read'])
  })

  it('waits for no interval that is over', async () => {
    const { clock, next, started, last } = setUp()
    next()
    await clock.advance(INTERVAL_MS)
    await last().end()
    next()
    expect(started).toHaveLength(2)
  })

  it('comes for each of a thousand callers that never stop coming: the waiting read is the next of all of them', async () => {
    const { clock, reads, started } = setUp()
    let answered = 0
    let mostMs = 0
    for (let at = 0; at < 1000; at++) {
      const [cameMs, before] = [clock.nowMs, started.length]
      void reads.next().then(() => {
        answered++
        mostMs = Math.max(mostMs, clock.nowMs - cameMs)
        // The read that ran when the caller came, and the one after: never a third.
        expect(started.length - before).toBeLessThanOrEqual(2)
      })
      await clock.advance(0.5)
      // Each read takes between two and three milliseconds.
      for (const read of started) if (clock.nowMs - read.startedMs >= 2.5) void read.end()
      await settle()
    }
    for (const read of started) void read.end()
    await settle()
    await clock.advance(10)
    for (const read of started) void read.end()
    await settle()
    expect(answered).toBe(1000)
    expect(mostMs).toBeLessThanOrEqual(2 * 3)
  })
})

describe('a read that takes too long', () => {
  it('is given up by those who cannot wait, and by those who wait for the next, but not by callers without a bound', async () => {
    const { clock, next, unbounded, last } = setUp()
    next()
    await last().end()
    // Both before the next read begins, so that they wait for the same.
    const [running, waitsOn] = [next(), unbounded()]
    await clock.advance(INTERVAL_MS + 50)
    const [waiting, unboundedWaiting] = [next(), unbounded()]
    await clock.advance(STALLED_MS - 50)
    expect([running.is, waiting.is]).toEqual(['pending', 'pending'])
    await clock.advance(STALLED_MS + 2)
    const stalled = 'the read takes too long to be waited for'
    expect([running.is, waiting.is, waitsOn.is, unboundedWaiting.is]).toEqual([stalled, stalled, 'pending', 'pending'])
    await last().end()
    expect([waitsOn.is, unboundedWaiting.is]).toEqual(['read', 'pending'])
    await last().end()
    expect(unboundedWaiting.is).toBe('read')
    expect([running.is, waiting.is]).toEqual([stalled, stalled])
  })

  it('lets later callers not wait at all, until one has succeeded', async () => {
    const { clock, reads, next, started, last } = setUp()
    next()
    await clock.advance(STALLED_MS + 1)
    const told = await reads.next().catch((error: unknown) => error)
    expect(told).toBeInstanceOf(ReadStalledError)
    expect(told).toMatchObject({ code: 'read-stalled', message: 'reads fail, or take too long to be waited for' })
    await last().end()
    // The one that was refused has asked for another read all the same.
    expect(started).toHaveLength(2)
    const recovered = next()
    await last().end()
    await clock.advance(INTERVAL_MS)
    await last().end()
    expect(recovered.is).toBe('read')
  })

  it('is told of after one to two times that long from its own start, not from when it began to wait', async () => {
    const { clock, next, last } = setUp()
    next()
    await clock.advance(STALLED_MS - 10)
    const waiting = next()
    await last().end()
    await clock.advance(STALLED_MS)
    expect(waiting.is).toBe('pending')
    await clock.advance(STALLED_MS)
    expect(waiting.is).not.toBe('pending')
  })

  it('is not one that ends while this process stands still: its answer is read first', async () => {
    const { clock, next, last } = setUp()
    const caller = next()
    clock.nowMs += 10 * STALLED_MS
    const answered = last().end()
    await clock.advance(0)
    await answered
    await clock.advance(1)
    expect(caller.is).toBe('read')
    const other = next()
    expect(other.is).toBe('pending')
  })

  it('is watched by one timer for many reads, which ends when none runs', async () => {
    const { clock, next, last } = setUp()
    for (let count = 0; count < 10; count++) {
      next()
      await clock.advance(INTERVAL_MS)
      await last().end()
      expect(clock.sleeping).toBe(1)
    }
    await clock.advance(STALLED_MS + 1)
    expect(clock.sleeping).toBe(0)
  })
})

describe('a read that fails', () => {
  it('reaches all callers that waited for it, and none that waits for the next', async () => {
    const { clock, next, unbounded, last } = setUp()
    next()
    await last().end()
    const [prompt, waitsOn] = [next(), unbounded()]
    await clock.advance(INTERVAL_MS)
    const late = unbounded()
    await last().fail()
    expect([prompt.is, waitsOn.is, late.is]).toEqual(['refused', 'refused', 'pending'])
    await clock.advance(INTERVAL_MS * SLOWER)
    await last().end()
    expect(late.is).toBe('read')
  })

  it('makes the next come later: a server that refuses is not asked hundreds of times a second', async () => {
    const { clock, unbounded, started, last } = setUp()
    const startMs = clock.nowMs
    unbounded()
    await last().fail()
    unbounded()
    await clock.advance(INTERVAL_MS * SLOWER - 1)
    expect(started).toHaveLength(1)
    await clock.advance(1)
    await last().end()
    unbounded()
    await clock.advance(INTERVAL_MS)
    expect(started.map(({ startedMs }) => startedMs - startMs)).toEqual([0, 50, 52])
  })

  it('lets later callers not wait at all, and one more read finds out that reads succeed again', async () => {
    const { clock, next, started, last } = setUp()
    next()
    await last().fail()
    const refused = Array.from({ length: 100 }, next)
    await settle()
    expect(refused.every(({ is }) => is === 'reads fail, or take too long to be waited for')).toBe(true)
    await clock.advance(INTERVAL_MS * SLOWER)
    expect(started).toHaveLength(2)
    await last().end()
    await clock.advance(INTERVAL_MS)
    const served = next()
    await last().end()
    expect(served.is).toBe('read')
  })
})

describe('after a read that was too long succeeded', () => {
  it('a caller gets the next one, also where those who waited for it before were told to give up', async () => {
    const { clock, next, unbounded, last, started } = setUp()
    next()
    await clock.advance(10)
    unbounded()
    next()
    await clock.advance(STALLED_MS)
    await clock.advance(1)
    await last().end()
    const fresh = next()
    expect(started).toHaveLength(2)
    await last().end()
    await clock.advance(INTERVAL_MS)
    await last().end()
    expect(fresh.is).toBe('read')
  })
})
