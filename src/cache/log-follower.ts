/**
 * Keeps an instance at the head of the invalidation log: a notification wakes it, a poll guarantees it. Each read brings,
 * in one snapshot, the new position, the rows it shows, and the present state of what the rows name; index and followed
 * state advance by it in one step, so that both always are what they were at the position. (Incremental view maintenance
 * from a log: Noria, OSDI 2018; snapshots as positions: TxCache, OSDI 2010.)
 */
import { createDatabaseClock, type DatabaseClock } from './database-clock.ts'
import { createFloors } from './floors.ts'
import type { InvalidationIndex, RetentionClass, Verdict } from './invalidation-index.ts'
import type { InvalidationLog, LogBatch } from './invalidation-log.ts'
import { createLogTrust, type LogTrust, type LogTrustOptions } from './log-trust.ts'
import { createPositionWaits, type PositionWaits } from './position-waits.ts'
import { createSharedReads } from './shared-reads.ts'
import type { Stamp } from './snapshot.ts'
import type { Tag } from './tags.ts'

/** What follows the log beside the index: updated in the same step as the position. */
export interface Followed<Change> {
  /** Must not fail, and must not wait. */
  apply(batch: LogBatch<Change>): void
  /** The position started over: the follower may have missed changes. */
  reset(): void
}

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
  const reads = createSharedReads({ read: readOnce, clock, intervalMs, stalledMs })
  const floors = createFloors({ index, retentionMs: options.retentionMs })
  const { trust, lagMs, isOverdue, readSucceeded, readFailed } = createLogTrust(options)
  let positionMs: number | null = null
  let wasSetBack = false
  let subscription: { close(): Promise<void> } | null = null
  let loop: Promise<void> = Promise.resolve()
  let wake: () => void = () => {}
  let becomeReady: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    becomeReady = resolve
  })

  async function readOnce(): Promise<void> {
    const began = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() }
    try {
      await readInto(began.monotonicMs)
      readSucceeded(began)
      becomeReady()
    } catch (cause) {
      readFailed(cause)
      throw cause
    }
  }

  async function readInto(startedMs: number): Promise<void> {
    const known = index.position
    const batch = known ? await log.readSince(known.snapshot) : null
    if (batch) noteTime(batch, startedMs)
    // A commit of this instance may have shown meanwhile that the position is of a former database.
    if (!batch || !index.position || batch.position.database !== index.position.database || batch.gap || wasSetBack)
      await beginAnew()
    else {
      index.advance(batch.position.snapshot, batch.rows)
      options.followed?.apply(batch)
      options.onBatch?.(batch)
    }
    floors.follow(startedMs)
  }

  async function beginAnew(): Promise<void> {
    const isSetBack = wasSetBack
    if (isSetBack) await log.divide?.()
    const askedMs = clock.monotonicMs()
    const past = await log.readPast()
    wasSetBack = false
    // Set back only now: the next read divides what was loaded before from what is loaded from then on.
    noteTime(past, askedMs)
    index.reset(past)
    if (isSetBack) forgetAll()
    options.followed?.reset()
    floors.reset()
    options.onBatch?.(past)
  }

  /** Whether the database's clock was set back is kept until everything was forgotten. */
  function noteTime({ atMs, position }: LogBatch<Change>, askedMs: number): void {
    positionMs = atMs ?? null
    if (atMs === undefined) return
    const reading = { database: position.database, askedMs, answeredMs: clock.monotonicMs(), shownMs: atMs }
    if (time.read(reading)) wasSetBack = true
  }

  /**
   * What had ended has not, by a clock that was set back: entries and what is followed have let go of it, or show what
   * was removed meanwhile, which no row of the log says. Without a transaction in between, what was loaded before would
   * have the snapshot of what is loaded afterwards.
   */
  function forgetAll(): void {
    if (!index.position) return
    for (const retention of ['volatile', 'lasting'] as const) index.raiseFloor(retention, index.position.snapshot)
  }

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
    ready,
    trust,
    lagMs,
    isOverdue,
    ...createPositionWaits({ index, reads, clock }),
    time,
    positionMs: () => positionMs,
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
