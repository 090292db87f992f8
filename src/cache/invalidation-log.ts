/** The port to the invalidation log. */
import type { LogRow } from './invalidation-index.ts'
import type { Snapshot, Stamp } from './snapshot.ts'

export interface LogBatch<Change = never> {
  readonly position: Stamp
  /** Every row visible at `position` and not visible in the snapshot asked from. */
  readonly rows: readonly LogRow[]
  /** What the database's clock showed when this read came to it, in milliseconds since the epoch; absent where unknown. */
  readonly atMs?: number
  /** For each row, by the database's clock, how long ago it was written, in milliseconds; absent or empty where unknown. */
  readonly agesMs?: readonly number[]
  /** The state at `position` of what the rows name; null: they name too much for one read. */
  readonly changes?: readonly Change[] | null
  /** Some of these rows may be missing: the reader was away for so long that they were pruned. */
  readonly gap?: true
}

export interface InvalidationLog<Change = never> {
  /** In one statement: the present snapshot, the rows it shows that `since` did not, and the state of what they name. */
  readSince(since: Snapshot): Promise<LogBatch<Change>>
  /** The past an index needs before entries can be trusted: complete for everything not visible in `floor`. */
  readPast(): Promise<LogBatch<Change> & { readonly floor: Snapshot }>
  /**
   * Lets a transaction id pass: every snapshot that is taken from then on differs from every one before. Where absent, a
   * clock of the database that is set back is not noticed by entries until the next transaction.
   */
  divide?(): Promise<void>
  /** Calls back when something may have been appended. It may miss some, so nothing relies on it. */
  subscribe(onAppended: () => void): { close(): Promise<void> }
  /** Whether nothing calls back for some rows, or for any: as far as the last connection could tell. */
  isSilent?(): boolean
}

/** Thrown by the port when the database cannot be reached at all, as opposed to refusing this read. */
export class LogUnreachableError extends Error {
  readonly code = 'log-unreachable'
}
