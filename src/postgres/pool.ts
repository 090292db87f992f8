/** Connections to PostgreSQL: bounded, with deadlines on both sides, and a bounded queue in front (a bulkhead). */
import { BulkheadRejectedError, bulkhead } from 'cockatiel'
import pg from 'pg'
import { DomainError } from '../domain/errors.ts'
import { NO_SINK, type StatementSink, watchedClient } from './watched-client.ts'

export interface DatabaseOptions {
  readonly url: string
  /** Connections at most. */
  readonly poolMax: number
  /** How many may wait for one; beyond that callers are told to come back. */
  readonly queueMax: number
  /** The server ends a statement after this long, in milliseconds. */
  readonly statementTimeoutMs: number
  /** What is told of each statement; nothing where absent. */
  readonly sink?: StatementSink
}

export interface Database {
  readonly pool: pg.Pool
  /**
   * Runs one prepared statement.
   * @throws DomainError `overloaded` when the queue is full, `database-unavailable` when PostgreSQL cannot be asked
   */
  query<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
  /**
   * As `query`, with the next connection that is free, ahead of all who wait for a place: for what many of them wait for,
   * or would not need to ask afterwards. Who asks takes care that few do at a time.
   * @throws DomainError `database-unavailable`
   */
  queryFirst<Row extends pg.QueryResultRow>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
  /** Takes a place in the bulkhead for work that uses the pool by other means. */
  admitted<T>(work: () => Promise<T>): Promise<T>
  /** Opens the connections that are kept open, so that the first readers find them there. Never throws. */
  open(): Promise<void>
  /** Statements waiting for a place. */
  readonly queued: number
  close(): Promise<void>
}

export interface Statement {
  /** The name under which each connection keeps it prepared. */
  readonly name: string
  readonly text: string
}

/** How long to wait for a new connection, in milliseconds. */
const CONNECT_TIMEOUT_MS = 1000
/** A read whose connection fails sooner than this after it came asks once more: both fit into a request's time. In milliseconds. */
const AGAIN_WITHIN_MS = 1500
/**
 * Connections that stay open when nobody uses them: an outage of Redis brings all readers at once, and must not find
 * that each needs a new server process first. What was opened beyond is closed after a while, in milliseconds.
 */
const KEPT_OPEN = 4
const IDLE_MS = 60_000
/** Sooner than address translators forget an idle connection, in milliseconds. */
const KEEP_ALIVE_MS = 30_000
/** A server that does not even end the statement (stopped, unreachable) is given up this much later. */
const CLIENT_MARGIN_MS = 250

const retryAfterSeconds = 1

export function clientConfig(options: DatabaseOptions): pg.ClientConfig {
  return {
    connectionString: options.url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + CLIENT_MARGIN_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    application_name: 'portcullis',
  }
}

export function createDatabase(options: DatabaseOptions): Database {
  const { poolMax, sink = NO_SINK } = options
  const pool = new pg.Pool({
    ...clientConfig(options),
    // The client below keeps this deadline instead.
    query_timeout: 0,
    Client: watchedClient({ sink, answerWithinMs: options.statementTimeoutMs + CLIENT_MARGIN_MS }),
    max: poolMax,
    min: Math.min(KEPT_OPEN, poolMax),
    idleTimeoutMillis: IDLE_MS,
    allowExitOnIdle: false,
    // Transactions send BEGIN ahead of their first statement and COMMIT behind their last (session.ts).
    pipeline: true,
    onConnect: prepareConnection,
  })
  // An idle connection that breaks is replaced by the next use; without a listener it would end the process.
  pool.on('error', () => {})
  // The same for a connection that breaks in somebody's hands, between or after his statements; those tell him.
  pool.on('connect', (client) => client.on('error', () => {}))
  const places = bulkhead(poolMax, options.queueMax)

  async function admitted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await places.execute(work)
    } catch (error) {
      if (error instanceof BulkheadRejectedError) sink.rejected()
      throw translated(error)
    }
  }

  /** A connection may have been closed by the server, or not come about in time on a busy machine; a read can ask again. */
  async function patiently<T>(read: () => Promise<T>, askedMs = performance.now()): Promise<T> {
    try {
      return await read()
    } catch (error) {
      if (!isConnectionLost(error) || performance.now() - askedMs > AGAIN_WITHIN_MS) throw error
      return read()
    }
  }

  /** The time in the queue counts too. */
  function inTurn<T>(read: () => Promise<T>): Promise<T> {
    const askedMs = performance.now()
    return admitted(() => patiently(read, askedMs))
  }

  async function asked<Row extends pg.QueryResultRow>(
    statement: Statement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    const result = await pool.query<Row>({ ...statement, values: [...values] })
    return result.rows
  }

  return {
    pool,
    admitted,
    query: (statement, values) => inTurn(() => asked(statement, values)),
    // Who has a place has a connection, so nobody is ahead in the pool's own queue.
    queryFirst: (statement, values) =>
      patiently(() => asked<never>(statement, values)).catch((error: unknown) => Promise.reject(translated(error))),
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

/**
 * A standby answers too, but with what it has replayed so far: a permission revoked on the primary would still be there,
 * in an answer that no stamp vouches for. And after five uses PostgreSQL plans a prepared statement for any values alike:
 * the one of visible resources, whose filters are mostly absent, then takes seven times as long as planning it each time
 * (test/integration/prepared-plans.test.ts).
 */
async function prepareConnection(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>(
    `SELECT pg_is_in_recovery() AS standby, set_config('plan_cache_mode', 'force_custom_plan', false)`,
  )
  if (rows[0]?.standby) throw Object.assign(new Error('the server is a standby'), { code: CANNOT_CONNECT_NOW })
}

/** SQLSTATE classes and driver failures that mean PostgreSQL cannot be asked now, as opposed to a wrong question. */
const UNAVAILABLE_STATES = /^(08|53|57P0[1-5]|57014|XX000|55P03)/
const REFUSED_STATES = /^(53...|57014|XX000|55P03)$/
const UNAVAILABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
])
const CANNOT_CONNECT_NOW = '57P03'
/** Of these, what says nothing about the next connection; a statement that took too long would take too long again. */
const LOST_MESSAGES = /connection timeout|trying to connect|terminated|not queryable|Connection ended|server closed/i
const UNAVAILABLE_MESSAGES = /timeout|terminated|not queryable|Connection ended|server closed|pool after calling end/i

export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (/^[0-9A-Z]{5}$/.test(code) && !UNAVAILABLE_CODES.has(code)) return UNAVAILABLE_STATES.test(code)
  return UNAVAILABLE_CODES.has(code) || UNAVAILABLE_MESSAGES.test(error.message)
}

/** Whether a living server said no: this statement took too long, it has no connection or no memory for it, a lock is held. */
export function isRefused(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return REFUSED_STATES.test(code)
}

function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return /^(08|57P0[12])/.test(code) || UNAVAILABLE_CODES.has(code) || LOST_MESSAGES.test(error.message)
}

export function translated(error: unknown): unknown {
  if (error instanceof BulkheadRejectedError)
    return new DomainError('overloaded', 'more requests need the database than it can serve', {
      retryAfterSeconds,
      cause: error,
    })
  if (isUnavailable(error))
    return new DomainError('database-unavailable', 'the database cannot be reached', {
      retryAfterSeconds,
      cause: error,
    })
  return error
}
