/** Reads an invalidation log in PostgreSQL on a connection of its own, so that a busy pool never blinds its followers. */
import type pg from 'pg'
import {
  covers,
  formatSnapshot,
  type InvalidationLog,
  type LogBatch,
  type LogRow,
  LogUnreachableError,
  parseSnapshot,
  parseXid,
  type Snapshot,
  type Tag,
} from '../cache/index.ts'
import type { DatabaseStatus } from './database-status.ts'
import { isUnreachable } from './failures.ts'
import { type StampColumns, stampOf } from './stamp.ts'

/** A read of the log that takes longer is given up, in milliseconds: the next one asks again. */
export const READ_TIMEOUT_MS = 500

/** How much later a statement is given up if PostgreSQL does not report its timeout either, in milliseconds. */
export const ANSWER_MARGIN_MS = 250

/** How far back rows are loaded at start, newest checkpoint permitting: more rows than this would only slow the start. */
const PAST_ROWS_MAX = 100_000
/** So many rows take longer to read than what comes from one poll to the next, in milliseconds. */
const PAST_TIMEOUT_MS = 10_000
/** How often the past is begun anew because its end was removed under the reader's hands. */
const PAST_ATTEMPTS = 3

/** What a read of the log returns: all columns from one statement, so that they are of one snapshot. */
export interface LogReadRow extends StampColumns {
  /** What the server's clock showed when the statement came, in milliseconds since the epoch. */
  readonly at: number
  /** Rows visible in it may have been removed. */
  readonly horizon: string | null
  /** `a`: milliseconds since it was written, where the statement reads that too. */
  readonly rows: readonly { x: string; t: string[]; a?: number }[]
}

interface LogStatement {
  readonly name: string
  readonly text: string
}

export interface LogReaderOptions<Row extends LogReadRow, Change> {
  /** A client that is not connected yet; it should give up what takes longer than {@link READ_TIMEOUT_MS}. */
  readonly connect: () => pg.Client
  /** Asked of each connection before its first read. */
  readonly prepare?: (client: pg.Client) => Promise<unknown>
  /** The same: whether there may be rows for which nothing is notified. Default: there are none. */
  readonly isSilent?: (client: pg.Client) => Promise<boolean>
  /** What is listened to for wake-ups; null: polling alone guarantees. */
  readonly channel: string | null
  readonly statements: {
    /** $1 is the snapshot read from. */
    readonly since: LogStatement
    /** The parameters from $2 on. */
    readonly values: readonly unknown[]
    /** The floor of a past of at most $1 rows, as `floor`. */
    readonly floor: LogStatement
  }
  /** The state of what the rows name, where the statement reads it too. */
  readonly changesOf?: (row: Row) => readonly Change[] | null
  readonly status?: DatabaseStatus
}

export function createLogReader<Row extends LogReadRow, Change = never>(
  options: LogReaderOptions<Row, Change>,
): InvalidationLog<Change> & { close(): Promise<void> } {
  const { statements, channel } = options
  let onAppended: () => void = () => {}
  let connection: Promise<pg.Client> | null = null
  let isSilent = false
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
    const client = options.connect()
    // However it ends, the next read opens another.
    client.on('error', () => forget(client))
    client.on('end', () => forget(client))
    client.on('notification', () => onAppended())
    try {
      await client.connect()
      await options.prepare?.(client)
      isSilent = (await options.isSilent?.(client)) ?? false
      if (channel) await client.query(`LISTEN ${channel}`)
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
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
    statement: { name?: string; text: string },
    values: unknown[] = [],
    timeoutMs = READ_TIMEOUT_MS,
  ): Promise<Row | undefined> {
    let client: pg.Client | null = null
    try {
      client = await connected()
      const result = await client.query<Row>({
        ...statement,
        values,
        query_timeout: timeoutMs + ANSWER_MARGIN_MS,
      } as pg.QueryConfig)
      options.status?.succeeded()
      return result.rows[0]
    } catch (error) {
      options.status?.failed(error)
      // After a timeout the connection still waits for its answer: only a new one is sure to be in step.
      if (client) {
        forget(client)
        client.end().catch(() => {})
      }
      // A server that answers, though not with the log, goes on committing: without the log there is no grace then.
      if (isUnreachable(error)) throw new LogUnreachableError('the invalidation log cannot be read', { cause: error })
      throw error
    }
  }

  async function readRows(since: Snapshot, timeoutMs?: number): Promise<LogBatch<Change>> {
    const row = await ask<Row>(statements.since, [formatSnapshot(since), ...statements.values], timeoutMs)
    if (!row) throw new Error('a select without FROM returned no row')
    const gap = row.horizon !== null && !covers(since, parseSnapshot(row.horizon))
    const changes = options.changesOf?.(row)
    return {
      position: stampOf(row),
      atMs: row.at,
      rows: row.rows.map(logRow),
      agesMs: row.rows.flatMap(({ a }) => (a === undefined ? [] : [a])),
      ...(changes !== undefined && { changes }),
      ...(gap && { gap }),
    }
  }

  async function readFromFloor(): Promise<LogBatch<Change> & { readonly floor: Snapshot }> {
    const chosen = await ask<{ floor: string }>(statements.floor, [PAST_ROWS_MAX], PAST_TIMEOUT_MS)
    if (!chosen) throw new Error('a select without FROM returned no row')
    const floor = parseSnapshot(chosen.floor)
    return { ...(await readRows(floor, PAST_TIMEOUT_MS)), floor }
  }

  return {
    readSince: (since) => readRows(since),
    async readPast() {
      // A setting of this transaction alone, also through a pooler. Each statement in it has a snapshot of its own.
      await ask({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY' })
      await ask({ text: `SET LOCAL statement_timeout = ${PAST_TIMEOUT_MS}` })
      let past = await readFromFloor()
      for (let attempt = 1; past.gap && attempt < PAST_ATTEMPTS; attempt++) past = await readFromFloor()
      await ask({ text: 'COMMIT' })
      if (past.gap) throw new Error('the log is pruned faster than it can be read')
      return past
    },
    subscribe(callback) {
      onAppended = callback
      return {
        close: async () => {
          onAppended = () => {}
        },
      }
    },
    isSilent: () => isSilent,
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
