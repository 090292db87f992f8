import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { applyMigrations, assertMigrated, shippedMigrations } from '../../src/postgres/migrate.ts'
import { dropDatabase, emptyDatabase } from '../support/stack.ts'

let url: string
let client: pg.Client
beforeEach(async () => {
  url = await emptyDatabase()
  client = new pg.Client({ connectionString: url })
  await client.connect()
})
afterEach(async () => {
  await client.end()
  await dropDatabase(url)
})

const recorded = async () =>
  (await client.query('SELECT migration_name, finished_at IS NOT NULL AS finished FROM _prisma_migrations ORDER BY 1'))
    .rows

async function shippedNames(): Promise<string[]> {
  return (await shippedMigrations()).map(({ name }) => name)
}

describe('applying migrations', () => {
  it('applies all that ship, in order, once', async () => {
    const names = await shippedNames()
    expect(await applyMigrations(url)).toEqual({ applied: names })
    expect(await applyMigrations(url)).toEqual({ applied: [] })
    expect(await recorded()).toEqual(names.map((name) => ({ migration_name: name, finished: true })))
  })

  it('lets concurrent callers wait: one applies, the others find nothing to do', async () => {
    const blocker = new pg.Client({ connectionString: url })
    await blocker.connect()
    // Prisma's own lock, held here until all four stand in line: without it in the way they would not meet.
    await blocker.query('SELECT pg_advisory_lock(72707369)')
    const callers = Promise.all([1, 2, 3, 4].map(() => applyMigrations(url)))
    await expect
      .poll(
        async () => (await client.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).rowCount,
      )
      .toBe(4)
    await blocker.end()
    const applied = (await callers).map((result) => result.applied)
    expect(applied.filter((names) => names.length > 0)).toEqual([await shippedNames()])
    expect(await recorded()).toHaveLength((await shippedNames()).length)
  })

  it('refuses a migration that was edited after it was applied, and applies nothing', async () => {
    await applyMigrations(url)
    const [first] = await shippedNames()
    await client.query(`UPDATE _prisma_migrations SET checksum = repeat('0', 64) WHERE migration_name = $1`, [first])
    await expect(applyMigrations(url)).rejects.toMatchObject({
      code: 'migration-failed',
      message: expect.stringContaining(`${first} was edited`),
    })
  })

  it('refuses to continue after a migration that was left half-applied', async () => {
    await applyMigrations(url)
    const last = (await shippedNames()).at(-1)
    await client.query('UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = $1', [last])
    await expect(applyMigrations(url)).rejects.toMatchObject({
      code: 'migration-failed',
      message: expect.stringContaining(`${last} failed half-way`),
    })
  })

  it('goes on when the half-applied one is marked rolled back', async () => {
    await applyMigrations(url)
    const last = (await shippedNames()).at(-1)
    await client.query(
      'INSERT INTO _prisma_migrations (id, checksum, migration_name, rolled_back_at) VALUES ($1, $1, $2, now())',
      ['x', last],
    )
    expect(await applyMigrations(url)).toEqual({ applied: [] })
  })

  it('leaves nothing of a migration that fails: neither its tables nor its record', async () => {
    // In the way of the very last statement that the first migration makes, so that all before it has to be undone.
    await client.query('CREATE FUNCTION portcullis_database() RETURNS TEXT LANGUAGE sql AS $$ SELECT NULL::text $$')
    await expect(applyMigrations(url)).rejects.toMatchObject({ code: 'migration-failed' })
    expect(await recorded()).toEqual([])
    expect((await client.query(`SELECT to_regclass('users') AS users`)).rows).toEqual([{ users: null }])
  })
})

describe('a migration of a table that a transaction has read and keeps', () => {
  const ALTERING = '20261129020000_scim'
  let holder: pg.Client
  beforeEach(async () => {
    await upTo(ALTERING)
    holder = new pg.Client({ connectionString: url })
    await holder.connect()
    await holder.query('BEGIN; SELECT FROM users')
  })
  afterEach(() => holder.end())

  /** The schema of the release before. */
  async function upTo(name: string): Promise<void> {
    const all = await shippedMigrations()
    await client.query(`CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT NULL,
      finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
      started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`)
    for (const migration of all.slice(
      0,
      all.findIndex((one) => one.name === name),
    )) {
      await client.query(migration.sql)
      await client.query(
        'INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES ($1, $2, now(), $3)',
        [migration.name.slice(0, 36), migration.checksum, migration.name],
      )
    }
  }

  it('holds up no reader for long, says that it waits, and goes on when the transaction is over', async () => {
    const reasons: string[] = []
    const applying = applyMigrations(url, (reason) => reasons.push(reason))
    const waits: number[] = []
    for (const untilMs = performance.now() + 4000; performance.now() < untilMs; await delay(20)) {
      const askedMs = performance.now()
      await client.query('SELECT count(*) FROM users')
      waits.push(performance.now() - askedMs)
    }
    expect(Math.max(...waits)).toBeLessThan(1000)
    // The migration did block the readers, for as long as its lock timeout allows.
    expect(Math.max(...waits)).toBeGreaterThan(100)
    expect(reasons[0]).toBe(`${ALTERING}: a table is in use by a transaction, and is tried again`)
    await holder.query('COMMIT')
    expect((await applying).applied).toContain(ALTERING)
  })
})

describe('asking whether the schema is current', () => {
  it('is silent when it is', async () => {
    await applyMigrations(url)
    await expect(assertMigrated(client)).resolves.toBeUndefined()
  })

  it('names everything that an empty database lacks, and the command that applies it', async () => {
    await expect(assertMigrated(client)).rejects.toThrow(
      `the database lacks ${(await shippedNames()).join(', ')}; apply with \`npm run migrate\``,
    )
  })

  it('names what an older schema lacks', async () => {
    await applyMigrations(url)
    const last = (await shippedNames()).at(-1)
    await client.query('DELETE FROM _prisma_migrations WHERE migration_name = $1', [last])
    await expect(assertMigrated(client)).rejects.toThrow(`the database lacks ${last};`)
  })

  it('accepts a newer schema: the previous version runs on while the next one is rolled out', async () => {
    await applyMigrations(url)
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES ('n', 'n', now(), '29990101000000_newer')`,
    )
    await expect(assertMigrated(client)).resolves.toBeUndefined()
  })
})
