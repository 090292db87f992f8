/** Keeps what expires no longer than it is needed: the invalidation log by checkpoints of the past, idempotency keys by their date. */
import type pg from 'pg'
import type { Database } from './pool.ts'

/** Names the job to PostgreSQL: whoever holds it runs it, the other instances skip their turn. */
const JOB_LOCK = 0x6c6f6770
const CHECKPOINT_EVERY_MS = 600_000
/** Rows removed in one transaction at most, so that none lasts long. */
const BATCH = 10_000

export interface LogRetention {
  /** One turn; does nothing when another instance has it. Returns how many rows went. @throws when PostgreSQL cannot be asked */
  run(): Promise<{ pruned: number; ran: boolean }>
}

/** @param retentionMs the longest life of an entry with a margin, in milliseconds */
export function createLogRetention(options: {
  readonly database: Database
  readonly retentionMs: number
}): LogRetention {
  return {
    run: () =>
      options.database.admitted(async () => {
        const client = await options.database.pool.connect()
        try {
          const result = await inTransaction(client, () => turn(client, options.retentionMs))
          client.release()
          return result
        } catch (error) {
          client.release(error as Error)
          throw error
        }
      }),
  }
}

async function inTransaction<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN')
  const value = await work()
  await client.query('COMMIT')
  return value
}

async function turn(client: pg.PoolClient, retentionMs: number): Promise<{ pruned: number; ran: boolean }> {
  const lock = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS taken', [JOB_LOCK])
  if (!lock.rows[0]?.taken) return { pruned: 0, ran: false }
  await client.query(
    `INSERT INTO log_checkpoints (snapshot) SELECT pg_current_snapshot()
     WHERE NOT EXISTS (SELECT 1 FROM log_checkpoints WHERE created_at > clock_timestamp() - $1 * interval '1 millisecond')`,
    [CHECKPOINT_EVERY_MS],
  )
  // Everything visible in the newest checkpoint that is old enough may go; older checkpoints would promise rows that went.
  const horizon = await client.query<{ id: string; snapshot: string }>(
    `SELECT id, snapshot::text AS snapshot FROM log_checkpoints
     WHERE created_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY created_at DESC LIMIT 1`,
    [retentionMs],
  )
  await client.query('DELETE FROM idempotency_keys WHERE expires_at < now()')
  const [checkpoint] = horizon.rows
  if (!checkpoint) return { pruned: 0, ran: true }
  await client.query('DELETE FROM log_checkpoints WHERE id < $1', [checkpoint.id])
  // Whoever followed the log from before this point learns in the statement he reads with that rows are missing.
  await client.query('UPDATE log_checkpoints SET pruned = true WHERE id = $1 AND NOT pruned', [checkpoint.id])
  const gone = await client.query(
    `DELETE FROM invalidation_log WHERE id IN (
       SELECT id FROM invalidation_log
       WHERE xid < pg_snapshot_xmax($1::pg_snapshot) AND pg_visible_in_snapshot(xid, $1::pg_snapshot) LIMIT $2)`,
    [checkpoint.snapshot, BATCH],
  )
  return { pruned: gone.rowCount ?? 0, ran: true }
}
