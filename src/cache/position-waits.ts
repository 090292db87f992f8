/** Waiting until the position of the log covers something: a commit, a snapshot, or the moment of the call. */
import type { Clock } from './clock.ts'
import type { InvalidationIndex } from './invalidation-index.ts'
import { LogUnreachableError } from './invalidation-log.ts'
import type { SharedReads } from './shared-reads.ts'
import { type Committed, covers, isVisible, type Stamp } from './snapshot.ts'

export interface PositionWaits {
  /**
   * Resolves true after a read of the log that began after this call: from then on, a servable judgement is exact,
   * whatever the shared store says. False when the log cannot be read in time; while that lasts, false at once.
   */
  barrier(): Promise<boolean>
  /** Reads the log once more; false when that fails or takes longer than `timeoutMs`. */
  refresh(timeoutMs: number): Promise<boolean>
  /** Reads the log until the position covers the snapshot; one read serves all waiting callers. @throws what the port throws */
  catchUp(target: Stamp): Promise<void>
  /** Resolves true once the position covers the transaction, false when that takes longer than `timeoutMs`. */
  waitFor(committed: Committed, timeoutMs: number): Promise<boolean>
}

export interface PositionWaitsDependencies {
  readonly index: InvalidationIndex
  readonly reads: SharedReads
  readonly clock: Clock
}

const RETRY_MS = 10
/** A snapshot taken after another on one server covers it: a position that is still behind then is of another server. */
const CATCH_UP_READS = 3

export function createPositionWaits({ index, reads, clock }: PositionWaitsDependencies): PositionWaits {
  /** Ids are handed out again after a crash, so an id alone says nothing about a position of another incarnation. */
  async function waitFor({ database, xid }: Committed, timeoutMs: number): Promise<boolean> {
    const deadlineMs = clock.monotonicMs() + timeoutMs
    const sees = (position: Stamp | null) => position?.database === database && isVisible(xid, position.snapshot)
    if (sees(index.position)) return true
    for (let leftMs = timeoutMs; leftMs > 0; leftMs = deadlineMs - clock.monotonicMs()) {
      const succeeded = await within(clock, leftMs, () => reads.nextUnbounded())
      if (sees(index.position)) return true
      // Read just now, later than the commit was acknowledged: the incarnation that answers now came after it. One
      // whose ids are behind was restored from a copy without the commit, or hands out the id again: then the commit is
      // not there.
      if (succeeded && index.position && index.position.database !== database)
        return isVisible(xid, index.position.snapshot)
      // A transaction that is not visible yet may never be; asking without a pause would only load the database.
      await clock.sleep(Math.min(RETRY_MS, Math.max(deadlineMs - clock.monotonicMs(), 0)))
    }
    return false
  }

  async function catchUp(target: Stamp): Promise<void> {
    const behind = () => {
      const position = index.position
      return position?.database !== target.database || !covers(position.snapshot, target.snapshot)
    }
    if (!behind()) return
    await reads.next()
    // It is another database now: the judgement that follows refuses values from the old one.
    for (let count = 1; index.position?.database === target.database && behind(); count++) {
      if (count === CATCH_UP_READS) throw new LogUnreachableError('the log does not reach what was loaded')
      await reads.next()
    }
  }

  return {
    waitFor,
    catchUp,
    barrier: () =>
      reads.next().then(
        () => true,
        () => false,
      ),
    refresh: (timeoutMs) => within(clock, timeoutMs, () => reads.nextUnbounded()),
  }
}

/** True when the work succeeds within the time. */
async function within(clock: Clock, ms: number, work: () => Promise<void>): Promise<boolean> {
  const timer = new AbortController()
  const succeeded = work().then(
    () => true,
    () => false,
  )
  const timeout = clock.sleep(ms, timer.signal).then(
    () => false,
    () => false,
  )
  return Promise.race([succeeded, timeout]).finally(() => timer.abort())
}
