/** Applies prisma/migrations without Prisma's native engine and keeps `_prisma_migrations` as `prisma migrate deploy` would. */
import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { parseIntoClientConfig } from 'pg-connection-string'
import { primaryOf } from './connection.ts'
import { PIN_SEARCH_PATH } from './connection-settings.ts'
import { RoutedClient } from './routed-client.ts'
import { parseDatabaseUrl } from './servers.ts'

const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations/', import.meta.url))

/** The key Prisma takes for its own advisory lock, so that the two never run at once. */
const PRISMA_LOCK_KEY = 72_707_369

export interface Migration {
  readonly name: string
  readonly sql: string
  /** SHA-256 of the SQL in hex, as Prisma records it. */
  readonly checksum: string
}

export class MigrationError extends Error {
  readonly code = 'migration-failed'
}

/** The migrations have just not run yet: they may be running now. */
export class SchemaOlderError extends MigrationError {}

/** The migrations that ship with this version, in order. */
export async function shippedMigrations(): Promise<Migration[]> {
  const entries = await readdir(migrationsFolder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(path.join(migrationsFolder, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

interface AppliedRow {
  migration_name: string
  checksum: string
  finished_at: Date | null
}

/** Packets to a pod that no policy admits yet are dropped silently. */
const CONNECT_TIMEOUT_MS = 10_000

const BOOKKEEPING = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`

const OTHER_PROGRAM = `SELECT current_schema() AS schema, current_user AS role, current_database() AS database
WHERE to_regclass('_prisma_migrations') IS NULL AND to_regclass('invalidation_log') IS NOT NULL`

/**
 * The cache package's schema is called `portcullis`. If the role has the same name, new tables would be created in that
 * schema.
 */
async function refuseOtherProgram(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ schema: string; role: string; database: string }>(OTHER_PROGRAM)
  for (const { schema, role, database } of rows)
    throw new MigrationError(
      `the schema ${schema} has an invalidation_log of another program: ALTER ROLE "${role}" IN DATABASE "${database}" SET search_path = public`,
    )
}

async function readApplied(client: pg.ClientBase): Promise<AppliedRow[]> {
  const { rows } = await client.query<AppliedRow>(
    `SELECT migration_name, checksum, finished_at FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  )
  return rows
}

function pendingAmong(shipped: readonly Migration[], applied: readonly AppliedRow[]): Migration[] {
  const known = new Map(applied.map((row) => [row.migration_name, row]))
  return shipped.filter((migration) => {
    const row = known.get(migration.name)
    if (!row) return true
    if (row.finished_at === null)
      throw new MigrationError(
        `${migration.name} failed half-way before; repair the database, then mark it rolled back`,
      )
    if (row.checksum !== migration.checksum)
      throw new MigrationError(`${migration.name} was edited after it was applied; add a new migration instead`)
    return false
  })
}

/**
 * A migration that waits for a table blocks all others that need it, readers too, and an idle transaction may hold the
 * table for minutes. So a migration gives up soon, lets the others pass, and tries again.
 */
const LOCK_WAIT_MS = 300
const GIVE_WAY_MS = 1000
/**
 * The time limit of the Job (k8s/base/api/migration-job.yaml), less the time that the migrations themselves may take.
 */
const LOCKED_MAX_MS = 600_000
const LOCK_NOT_AVAILABLE = '55P03'

async function applyOne(
  client: pg.ClientBase,
  migration: Migration,
  onLocked: (reason: string) => void,
): Promise<void> {
  const giveUpAtMs = performance.now() + LOCKED_MAX_MS
  for (;;) {
    try {
      return await attempt(client, migration)
    } catch (error) {
      const isLocked = ((error as Error).cause as pg.DatabaseError | undefined)?.code === LOCK_NOT_AVAILABLE
      if (!isLocked || performance.now() >= giveUpAtMs) throw error
      onLocked(`${migration.name}: a table is in use by a transaction, and is tried again`)
      await delay(GIVE_WAY_MS)
    }
  }
}

async function attempt(client: pg.ClientBase, migration: Migration): Promise<void> {
  // One transaction for the SQL and its record: a crash leaves neither.
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_WAIT_MS}`)
  try {
    await client.query(migration.sql)
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, applied_steps_count) VALUES ($1, $2, now(), $3, 1)`,
      [randomUUID(), migration.checksum, migration.name],
    )
    await client.query('COMMIT')
  } catch (cause) {
    await client.query('ROLLBACK')
    throw new MigrationError(`${migration.name}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Brings the database to this version's schema; concurrent callers wait for each other.
 * @param onLocked told at each attempt that found a table locked
 * @returns the names applied now, empty when there was nothing to do
 * @throws MigrationError when a migration fails, was edited or is half-applied
 */
export async function applyMigrations(
  databaseUrl: string,
  onLocked: (reason: string) => void = () => {},
): Promise<{ applied: string[] }> {
  const client = new RoutedClient({
    ...parseIntoClientConfig(parseDatabaseUrl(databaseUrl).url),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    primary: primaryOf({ url: databaseUrl }),
  })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [PRISMA_LOCK_KEY])
    await client.query(`SELECT ${PIN_SEARCH_PATH}`)
    await refuseOtherProgram(client)
    await client.query(BOOKKEEPING)
    const pending = pendingAmong(await shippedMigrations(), await readApplied(client))
    for (const migration of pending) await applyOne(client, migration, onLocked)
    return { applied: pending.map(({ name }) => name) }
  } finally {
    await client.end()
  }
}

/**
 * Refuses to go on over a schema older than this version's; a newer one is fine (expand and contract).
 * @throws SchemaOlderError naming what is missing and the command that applies it; MigrationError as applyMigrations
 */
export async function assertMigrated(client: { query: pg.ClientBase['query'] }): Promise<void> {
  const exists = await client.query<{ present: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS present`,
  )
  const applied = exists.rows[0]?.present ? await readApplied(client as pg.ClientBase) : []
  const pending = pendingAmong(await shippedMigrations(), applied)
  if (pending.length > 0)
    throw new SchemaOlderError(
      `the database lacks ${pending.map(({ name }) => name).join(', ')}; apply with \`npm run migrate\` (DATABASE_URL set)`,
    )
}
