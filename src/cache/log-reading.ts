/**
 * One read of the log: the index, what follows beside it and the database's clock advance by it in one step. Where it
 * does not continue what is known, they begin anew.
 */
import type { Clock } from './clock.ts'
import type { DatabaseClock } from './database-clock.ts'
import { createFloors, type Floors } from './floors.ts'
import type { InvalidationIndex, RetentionClass } from './invalidation-index.ts'
import type { InvalidationLog, LogBatch } from './invalidation-log.ts'
import type { LogTrust } from './log-trust.ts'

/** What follows the log beside the index: updated in the same step as the position. */
export interface Followed<Change> {
  /** Must not fail, and must not wait. */
  apply(batch: LogBatch<Change>): void
  /** The position started over: the follower may have missed changes. */
  reset(): void
}

export interface LogReadingOptions<Change> {
  readonly log: InvalidationLog<Change>
  readonly index: InvalidationIndex
  readonly clock: Clock
  readonly time: DatabaseClock
  readonly trusting: Pick<LogTrust, 'readSucceeded' | 'readFailed'>
  /** How long entries of each class can live, in milliseconds; older invalidations are forgotten with a floor. */
  readonly retentionMs: Readonly<Record<RetentionClass, number>>
  readonly followed?: Followed<Change>
  readonly onBatch?: (batch: LogBatch<Change>) => void
}

export class LogReading<Change> {
  /** What the database's clock showed when the read of the position came to it; null where that is not known. */
  positionMs: number | null = null
  /** Resolves after the first read that succeeded. */
  readonly succeeded: Promise<void>
  readonly #options: LogReadingOptions<Change>
  readonly #floors: Floors
  #succeed: () => void = () => {}
  /** Whether the database's clock was set back is kept until everything was forgotten. */
  #wasSetBack = false

  constructor(options: LogReadingOptions<Change>) {
    this.#options = options
    this.#floors = createFloors(options)
    this.succeeded = new Promise((resolve) => {
      this.#succeed = resolve
    })
  }

  /** @throws what the port throws */
  async read(): Promise<void> {
    const { clock, trusting } = this.#options
    const began = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() }
    try {
      await this.#advance(began.monotonicMs)
      trusting.readSucceeded(began)
      this.#succeed()
    } catch (cause) {
      trusting.readFailed(cause)
      throw cause
    }
  }

  async #advance(startedMs: number): Promise<void> {
    const { log, index } = this.#options
    const known = index.position
    const batch = known ? await log.readSince(known.snapshot) : null
    if (batch) this.#noteTime(batch, startedMs)
    // A commit of this instance may have shown meanwhile that the position is of a former database.
    if (
      !batch ||
      !index.position ||
      batch.position.database !== index.position.database ||
      batch.gap ||
      this.#wasSetBack
    )
      await this.#beginAnew()
    else this.#continueBy(batch)
    this.#floors.follow(startedMs)
  }

  async #beginAnew(): Promise<void> {
    const { log, index, clock, followed, onBatch } = this.#options
    const isSetBack = this.#wasSetBack
    if (isSetBack) await log.divide?.()
    const askedMs = clock.monotonicMs()
    const past = await log.readPast()
    this.#wasSetBack = false
    // Set back only now: the next read divides what was loaded before from what is loaded from then on.
    this.#noteTime(past, askedMs)
    index.reset(past)
    if (isSetBack) this.#forgetAll()
    followed?.reset()
    this.#floors.reset()
    onBatch?.(past)
  }

  #continueBy(batch: LogBatch<Change>): void {
    const { index, followed, onBatch } = this.#options
    index.advance(batch.position.snapshot, batch.rows)
    followed?.apply(batch)
    onBatch?.(batch)
  }

  #noteTime({ atMs, position }: LogBatch<Change>, askedMs: number): void {
    this.positionMs = atMs ?? null
    if (atMs === undefined) return
    const { time, clock } = this.#options
    const reading = { database: position.database, askedMs, answeredMs: clock.monotonicMs(), shownMs: atMs }
    if (time.read(reading)) this.#wasSetBack = true
  }

  /**
   * What had ended has not, by a clock that was set back: entries and what is followed have let go of it, or show what
   * was removed meanwhile, which no row of the log says. Without a transaction in between, what was loaded before would
   * have the snapshot of what is loaded afterwards.
   */
  #forgetAll(): void {
    const { index } = this.#options
    if (!index.position) return
    for (const retention of ['volatile', 'lasting'] as const) index.raiseFloor(retention, index.position.snapshot)
  }
}
