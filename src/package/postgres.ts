/** The door to PostgreSQL: the log, loads with their stamp, and transactions of the service's own. */
import pg from 'pg'
import { type CacheLog, type Committed, parseXid, type UnitOfWork } from '../cache/index.ts'
import { codeOf } from '../postgres/failures.ts'
import { CHECKPOINT_OF_THIS_HISTORY, OF_THIS_HISTORY } from '../postgres/foreign-history.ts'
import { forgoNames } from '../postgres/forgo-names.ts'
import { READ_TIMEOUT_MS } from '../postgres/log-connection.ts'
import { createLogReader } from '../postgres/log-reader.ts'
import { type StampColumns, stampOf } from '../postgres/stamp.ts'
import { channelOf, checkedSchema, DEFAULT_SCHEMA } from './migrations.ts'
import { rowsIn, type Sql, stamped } from './sql.ts'

export {
  applyMigrations,
  MigrationsError,
  printedGrants,
  printedMigrations,
  printedTriggers,
  type TriggerTag,
} from './migrations.ts'
export { type Sql, SqlError, sql } from './sql.ts'

/** Runs one statement of a transaction. */
export type Statement<Tx> = (tx: Tx, text: string, values: readonly unknown[]) => Promise<readonly unknown[]>

/** The primary: a standby cannot stamp what it reads. */
export type PostgresSource =
  /** The service's own pool; it stays open when the cache is closed. */
  | { readonly pool: pg.Pool; readonly url?: never }
  /** For services that reach PostgreSQL by another library: a pool of the cache's own. */
  | { readonly url: string; readonly pool?: never }

/** Where the log is, and how its followers learn of new rows. */
export type PostgresLogOptions = PostgresSource & {
  /** Where `migrate` put the tables. Default: `portcullis`. */
  readonly schema?: string
  /**
   * Whether to listen for wake-ups. Behind a pooler in transaction mode that is impossible, and a change by another
   * instance is seen with the next poll. Default: wherever no pooler is found.
   */
  readonly notify?: boolean
}

/** Transactions by another library than pg: `transaction: (work) => prisma.$transaction(work)`. */
export interface TransactionOptions<Tx> {
  /** Begins, runs the work, and commits, or rolls back where the work throws. It must resolve after the commit. */
  readonly transaction: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>
  /** How a transaction runs a statement; needed for libraries other than pg and Prisma. */
  readonly statement?: Statement<Tx>
}

/** Options or a transaction of the log that cannot work; the message names the remedy. */
export class PostgresLogError extends Error {
  readonly code = 'postgres-log'
}

const PRUNE_EVERY_MS = 60_000
const CHECKPOINT_EVERY_MS = 600_000
const PRUNED_PER_TURN = 10_000
const CONNECT_TIMEOUT_MS = 1000

/**
 * The log, loads with their stamp, and transactions: of pg's pool, or of a library that is given as `transaction`.
 * @returns what `createCache` takes as `log`
 * @throws PostgresLogError for options that cannot work, with the remedy
 */
export function postgresLog(options: PostgresLogOptions): CacheLog<pg.PoolClient, Sql<unknown>>
export function postgresLog<Tx>(options: PostgresLogOptions & TransactionOptions<Tx>): CacheLog<Tx, Sql<unknown>>
export function postgresLog<Tx>(
  options: PostgresLogOptions & Partial<TransactionOptions<Tx>>,
): CacheLog<Tx, Sql<unknown>> {
  const { notify, statement = statementOf } = options ?? {}
  const pool = options?.pool ?? ownPool(options?.url)
  if (typeof pool.totalCount !== 'number') throw new PostgresLogError('pool: pass a pg.Pool that leads to the primary')
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA)
  const transaction = options.transaction ?? (<T>(work: (tx: Tx) => Promise<T>) => inTransaction(pool, work))
  const channel = channelOf(schema)
  // An idle connection that breaks is replaced by the next use; without a listener it would end the process.
  if (pool.listenerCount('error') === 0) pool.on('error', () => {})
  const reader = createLogReader({
    connect: () => followingClient(pool),
    prepare: (client) => prepared(client, channel, notify),
    channel: null,
    statements: { since: readSince(schema), values: [], floor: chooseFloor(schema) },
  })
  let timer: NodeJS.Timeout | undefined

  /** If the cache's own tables are missing or not accessible, the error says what to do. */
  const remedied = <T>(asked: Promise<T>): Promise<T> =>
    asked.catch((error: unknown) => {
      throw withRemedy(error, schema)
    })

  return {
    log: {
      ...reader,
      readSince: (since) => remedied(reader.readSince(since)),
      readPast: () => remedied(reader.readPast()),
    },
    unitOfWork: {
      async run(_context, work) {
        const value = await transaction(work)
        // After the commit: transactions that notify commit one after the other. The next poll finds what a lost
        // notification announced.
        if (notify !== false) pool.query(`NOTIFY ${channel}`).catch(() => {})
        return value
      },
      ...recordsOf<Tx>(schema, (tx, text, values) => remedied(statement(tx, text, values))),
    },
    async load(query) {
      const asked = pool.query<StampColumns & { rows: string }>(stamped(query, schema), [...query.values])
      const [row] = (await remedied(asked)).rows
      if (!row) throw new PostgresLogError('a select without FROM returned no row')
      return { rows: rowsIn(row.rows), stamp: stampOf(row) }
    },
    prune(retentionMs) {
      timer = setInterval(() => void remedied(prune(pool, schema, retentionMs)).catch(warnOfMistake), PRUNE_EVERY_MS)
      timer.unref()
    },
    async close() {
      clearInterval(timer)
      await reader.close()
      if (!options.pool) await pool.end()
    },
  }
}

/** What a transaction writes before it commits. */
function recordsOf<Tx>(schema: string, statement: Statement<Tx>): Omit<UnitOfWork<Tx, null>, 'run'> {
  async function committedBy(tx: Tx, text: string, values: readonly unknown[]): Promise<Committed> {
    const [row] = (await statement(tx, text, values)) as { database: string; xid: string }[]
    if (!row) throw new PostgresLogError('statement: it must return the rows of what it runs')
    return { database: row.database, xid: parseXid(row.xid) }
  }

  return {
    appendInvalidation: (tx, _context, { tags, event, keyCount, widened }) =>
      committedBy(
        tx,
        `INSERT INTO ${schema}.invalidation_log (tags, event, keys, widened) VALUES ($1::text[], $2, $3, $4)
         RETURNING ${schema}.database() AS database, xid::text AS xid`,
        [tags, event, keyCount, widened],
      ),
    identify: (tx) => committedBy(tx, `SELECT ${schema}.database() AS database, pg_current_xact_id()::text AS xid`, []),
    async audit() {},
  }
}

function ownPool(url: unknown): pg.Pool {
  if (typeof url !== 'string' || !/^postgres(?:ql)?:/.test(url))
    throw new PostgresLogError('pass { pool }, a pg.Pool that leads to the primary, or { url: "postgres://…" }')
  return new pg.Pool({ connectionString: url })
}

/** A connection of the follower's own, as the pool makes its own. */
function followingClient({ options }: pg.Pool): pg.Client {
  return new pg.Client({
    ...options,
    // The pool hides it from being copied.
    password: options.password,
    query_timeout: READ_TIMEOUT_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  })
}

/**
 * A pooler hands out process ids of its own. Behind one each transaction may meet another server connection, where
 * neither names of statements nor settings nor what is listened to can be relied upon.
 */
async function prepared(client: pg.Client, channel: string, notify: boolean | undefined): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const { processID } = client as pg.Client & { readonly processID: number | null }
  const listens = notify ?? rows[0]?.pid === processID
  if (!listens) return forgoNames(client)
  await client.query(`SET statement_timeout = ${READ_TIMEOUT_MS}`)
  await client.query(`LISTEN ${channel}`)
}

/** By SQLSTATE, which Prisma includes in its message. */
function withRemedy(error: unknown, schema: string): unknown {
  if (!(error instanceof Error)) return error
  const own = [`"${schema}"`, `schema ${schema}`, `${schema}.database(`, 'invalidation_log', 'log_checkpoints']
  if (!own.some((name) => error.message.includes(name))) return error
  const state = /Code: `(\w{5})`/.exec(error.message)?.[1] ?? codeOf(error)
  const migrate = 'npx portcullis-cache migrate --url …'
  if (/^(3F000|42P01|42883)$/.test(state))
    return new PostgresLogError(`${error.message}: the cache's tables are missing, run ${migrate}`, { cause: error })
  if (state === '42501')
    return new PostgresLogError(`${error.message}: run ${migrate} --role <the role of this service>`, { cause: error })
  return error
}

/** Temporary failures are tried again in a minute. */
function warnOfMistake(error: unknown): void {
  if (error instanceof PostgresLogError)
    process.emitWarning(`the log cannot be pruned: ${error.message}`, { type: 'PortcullisCacheWarning' })
}

async function inTransaction<Tx, T>(pool: pg.Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  // A connection that ends while the application is at work has no statement to take the error: the next one fails.
  const ignored = () => {}
  client.on('error', ignored)
  try {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
    const value = await work(client as Tx)
    // COMMIT of a transaction in which a statement failed is a rollback that succeeds.
    const { command } = await client.query('COMMIT')
    if (command !== 'COMMIT')
      throw new PostgresLogError('a statement failed, so nothing was committed: let its error pass')
    client.release()
    return value
  } catch (error) {
    const broken = await client.query('ROLLBACK').then(
      () => undefined,
      () => true,
    )
    client.release(broken)
    throw error
  } finally {
    client.off('error', ignored)
  }
}

/** pg's clients and Prisma's transactions, told apart by what they can do. */
async function statementOf<Tx>(tx: Tx, text: string, values: readonly unknown[]): Promise<readonly unknown[]> {
  const known = tx as {
    query?(text: string, values: unknown[]): Promise<{ rows: unknown[] }>
    $queryRawUnsafe?(text: string, ...values: unknown[]): Promise<unknown[]>
  }
  if (typeof known.$queryRawUnsafe === 'function') return known.$queryRawUnsafe(text, ...values)
  // Drizzle's is not a function.
  if (typeof known.query === 'function') return (await known.query(text, [...values])).rows
  throw new PostgresLogError('statement: say how this transaction runs a statement, (tx, text, values) => rows')
}

function readSince(schema: string) {
  return {
    name: `${schema}-log-since`,
    text: `
SELECT ${schema}.database() AS database, pg_current_snapshot()::text AS snapshot,
  (extract(epoch FROM statement_timestamp()) * 1000)::float8 AS at, (
  SELECT snapshot::text FROM ${schema}.log_checkpoints c
  WHERE pruned AND ${CHECKPOINT_OF_THIS_HISTORY} ORDER BY id DESC LIMIT 1
) AS horizon, (
  SELECT coalesce(json_agg(json_build_object('x', l.xid::text, 't', l.tags)), '[]')
  FROM ${schema}.invalidation_log l
  WHERE l.xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(l.xid, $1::pg_snapshot)
    AND ${OF_THIS_HISTORY}
) AS rows`,
  }
}

function chooseFloor(schema: string) {
  const log = `${schema}.invalidation_log`
  const atMost = (rows: string) => `(SELECT count(*) FROM (SELECT 1 FROM ${rows} LIMIT $1 + 1) counted) <= $1`
  return {
    name: `${schema}-log-floor`,
    text: `
SELECT coalesce((
  SELECT c.snapshot::text FROM ${schema}.log_checkpoints c
  WHERE ${CHECKPOINT_OF_THIS_HISTORY} AND ${atMost(`${log} l WHERE l.xid >= pg_snapshot_xmin(c.snapshot)`)}
  ORDER BY c.id LIMIT 1
), CASE WHEN NOT EXISTS (SELECT FROM ${schema}.log_checkpoints) AND ${atMost(log)} THEN '1:1:' END,
  pg_current_snapshot()::text) AS floor`,
  }
}

/** One instance at a time removes rows that every living entry has seen, by checkpoints of the past. */
async function prune(pool: pg.Pool, schema: string, retentionMs: number): Promise<void> {
  await inTransaction(pool, async (client: pg.PoolClient) => {
    const lock = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock(hashtext($1)) AS taken', [
      `${schema} prune`,
    ])
    if (!lock.rows[0]?.taken) return
    await client.query(
      `INSERT INTO ${schema}.log_checkpoints (snapshot) SELECT pg_current_snapshot() WHERE NOT EXISTS (
         SELECT FROM ${schema}.log_checkpoints WHERE created_at > clock_timestamp() - $1 * interval '1 millisecond')`,
      [CHECKPOINT_EVERY_MS],
    )
    const { rows } = await client.query<{ id: string; snapshot: string }>(
      `SELECT id, snapshot::text AS snapshot FROM ${schema}.log_checkpoints
       WHERE created_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY created_at DESC LIMIT 1`,
      [retentionMs],
    )
    const [checkpoint] = rows
    if (!checkpoint) return
    await client.query(`DELETE FROM ${schema}.log_checkpoints WHERE id < $1`, [checkpoint.id])
    await client.query(`UPDATE ${schema}.log_checkpoints SET pruned = true WHERE id = $1 AND NOT pruned`, [
      checkpoint.id,
    ])
    await client.query(
      `DELETE FROM ${schema}.invalidation_log WHERE id IN (SELECT id FROM ${schema}.invalidation_log
       WHERE xid < pg_snapshot_xmax($1::pg_snapshot) AND pg_visible_in_snapshot(xid, $1::pg_snapshot) LIMIT $2)`,
      [checkpoint.snapshot, PRUNED_PER_TURN],
    )
  })
}
