/** Checks at the start that the database, its role and the pooler are as the service needs them. */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { type ConnectionOptions, clientConfig, prepareConnection } from './connection.ts'
import { type Limits, type Pooler, settingsOf } from './connection-settings.ts'
import { RoutedClient } from './routed-client.ts'

/** The database, as it is set up, cannot be used by the service; trying again does not help. */
export class DatabaseUnfitError extends Error {
  readonly code = 'database-unfit'
}

interface Found {
  readonly pid: number
  readonly role: string
  readonly database: string
  readonly version: number
  readonly encoding: string
  readonly replication_role: string
  /** The first schema of the `search_path`; null: none. */
  readonly schema: string | null
  /** The schema of the service's function; null: it does not exist yet. */
  readonly home: string | null
  /** The service's tables that another schema hides. */
  readonly hidden: readonly string[]
  /** Its tables of which policies hide rows from the role. */
  readonly filtered: readonly string[]
  readonly settings: Record<string, { readonly now: string; readonly role: string }>
}

const LEAST_VERSION = 150_000

/** Of the role where a session may have been left with settings by somebody else: `reset_val`, which SET does not change. */
const FIND = `
SELECT pg_backend_pid() AS pid, current_user AS role, current_database() AS database,
  current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding,
  current_setting('session_replication_role') AS replication_role, current_schema() AS schema,
  home.nspname AS home, ARRAY(
    SELECT relname::text FROM pg_class WHERE relnamespace = home.oid AND relname = ANY ($2::text[])
    AND NOT pg_table_is_visible(pg_class.oid) ORDER BY relname
  ) AS hidden, ARRAY(
    SELECT relname::text FROM pg_class WHERE relnamespace = home.oid AND relname = ANY ($2::text[])
    AND row_security_active(pg_class.oid) ORDER BY relname
  ) AS filtered,
  (SELECT json_object_agg(name, json_build_object('now', setting, 'role', reset_val)) FROM pg_settings
   WHERE name = ANY ($1::text[])) AS settings
FROM (SELECT to_regprocedure('portcullis_database()') AS oid) marker
LEFT JOIN pg_proc USING (oid) LEFT JOIN pg_namespace home ON home.oid = pronamespace`

const TABLES = [
  ...['users', 'groups', 'memberships', 'resources', 'grants', 'invalidation_log', 'log_checkpoints', 'audit_log'],
  ...['idempotency_keys', 'cache_health', 'cache_outages', '_prisma_migrations'],
]

/**
 * Whether the settings took effect, and last as the declared pooler allows.
 * @throws DatabaseUnfitError with the remedy, what the driver throws when the database cannot be asked
 */
export async function assertFit(options: ConnectionOptions): Promise<void> {
  const { pooler = 'none' } = options
  const [one, other] = [new RoutedClient(clientConfig(options)), new RoutedClient(clientConfig(options))]
  try {
    for (const client of [one, other]) {
      client.on('error', () => {})
      await client.connect()
      await prepareConnection(client, options)
    }
    const names = settingsOf(options).map(({ name }) => name)
    const found = (await one.query<Found>(FIND, [names, TABLES])).rows[0] as Found
    const problems = problemsOf(found, options, pooler)
    if (pooler === 'none' && announcedPid(one) !== found.pid)
      problems.push(
        'a connection pooler stands between the service and PostgreSQL: set DATABASE_POOLER to session or transaction, as the pooler is set',
      )
    else if (pooler !== 'transaction' && !(await isKept(one, other, found.pid)))
      problems.push(
        'the pooler gives each transaction another server connection: set DATABASE_POOLER=transaction, or the pooler to session mode',
      )
    if (problems.length > 0)
      throw new DatabaseUnfitError(`the database cannot be used as it is: ${problems.join('; ')}`)
    if (pooler === 'transaction' && (await areNamesKept(one, other))) options.names?.keep()
  } finally {
    for (const client of [one, other]) client.end().catch(() => {})
  }
}

/** As the server said when it was connected to; a pooler answers for itself there. */
function announcedPid(client: pg.Client): number | null {
  return (client as pg.Client & { readonly processID: number | null }).processID
}

/**
 * In transaction mode the connection that was used last serves the next transaction of any client, and is then in use.
 */
async function isKept(one: pg.Client, other: pg.Client, pid: number): Promise<boolean> {
  await other.query('BEGIN')
  try {
    const { rows } = await one.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    return rows[0]?.pid === pid
  } finally {
    await other.query('COMMIT')
  }
}

/** How often the pooler may by chance choose the server connection that knows the name. */
const PROBES = 3

/**
 * Whether a statement that was prepared on one server connection is known by its name on another; only that proves it.
 * What happens otherwise, a pool of one connection for example, leaves statements without names.
 */
async function areNamesKept(one: pg.Client, other: pg.Client): Promise<boolean> {
  const probe = { name: `probe-${randomUUID()}`, text: 'SELECT pg_backend_pid() AS pid' }
  try {
    const prepared = (await one.query<{ pid: number }>(probe)).rows[0]?.pid
    for (let turn = 0; turn < PROBES; turn++) {
      await other.query('BEGIN')
      const { rows } = await one.query<{ pid: number }>(probe).finally(() => other.query('COMMIT'))
      if (rows[0]?.pid !== prepared) return true
    }
    return false
  } catch {
    return false
  }
}

function problemsOf(found: Found, limits: Limits, pooler: Pooler): string[] {
  const problems: string[] = []
  if (found.version < LEAST_VERSION)
    problems.push(`it is PostgreSQL ${Math.floor(found.version / 10_000)}, 15 is needed`)
  if (found.encoding !== 'UTF8') problems.push(`its encoding is ${found.encoding}, UTF8 is needed`)
  const role = `ALTER ROLE "${found.role}" IN DATABASE "${found.database}"`
  if (found.replication_role !== 'origin')
    problems.push(
      `session_replication_role is ${found.replication_role}, so that foreign keys are not kept: ${role} SET session_replication_role = origin`,
    )
  if (found.schema === null) problems.push(`search_path leads to no schema: ${role} SET search_path = public`)
  if (found.hidden.length > 0)
    problems.push(
      `another schema hides the service's tables (${found.hidden.join(', ')}): ${role} SET search_path = ${found.home}, pg_temp`,
    )
  if (found.filtered.length > 0)
    problems.push(
      `row-level security may hide rows of ${found.filtered.join(', ')} from the role, and answers would be wrong: ALTER ROLE "${found.role}" BYPASSRLS`,
    )
  for (const { name, value, pooled } of settingsOf(limits)) {
    const setting = found.settings[name]
    if (setting === undefined || (pooler === 'transaction' && pooled === undefined)) continue
    const actual = pooler === 'transaction' && pooled === 'role' ? setting.role : setting.now
    if (actual !== value.replace(/ms$/, ''))
      problems.push(`${name} is ${actual}, ${value} is needed: ${role} SET ${name} = '${value}'`)
  }
  if (pooler === 'transaction' && found.settings.statement_timeout?.role === '0')
    problems.push(
      `nothing ends a statement that takes too long: ${role} SET statement_timeout = '${limits.statementTimeoutMs}ms'`,
    )
  return problems
}
