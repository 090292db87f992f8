import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDatabaseClock } from './database-clock.ts'
import { createFakeClock } from './testing/index.ts'

const EPOCH_MS = 1_800_000_000_000
const AT_ONCE = { pauseMs: 0, thereMs: 0, backMs: 0, drift: 0 }

/** A database whose clock is `aheadMs` ahead of the monotonic clock. */
function setUp({ boundMs = 250 } = {}) {
  const clock = createFakeClock()
  const time = createDatabaseClock({ clock, boundMs })
  const database = { name: 'one', aheadMs: EPOCH_MS }
  const present = () => clock.nowMs + database.aheadMs
  /** Asked, shown after `thereMs`, answered after another `backMs`. */
  function read(thereMs: number, backMs: number) {
    const askedMs = clock.nowMs
    clock.nowMs += thereMs
    const shownMs = present()
    clock.nowMs += backMs
    return time.read({ database: database.name, askedMs, answeredMs: clock.nowMs, shownMs })
  }
  return { clock, time, database, present, read }
}

describe('the database’s clock', () => {
  it('is unknown before it was read', () => {
    const { time } = setUp()
    expect([time.earliestMs(), time.latestMs()]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
    expect(time.uncertaintyMs()).toBe(Number.POSITIVE_INFINITY)
    expect(time.offsetMs()).toBeNaN()
  })

  it('lies between the values for a delay entirely on the way there and entirely on the way back', () => {
    const { time, present, read } = setUp()
    read(3, 1)
    expect(time.earliestMs()).toBeCloseTo(present() - 1, 1)
    expect(time.latestMs()).toBeCloseTo(present() + 3, 1)
    expect(time.uncertaintyMs()).toBeCloseTo(2, 1)
  })

  it('is known by the best of several readings, on each side', () => {
    const { time, present, read } = setUp()
    read(1, 20)
    read(20, 1)
    expect(time.earliestMs()).toBeCloseTo(present() - 1, 0)
    expect(time.latestMs()).toBeCloseTo(present() + 1, 0)
  })

  it('becomes less certain with time, by the drift of two clocks', () => {
    const { clock, time, read } = setUp()
    read(1, 1)
    const before = time.uncertaintyMs()
    clock.nowMs += 10_000
    expect(time.uncertaintyMs() - before).toBeCloseTo(10, 5)
  })

  it('is unknown once it is less certain than the bound, until it is read again', () => {
    const { clock, time, read } = setUp({ boundMs: 5 })
    read(1, 1)
    clock.nowMs += 4500
    expect([time.earliestMs(), time.latestMs()]).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
    expect(time.uncertaintyMs()).toBeGreaterThan(5)
    read(1, 1)
    expect(Number.isFinite(time.latestMs())).toBe(true)
  })

  it.each([2000, -2000])('was set by %i ms: the next reading replaces everything known before', (byMs) => {
    const { clock, time, database, present, read } = setUp()
    read(1, 1)
    database.aheadMs += byMs
    clock.nowMs += 100
    expect(read(1, 1)).toBe(byMs < 0)
    expect(time.jumps).toBe(1)
    expect(Math.abs(time.latestMs() - present())).toBeLessThan(1.1)
    expect(Math.abs(time.earliestMs() - present())).toBeLessThan(1.1)
  })

  it('of another database is another clock, however little it differs', () => {
    const { time, database, present, read } = setUp()
    read(0, 0)
    database.name = 'two'
    database.aheadMs += 0.4
    read(5, 5)
    expect(time.latestMs()).toBeGreaterThanOrEqual(present() + 5)
    expect(time.jumps).toBe(0)
  })

  it('may have gone on while this machine was suspended: the wall clock makes the present later, never earlier', () => {
    const { clock, time, present, read } = setUp()
    read(1, 1)
    const earliestMs = time.earliestMs()
    clock.suspendedMs = 400
    expect(time.latestMs()).toBeGreaterThan(present() + 400)
    expect(time.earliestMs()).toBe(earliestMs)
  })

  it('does not follow the wall clock: neither one that is two seconds off, nor one that is set back', () => {
    const { clock, time, read } = setUp()
    clock.suspendedMs = -2000
    read(1, 1)
    const known = [time.earliestMs(), time.latestMs()]
    clock.suspendedMs = -5000
    expect([time.earliestMs(), time.latestMs()]).toEqual(known)
  })

  it('shows how far it is from the wall clock', () => {
    const { clock, time, present, read } = setUp()
    read(1, 1)
    expect(time.offsetMs()).toBeCloseTo(present() - clock.wallMs(), 0)
  })

  it('is never earlier than the earliest nor later than the latest, whatever the ways take and the clocks drift', () => {
    const step = fc.record({
      pauseMs: fc.double({ min: 0, max: 3000, noNaN: true }),
      thereMs: fc.double({ min: 0, max: 50, noNaN: true }),
      backMs: fc.double({ min: 0, max: 50, noNaN: true }),
      drift: fc.double({ min: -0.001, max: 0.001, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        const { clock, time, database, present } = setUp({ boundMs: 10_000 })
        // Summed up apart: a number as large as the present would lose a little of each.
        let driftedMs = 0
        const pass = (ms: number, drift: number) => {
          clock.nowMs += ms
          driftedMs += ms * drift
          database.aheadMs = EPOCH_MS + driftedMs
        }
        for (const { pauseMs, thereMs, backMs, drift } of steps) {
          const askedMs = clock.nowMs
          pass(thereMs, drift)
          const shownMs = present()
          pass(backMs, drift)
          time.read({ database: 'one', askedMs, answeredMs: clock.nowMs, shownMs })
          pass(pauseMs, drift)
          // The numbers are so large that the last thousandths are lost.
          expect(time.earliestMs()).toBeLessThanOrEqual(present() + 0.002)
          expect(time.latestMs()).toBeGreaterThanOrEqual(present() - 0.002)
        }
        expect(time.jumps).toBe(0)
      }),
      // Read in no time: all that is uncertain is what the numbers lose.
      { examples: [[[AT_ONCE, { ...AT_ONCE, thereMs: 0.12207031250000042, drift: -0.0009999999999999968 }, AT_ONCE]]] },
    )
  })
})
