/** Whether entries may be judged by the log as it was last read: for how long that is trusted, and when it is in doubt. */
import type { Clock } from './clock.ts'
import { LogUnreachableError } from './invalidation-log.ts'

/**
 * `following`: entries are judged and served. `grace`: the database is gone, nobody can commit, hits may go on for a
 * bounded time. `lost`: too long without the log; nothing is served from the cache. A database that answers, though not
 * with the log, goes on committing, and can answer readers by SQL: then the log is lost within less than a second.
 */
export type Trust = 'following' | 'grace' | 'lost'

export interface LogTrustOptions {
  readonly clock: Clock
  /** How often the log is read without being woken, in milliseconds. */
  readonly pollMs: number
  /** How long the log may stay unread before entries stop being trusted, in milliseconds. */
  readonly boundMs: number
  /** How long hits go on while the database itself is unreachable, in milliseconds. */
  readonly graceMs: number
  /** Called when a read of the log ends and the trust is not what it was after the one before. */
  readonly onTrustChange?: (trust: Trust, cause?: unknown) => void
}

/** When a read of the log began, by both clocks. */
export interface ReadBegan {
  readonly monotonicMs: number
  readonly wallMs: number
}

export interface LogTrust {
  trust(): Trust
  /** Milliseconds since the log was last read successfully; Infinity before the first time. */
  lagMs(): number
  /** Whether the next read of the log is late although the last one succeeded: this process may have stood still. */
  isOverdue(): boolean
  readSucceeded(began: ReadBegan): void
  readFailed(cause: unknown): void
}

/** How long entries are trusted while the database refuses to show the log, in milliseconds. */
const REFUSED_BOUND_MS = 750
/** As many polls may be missed by chance; after more, the log is read before an entry is served. */
const OVERDUE_POLLS = 4

/** @returns a trust that trusts nothing before the first `readSucceeded` */
export function createLogTrust({ clock, pollMs, boundMs, graceMs, onTrustChange }: LogTrustOptions): LogTrust {
  let lastBegan: ReadBegan = { monotonicMs: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY }
  /** Of the last read: it succeeded, the database could not be reached, or it refused this read. */
  let lastRead: 'succeeded' | 'unreachable' | 'refused' = 'succeeded'
  let announced: Trust | null = null

  /** The monotonic clock stops while a machine is suspended; the wall clock can only make this stricter. */
  function lagMs(): number {
    return Math.max(clock.monotonicMs() - lastBegan.monotonicMs, clock.wallMs() - lastBegan.wallMs)
  }

  function trust(): Trust {
    const lag = lagMs()
    const bound = lastRead === 'refused' ? Math.min(boundMs, REFUSED_BOUND_MS) : boundMs
    if (lag <= bound) return 'following'
    return lastRead === 'unreachable' && lag <= graceMs ? 'grace' : 'lost'
  }

  function announce(cause?: unknown): void {
    const current = trust()
    if (current === announced) return
    announced = current
    onTrustChange?.(current, cause)
  }

  return {
    trust,
    lagMs,
    isOverdue: () => lastRead === 'succeeded' && lagMs() > OVERDUE_POLLS * pollMs,
    readSucceeded(began) {
      // The age counts from before the read: what committed during it may not be in it.
      lastBegan = began
      lastRead = 'succeeded'
      announce()
    },
    readFailed(cause) {
      lastRead = cause instanceof LogUnreachableError ? 'unreachable' : 'refused'
      announce(cause)
    },
  }
}
