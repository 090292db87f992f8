/** The invalidation log as instances follow it: reads and notifications on a connection of its own, so that a busy pool never blinds them. */
import pg from 'pg'
import {
  formatSnapshot,
  type InvalidationLog,
  type LogBatch,
  type LogRow,
  LogUnreachableError,
  parseSnapshot,
  parseXid,
  type Tag,
} from '../cache/index.ts'
import { clientConfig, type DatabaseOptions, isUnavailable } from './pool.ts'
import { STAMP_COLUMNS, stampOf } from './stamp.ts'

export const LOG_CHANNEL = 'portcullis_invalidation'

/** A read of the log that takes longer is given up, in milliseconds: the next one asks again. */
const READ_TIMEOUT_MS = 1000

/** How far back rows are loaded at start, newest checkpoint permitting: more rows than this would only slow the start. */
const PAST_ROWS_MAX = 100_000

interface LogReadRow {
  database: string
  snapshot: string
  rows: { x: string; t: string[] }[]
}

const rowsWhere = (condition: string) => `
SELECT ${STAMP_COLUMNS}, (
  SELECT coalesce(json_agg(json_build_object('x', l.xid::text, 't', l.tags)), '[]')
  FROM invalidation_log l WHERE ${condition}
) AS rows`

// Rows older than the oldest transaction in progress at $1 were all seen by then; the index on xid skips them.
const READ_SINCE = {
  name: 'log-since',
  text: rowsWhere(`l.xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(l.xid, $1::pg_snapshot)`),
}

/** The oldest checkpoint that is still complete and from which at most $1 rows follow; without one, the present. */
const CHOOSE_FLOOR = {
  name: 'log-floor',
  text: `
SELECT c.snapshot::text AS floor FROM log_checkpoints c
WHERE NOT c.pruned AND (
  SELECT count(*) FROM (
    SELECT 1 FROM invalidation_log l WHERE l.xid >= pg_snapshot_xmin(c.snapshot) LIMIT $1 + 1
  ) newer) <= $1
ORDER BY c.created_at LIMIT 1`,
}

export interface PostgresLogOptions extends DatabaseOptions {
  /** Whether LISTEN works here; through a pooler in transaction mode it does not, and polling alone guarantees. */
  readonly notify: boolean
}

export function createInvalidationLog(options: PostgresLogOptions): InvalidationLog & { close(): Promise<void> } {
  let onAppended: () => void = () => {}
  let connection: Promise<pg.Client> | null = null
  let closed = false

  function connected(): Promise<pg.Client> {
    if (closed) return Promise.reject(new LogUnreachableError('the log is closed'))
    connection ??= open().catch((error: unknown) => {
      connection = null
      throw error
    })
    return connection
  }

  async function open(): Promise<pg.Client> {
    const config = clientConfig(options)
    const client = new pg.Client({
      ...config,
      statement_timeout: READ_TIMEOUT_MS,
      query_timeout: READ_TIMEOUT_MS + 250,
    })
    // Whatever ends it, the next read opens another.
    client.on('error', () => forget(client))
    client.on('end', () => forget(client))
    client.on('notification', () => onAppended())
    await client.connect()
    if (options.notify) await client.query(`LISTEN ${LOG_CHANNEL}`)
    current = client
    return client
  }

  let current: pg.Client | null = null

  function forget(client: pg.Client): void {
    if (current !== client) return
    current = null
    connection = null
    // A reader in between would otherwise learn of it only at the next poll.
    onAppended()
  }

  async function ask<Row extends pg.QueryResultRow>(
    statement: { name: string; text: string },
    values: unknown[],
  ): Promise<Row | undefined> {
    let client: pg.Client | null = null
    try {
      client = await connected()
      const result = await client.query<Row>({ ...statement, values })
      return result.rows[0]
    } catch (error) {
      // After a timeout the connection still waits for its answer: only a new one is sure to be in step.
      if (client) {
        forget(client)
        client.end().catch(() => {})
      }
      if (isUnavailable(error)) throw new LogUnreachableError('the invalidation log cannot be read', { cause: error })
      throw error
    }
  }

  async function readRows(since: string): Promise<LogBatch> {
    const row = await ask<LogReadRow>(READ_SINCE, [since])
    if (!row) throw new Error('a select without FROM returned no row')
    return { position: stampOf(row), rows: row.rows.map(logRow) }
  }

  return {
    readSince: (since) => readRows(formatSnapshot(since)),
    async readPast() {
      const chosen = await ask<{ floor: string }>(CHOOSE_FLOOR, [PAST_ROWS_MAX])
      if (chosen) return { ...(await readRows(chosen.floor)), floor: parseSnapshot(chosen.floor) }
      const batch = await readRows('1:1:')
      // No checkpoint was ever kept: the log is complete from its beginning when it was never pruned.
      return { ...batch, floor: parseSnapshot('1:1:') }
    },
    subscribe(callback) {
      onAppended = callback
      return {
        close: async () => {
          onAppended = () => {}
        },
      }
    },
    async close() {
      closed = true
      const client = current
      current = null
      await client?.end().catch(() => {})
    },
  }
}

function logRow({ x, t }: { x: string; t: string[] }): LogRow {
  return { xid: parseXid(x), tags: t as Tag[] }
}
