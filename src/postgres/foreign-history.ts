/**
 * Log rows and checkpoints of another history, as a dump that is restored into a younger server brings them: their
 * transaction ids lie in this one's future, so that no entry ever sees them and users named there never hit again.
 *
 * A row that a statement sees was committed before its snapshot. Where that snapshot does not show its transaction id,
 * the id is not of this history. Nothing that is cached under this database's identity depends on such a row.
 */
import type { Database, Statement } from './pool.ts'

/** A condition on a row `l` of the log: readers ignore all other rows as soon as they appear. */
export const OF_THIS_HISTORY = 'pg_visible_in_snapshot(l.xid, pg_current_snapshot())'
/** Of a checkpoint `c`: a snapshot of the past knows of no later transaction than one of the present. */
export const CHECKPOINT_OF_THIS_HISTORY = 'pg_snapshot_xmax(c.snapshot) <= pg_snapshot_xmax(pg_current_snapshot())'

export interface ForeignHistory {
  readonly rows: number
  readonly checkpoints: number
}

/** The most rows that one statement removes, so that no statement takes long. */
const BATCH = 10_000

const REMOVE: Statement = {
  name: 'remove-foreign-history',
  writes: true,
  text: `
WITH foreign_rows AS (
  DELETE FROM invalidation_log WHERE id IN (
    SELECT id FROM invalidation_log l
    WHERE l.xid >= pg_snapshot_xmin(pg_current_snapshot()) AND NOT ${OF_THIS_HISTORY} LIMIT ${BATCH})
  RETURNING 1
), foreign_checkpoints AS (
  DELETE FROM log_checkpoints c WHERE NOT ${CHECKPOINT_OF_THIS_HISTORY} RETURNING 1
)
SELECT (SELECT count(*)::int FROM foreign_rows) AS rows, (SELECT count(*)::int FROM foreign_checkpoints) AS checkpoints`,
}

/** Returns what was removed. @throws DomainError when the database cannot be asked */
export async function removeForeignHistory(database: Database): Promise<ForeignHistory> {
  const removed = { rows: 0, checkpoints: 0 }
  for (let rows = BATCH; rows >= BATCH; removed.rows += rows) {
    const [batch] = await database.query<{ rows: number; checkpoints: number }>(REMOVE, [])
    rows = batch?.rows ?? 0
    removed.checkpoints += batch?.checkpoints ?? 0
  }
  return removed
}
