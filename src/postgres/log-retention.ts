/**
 * Deletes expired rows: those of the invalidation log by checkpoints of the past, and idempotency keys by their date.
 */
import type pg from 'pg'
import { BEGIN } from './connection-settings.ts'
import type { Database } from './pool.ts'

/** The advisory lock of the job: the instance that gets it runs the job, the others skip their turn. */
const JOB_LOCK = 0x6c6f6770
const CHECKPOINT_EVERY_MS = 600_000
/** At most this many rows are deleted per transaction, so that no transaction takes long. */
const BATCH = 10_000

export interface LogRetention {
  /**
   * Runs the job once, unless another instance is running it.
   * @returns how many rows of the log were deleted
   * @throws when PostgreSQL cannot be asked
   */
  run(): Promise<{ pruned: number; ran: boolean }>
}

/** @param retentionMs the longest life of an entry plus a margin, in milliseconds */
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

export interface RetentionEvents {
  /** Called for each failed run. */
  failed(): void
  /** Called when runs begin to fail, with the cause, and when they succeed again. */
  changed(state: 'failing' | 'working', cause?: unknown): void
}

/** Runs the job at intervals. A failed run is reported and does not stop the next. */
export function scheduleLogRetention(options: {
  readonly retention: LogRetention
  readonly everyMs: number
  readonly events: RetentionEvents
}): { stop(): void } {
  const { retention, everyMs, events } = options
  let failing = false

  async function run(): Promise<void> {
    try {
      await retention.run()
      if (failing) events.changed('working')
      failing = false
    } catch (error) {
      events.failed()
      if (!failing) events.changed('failing', error)
      failing = true
    }
  }

  const timer = setInterval(() => void run(), everyMs)
  return { stop: () => clearInterval(timer) }
}

async function inTransaction<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query(BEGIN)
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
  // Rows visible in the newest checkpoint that is old enough may be deleted. Older checkpoints would promise those rows.
  const horizon = await client.query<{ id: string; snapshot: string }>(
    `SELECT id, snapshot::text AS snapshot FROM log_checkpoints
     WHERE created_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY created_at DESC LIMIT 1`,
    [retentionMs],
  )
  await client.query('DELETE FROM idempotency_keys WHERE expires_at < now()')
  const [checkpoint] = horizon.rows
  if (!checkpoint) return { pruned: 0, ran: true }
  await client.query('DELETE FROM log_checkpoints WHERE id < $1', [checkpoint.id])
  // A follower whose position is before this point learns from the statement it reads with that rows are missing.
  await client.query('UPDATE log_checkpoints SET pruned = true WHERE id = $1 AND NOT pruned', [checkpoint.id])
  const deleted = await client.query(
    `DELETE FROM invalidation_log WHERE id IN (
       SELECT id FROM invalidation_log
       WHERE xid < pg_snapshot_xmax($1::pg_snapshot) AND pg_visible_in_snapshot(xid, $1::pg_snapshot) LIMIT $2)`,
    [checkpoint.snapshot, BATCH],
  )
  return { pruned: deleted.rowCount ?? 0, ran: true }
}
