/**
 * What this process knows of the database's clock, the only one by which entries end. Each read of the log brings what
 * that clock showed between two moments of this process, so the difference to the monotonic clock lies in an interval
 * (Cristian, 1989). Intervals of several reads are intersected (Marzullo, 1984) and widened by what the clocks may drift
 * apart meanwhile. The wall clocks of instances play no part.
 */
import type { Clock } from './clock.ts'

/** What the database's clock showed at some moment between asking and answering. */
export interface ClockReading {
  readonly database: string
  /** By the monotonic clock of this process, in milliseconds. */
  readonly askedMs: number
  readonly answeredMs: number
  /** By the database's clock, in milliseconds since the epoch. */
  readonly shownMs: number
}

/**
 * An instant by the database's clock, in milliseconds since the epoch; infinite if the clock is not known well enough.
 */
export interface Present {
  readonly earliestMs: number
  readonly latestMs: number
}

export interface DatabaseClock {
  /** The present is no earlier than this, in milliseconds since the epoch; -Infinity where it is not known well enough. */
  earliestMs(): number
  /** The present is no later than this, in milliseconds since the epoch; Infinity where it is not known well enough. */
  latestMs(): number
  /**
   * A reading that contradicts the earlier ones starts over: the database's clock was set.
   * @returns whether it was set back: then entries that had ended have not ended yet
   */
  read(reading: ClockReading): boolean
  /** By how much the present may differ from what `offsetMs` says, in milliseconds; Infinity before the first reading. */
  uncertaintyMs(): number
  /** The database's clock less the wall clock of this machine, in milliseconds; NaN before the first reading. */
  offsetMs(): number
  /** How often the database's clock was found to have been set. */
  readonly jumps: number
}

export interface DatabaseClockOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'wallMs'>
  /** If the uncertainty exceeds this, the present counts as unknown, in milliseconds. */
  readonly boundMs: number
}

/** Two clocks of which each is steered by NTP, at most 500 ppm (RFC 5905). */
const DRIFT = 0.001
/** PostgreSQL shows microseconds, and a number of this size keeps about a quarter of one. */
const RESOLUTION_MS = 0.001
/** The wall clock shows whole milliseconds. */
const WALL_STEP_MS = 2

/** The offset to add to the monotonic clock, as known at `atMs`. */
interface Offset {
  readonly database: string
  readonly leastMs: number
  readonly mostMs: number
  readonly atMs: number
  readonly wallMs: number
}

export function createDatabaseClock({ clock, boundMs }: DatabaseClockOptions): DatabaseClock {
  let known: Offset | null = null
  let jumps = 0

  /** How far each end of the interval may have moved since. */
  const driftMs = ({ atMs }: Offset, nowMs: number) => (nowMs - atMs) * DRIFT

  /** While a machine is suspended the monotonic clock stands still: what the wall clock shows more can only make it later. */
  function suspendedMs({ atMs, wallMs }: Offset, nowMs: number): number {
    const missedMs = clock.wallMs() - wallMs - (nowMs - atMs)
    return missedMs > WALL_STEP_MS ? missedMs : 0
  }

  function spreadMs(offset: Offset, nowMs: number): number {
    return offset.mostMs - offset.leastMs + 2 * driftMs(offset, nowMs) + suspendedMs(offset, nowMs)
  }

  return {
    read({ database, askedMs, answeredMs, shownMs }) {
      const unsureMs = (answeredMs - askedMs) * DRIFT + RESOLUTION_MS
      const wallMs = clock.wallMs() - (clock.monotonicMs() - answeredMs)
      const fresh: Offset = {
        database,
        leastMs: shownMs - answeredMs - unsureMs,
        mostMs: shownMs - askedMs + unsureMs,
        atMs: answeredMs,
        wallMs,
      }
      const before = known
      known = fresh
      if (before?.database !== database) return false
      const drift = driftMs(before, answeredMs)
      const leastMs = Math.max(fresh.leastMs, before.leastMs - drift)
      const mostMs = Math.min(fresh.mostMs, before.mostMs + drift)
      if (leastMs <= mostMs) known = { ...fresh, leastMs, mostMs }
      else jumps++
      return fresh.mostMs < before.leastMs - drift
    },
    earliestMs() {
      const nowMs = clock.monotonicMs()
      if (!known || spreadMs(known, nowMs) > 2 * boundMs) return Number.NEGATIVE_INFINITY
      return nowMs + known.leastMs - driftMs(known, nowMs)
    },
    latestMs() {
      if (!known) return Number.POSITIVE_INFINITY
      const nowMs = clock.monotonicMs()
      const laterMs = driftMs(known, nowMs) + suspendedMs(known, nowMs)
      const isKnown = known.mostMs - known.leastMs + driftMs(known, nowMs) + laterMs <= 2 * boundMs
      return isKnown ? nowMs + known.mostMs + laterMs : Number.POSITIVE_INFINITY
    },
    uncertaintyMs: () => (known ? spreadMs(known, clock.monotonicMs()) / 2 : Number.POSITIVE_INFINITY),
    offsetMs() {
      if (!known) return Number.NaN
      return clock.monotonicMs() + (known.leastMs + known.mostMs) / 2 - clock.wallMs()
    },
    get jumps() {
      return jumps
    },
  }
}
