/**
 * Keeps an instance at the head of the invalidation log: a notification wakes it, a poll guarantees it. Each read brings,
 * in one snapshot, the new position, the rows it shows, and the present state of what the rows name; index and followed
 * state advance by it in one step, so that both always are what they were at the position. (Incremental view maintenance
 * from a log: Noria, OSDI 2018; snapshots as positions: TxCache, OSDI 2010.)
 */
import { createDatabaseClock, type DatabaseClock } from './database-clock.ts'
import type { InvalidationIndex, RetentionClass, Verdict } from './invalidation-index.ts'
import type { InvalidationLog, LogBatch } from './invalidation-log.ts'
import { type Followed, LogReading } from './log-reading.ts'
import { createLogTrust, type LogTrust, type LogTrustOptions } from './log-trust.ts'
import { createPositionWaits, type PositionWaits } from './position-waits.ts'
import { createSharedReads } from './shared-reads.ts'
import type { Stamp } from './snapshot.ts'
import type { Tag } from './tags.ts'

export interface LogFollowerOptions<Change> extends LogTrustOptions {
  readonly log: InvalidationLog<Change>
  readonly index: InvalidationIndex
  /** The same if nothing notifies of new rows: then this is how late a row is seen. Default: `pollMs`. */
  readonly silentPollMs?: number
  /** From the start of one read to the start of the next at least, however many wait, in milliseconds. */
  readonly readIntervalMs?: number
  /** A request does not wait longer for one read of the log: it is answered by SQL then. In milliseconds. */
  readonly readStalledMs?: number
  /** How long entries of each class can live, in milliseconds; older invalidations are forgotten with a floor. */
  readonly retentionMs: Readonly<Record<RetentionClass, number>>
  /** The present by the database's clock counts as unknown when it is less certain, in milliseconds. */
  readonly clockBoundMs?: number
  readonly followed?: Followed<Change>
  readonly onBatch?: (batch: LogBatch<Change>) => void
}

/** What an entry is judged by. */
export interface Judged {
  readonly stamp: Stamp
  readonly tags: readonly Tag[]
  /** When it ends, by the database's clock, in milliseconds since the epoch; absent or null: never. */
  readonly until?: number | null
}

export interface LogFollower extends PositionWaits, Pick<LogTrust, 'trust' | 'lagMs' | 'isOverdue'> {
  /** Starts following in the background; never throws, retries until closed. */
  start(): void
  /** Resolves once the index has its past for the first time. */
  readonly ready: Promise<void>
  /**
   * Whether an entry may be served now: the index's verdict, `ended` where its end may have come by the database's clock,
   * and `log-lost` for everything while the log is not followed closely enough.
   */
  judge(entry: Judged, retention: RetentionClass): Verdict
  /** The database's clock, as the reads of the log show it. */
  readonly time: DatabaseClock
  /**
   * What that clock showed when the read of the position came to the database: what is derived at the position and at this
   * instant is what one statement would have returned. Null before the first read, or where the log says nothing of it.
   */
  positionMs(): number | null
  close(): Promise<void>
}

/** On one machine a read of the log takes a millisecond or two; this allows for a database on another continent. */
const CLOCK_BOUND_MS = 250
/** At most 500 reads a second. */
const READ_INTERVAL_MS = 2
const READ_STALLED_MS = 100

/** @returns a follower that begins with `start`; until its first read of the log, nothing is trusted */
export function createLogFollower<Change = never>(options: LogFollowerOptions<Change>): LogFollower {
  const { log, index, clock } = options
  const closing = new AbortController()
  const { readIntervalMs: intervalMs = READ_INTERVAL_MS, readStalledMs: stalledMs = READ_STALLED_MS } = options
  const { silentPollMs = options.pollMs } = options
  const time = createDatabaseClock({ clock, boundMs: options.clockBoundMs ?? CLOCK_BOUND_MS })
  const { trust, lagMs, isOverdue, ...trusting } = createLogTrust(options)
  const reading = new LogReading({ ...options, time, trusting })
  const reads = createSharedReads({ read: () => reading.read(), clock, intervalMs, stalledMs })
  let subscription: { close(): Promise<void> } | null = null
  let loop: Promise<void> = Promise.resolve()
  let wake: () => void = () => {}

  async function follow(): Promise<void> {
    while (!closing.signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      await reads.nextUnbounded().catch(() => {})
      const pauseMs = log.isSilent?.() ? silentPollMs : options.pollMs
      await Promise.race([woken, clock.sleep(pauseMs, closing.signal).catch(() => {})])
    }
  }

  return {
    ready: reading.succeeded,
    trust,
    lagMs,
    isOverdue,
    ...createPositionWaits({ index, reads, clock }),
    time,
    positionMs: () => reading.positionMs,
    judge({ stamp, tags, until = null }, retention) {
      if (trust() === 'lost') return 'log-lost'
      const verdict = index.judge(stamp, tags, retention)
      return verdict === 'servable' && until !== null && until <= time.latestMs() ? 'ended' : verdict
    },
    start() {
      subscription = log.subscribe(() => wake())
      loop = follow()
    },
    async close() {
      closing.abort()
      await subscription?.close()
      await loop
    },
  }
}
