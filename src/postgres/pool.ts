/** Connections to PostgreSQL: bounded, with deadlines on both sides, and a bounded queue in front (a bulkhead). */
import { BulkheadRejectedError, bulkhead } from 'cockatiel'
import pg from 'pg'
import { askedAgain } from './asked-again.ts'
import { CLIENT_MARGIN_MS, type ConnectionOptions, clientConfig, prepareConnection } from './connection.ts'
import { beginning } from './connection-settings.ts'
import type { DatabaseStatus } from './database-status.ts'
import { translated } from './failures.ts'
import { onPrimary } from './on-primary.ts'
import { createStatementNames } from './statement-names.ts'
import { NO_SINK, type StatementSink, watchedClient } from './watched-client.ts'

export interface DatabaseOptions extends ConnectionOptions {
  /** Connections at most. */
  readonly poolMax: number
  /** How many may wait for one; further callers are told to retry. */
  readonly queueMax: number
  readonly status?: DatabaseStatus
  /** Reports each statement; absent: no reports. */
  readonly sink?: StatementSink
}

export interface Database {
  readonly pool: pg.Pool
  /** Through a pooler that may have gone on to a standby since the connection was made: see on-primary.ts. */
  readonly mayMeetStandby: boolean
  /**
   * Runs one prepared statement.
   * @throws DomainError `overloaded` when the queue is full, `database-unavailable` when PostgreSQL cannot be asked
   */
  query<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
  /**
   * As `query`, with the next connection that is free, ahead of all queued statements: for statements that many of them
   * wait for, or that make them unnecessary. Callers must bound their own concurrency.
   * @throws DomainError `database-unavailable`
   */
  queryFirst<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
  /** Takes a place in the bulkhead for work that uses the pool by other means. */
  admitted<T>(work: () => Promise<T>): Promise<T>
  /** How a mutation's transaction begins: several statements without parameters. */
  readonly beginning: string
  /** Opens the connections that are kept open, before the first readers need them. Never throws. */
  open(): Promise<void>
  /** Statements waiting for a place. */
  readonly queued: number
  close(): Promise<void>
}

export interface Statement {
  /** Its name in metrics; also the name of the prepared statement, where its plan is kept. */
  readonly name: string
  /**
   * `kept`: one plan suits all values, so each connection plans it once; planning takes as long as looking for a few rows
   * by their keys. Absent: planned for the values it is given, because of filters that are mostly absent.
   */
  readonly plan?: 'kept'
  /** It changes rows; a standby refuses that by itself. */
  readonly writes?: true
  readonly text: string
}

/**
 * Connections that stay open while idle: an outage of Redis brings all readers at once, and they should not have to wait
 * for new server processes. Further connections are closed once they have been idle for this many milliseconds.
 */
const KEPT_OPEN = 4
const IDLE_MS = 60_000

export function createDatabase(options: DatabaseOptions): Database {
  const { poolMax, sink = NO_SINK, pooler = 'none', names = createStatementNames(pooler) } = options
  const mayMeetStandby = pooler === 'transaction'
  const pool = new pg.Pool({
    ...clientConfig(options),
    // The client below keeps this deadline instead.
    query_timeout: 0,
    Client: watchedClient({ sink, names, answerWithinMs: options.statementTimeoutMs + CLIENT_MARGIN_MS }),
    max: poolMax,
    min: Math.min(KEPT_OPEN, poolMax),
    idleTimeoutMillis: IDLE_MS,
    allowExitOnIdle: false,
    // Transactions send BEGIN ahead of their first statement and COMMIT behind their last (session.ts).
    pipeline: true,
    onConnect: (client) => prepareConnection(client, options),
  })
  // An idle connection that breaks is replaced by the next use; without a listener it would end the process.
  pool.on('error', () => {})
  // The same for a connection that breaks while it is checked out, between or after statements: the next statement fails.
  pool.on('connect', (client) => client.on('error', () => {}))
  const places = bulkhead(poolMax, options.queueMax)

  async function admitted<T>(work: () => Promise<T>): Promise<T> {
    try {
      const value = await places.execute(work)
      options.status?.succeeded()
      return value
    } catch (error) {
      options.status?.failed(error)
      if (error instanceof BulkheadRejectedError) sink.rejected()
      throw translated(error)
    }
  }

  /** The time in the queue counts too. */
  function inTurn<T>(read: () => Promise<T>): Promise<T> {
    const askedMs = performance.now()
    return admitted(() => askedAgain(read, askedMs))
  }

  async function asked<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    const { name, plan, writes } = statement
    const text = mayMeetStandby && !writes ? onPrimary(statement.text) : statement.text
    const named = plan === 'kept' ? { name } : { label: name }
    const result = await pool.query<Row>({ ...named, text, values: [...values] } as pg.QueryConfig)
    return result.rows
  }

  return {
    pool,
    mayMeetStandby,
    admitted,
    beginning: beginning(options, pooler),
    query: (statement, values) => inTurn(() => asked(statement, values)),
    // Each admitted statement has a connection, so nothing is ahead in the pool's own queue.
    queryFirst: (statement, values) =>
      askedAgain(() => asked<never>(statement, values)).catch((error: unknown) => {
        options.status?.failed(error)
        throw translated(error)
      }),
    async open() {
      const kept = Array.from({ length: Math.min(KEPT_OPEN, poolMax) }, () => pool.connect())
      for (const opened of await Promise.allSettled(kept)) if (opened.status === 'fulfilled') opened.value.release()
    },
    get queued() {
      return options.queueMax - places.queueSlots
    },
    close: () => pool.end(),
  }
}
