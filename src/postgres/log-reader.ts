/** Reads an invalidation log in PostgreSQL, on a connection of its own, so that a busy pool never blinds its followers. */
import {
  covers,
  formatSnapshot,
  type InvalidationLog,
  type LogBatch,
  type LogRow,
  parseSnapshot,
  parseXid,
  type Snapshot,
  type Tag,
} from '../cache/index.ts'
import { createLogConnection, type LogConnectionOptions } from './log-connection.ts'
import { type StampColumns, stampOf } from './stamp.ts'

/** How far back rows are loaded at start, newest checkpoint permitting: more rows than this would only slow the start. */
const PAST_ROWS_MAX = 100_000
/** So many rows take longer to read than what comes from one poll to the next, in milliseconds. */
const PAST_TIMEOUT_MS = 10_000
/** How often reading the past starts over because its end was removed during the read. */
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

export interface LogReaderOptions<Row extends LogReadRow, Change> extends LogConnectionOptions {
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
}

export function createLogReader<Row extends LogReadRow, Change = never>(
  options: LogReaderOptions<Row, Change>,
): InvalidationLog<Change> & { close(): Promise<void> } {
  const { statements } = options
  const connection = createLogConnection(options)
  const { ask } = connection

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
    async divide() {
      await ask({ text: 'SELECT pg_current_xact_id()' })
    },
    subscribe: connection.subscribe,
    isSilent: connection.isSilent,
    close: connection.close,
  }
}

function logRow({ x, t }: { x: string; t: string[] }): LogRow {
  return { xid: parseXid(x), tags: t as Tag[] }
}
