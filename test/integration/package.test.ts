/** The package's door to PostgreSQL with real servers: transactions of pg and of Prisma, loads, migrations. */
import { randomBytes } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CacheLog, createCache, defineLayers, defineTag } from '../../src/cache/index.ts'
import { postgresLog, printedGrants, printedMigrations, printedTriggers, sql } from '../../src/package/postgres.ts'
import { memoryRedis } from '../../src/package/testing.ts'
import { PrismaClient } from '../../src/postgres/generated/client.ts'
import { becomes } from '../support/becomes.ts'
import { findPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { type PricedDatabase, pricedDatabase } from '../support/priced-database.ts'

interface Price {
  readonly article: string
  readonly cents: number
}

let database: PricedDatabase
let pool: pg.Pool

beforeEach(async () => {
  database = await pricedDatabase()
  pool = database.pool
})
afterEach(() => database.close())

async function open<Tx>(log: CacheLog<Tx, ReturnType<typeof sql>>) {
  const cache = createCache({
    layers: defineLayers({ prices: { key: (group: string) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
    redis: memoryRedis(),
    log,
    secret: randomBytes(32).toString('hex'),
  })
  database.closing.push(() => cache.close())
  await cache.ready
  const prices = cache.reader(
    'prices',
    (group) => sql<Price>`SELECT article, cents FROM prices WHERE customer_group = ${group}`,
    {
      tags: defineTag('g'),
    },
  )
  return { cache, prices }
}

describe('a transaction', () => {
  it('of pg writes and invalidates together, or neither', async () => {
    const { cache, prices } = await open(postgresLog({ pool }))
    const setTo = (cents: number, fails = false) =>
      cache.mutate('set', [cache.entry('prices', 'gold')], async (tx) => {
        await tx.query(`UPDATE prices SET cents = $1 WHERE customer_group = 'gold'`, [cents])
        if (fails) throw new Error('no')
      })
    expect(await prices('gold')).toEqual([{ article: 'tea', cents: 100 }])
    await setTo(200)
    expect(await prices('gold')).toEqual([{ article: 'tea', cents: 200 }])
    await expect(setTo(300, true)).rejects.toThrow('no')
    expect(await prices.fresh('gold')).toEqual([{ article: 'tea', cents: 200 }])
    expect((await pool.query('SELECT event FROM portcullis.invalidation_log')).rows).toEqual([{ event: 'set' }])
  })

  it('whose connection ends while the application works in it fails, and the process goes on', async () => {
    const { cache, prices } = await open(postgresLog({ pool }))
    const cut = cache.mutate('set', [cache.entry('prices', 'gold')], async (tx) => {
      await tx.query(`UPDATE prices SET cents = 300 WHERE customer_group = 'gold'`)
      const { rows } = await tx.query('SELECT pg_backend_pid() AS pid')
      await pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid])
      // Nothing is asked when the end comes, so no statement takes the error.
      await new Promise((resolve) => tx.once('end', resolve))
    })
    await expect(cut).rejects.toThrow()
    expect(await prices.fresh('gold')).toEqual([{ article: 'tea', cents: 100 }])
  })

  it('whose failed statement was swallowed is not taken for committed', async () => {
    const { cache } = await open(postgresLog({ pool }))
    const swallowing = cache.mutate('set', [cache.entry('prices', 'gold')], async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => {})
    })
    await expect(swallowing).rejects.toThrow(/current transaction is aborted/)
  })

  it('of Prisma is one with the log row', async () => {
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url }) })
    database.closing.push(() => prisma.$disconnect())
    type Tx = Parameters<Parameters<typeof prisma.$transaction>[0]>[0]
    const { cache, prices } = await open(postgresLog<Tx>({ pool, transaction: (work) => prisma.$transaction(work) }))
    const setTo = (cents: number, fails = false) =>
      cache.mutate('set', [cache.entry('prices', 'gold')], async (tx) => {
        await tx.$executeRaw`UPDATE prices SET cents = ${cents} WHERE customer_group = 'gold'`
        if (fails) throw new Error('no')
      })
    await prices('gold')
    const { token } = await setTo(200)
    expect(await prices.after(token, 'gold')).toEqual([{ article: 'tea', cents: 200 }])
    await expect(setTo(300, true)).rejects.toThrow('no')
    expect(await prices.fresh('gold')).toEqual([{ article: 'tea', cents: 200 }])
    expect((await pool.query('SELECT tags, event FROM portcullis.invalidation_log')).rows).toEqual([
      { tags: ['e:prices:{gold}'], event: 'set' },
    ])
  })
})

describe('triggers from a declaration', () => {
  it('invalidate for every kind of statement, and only what it concerns', async () => {
    const { cache, prices } = await open(postgresLog({ pool }))
    await pool.query(printedTriggers({ prices: [{ tag: 'g', column: 'customer_group' }] }))
    // Again: a declaration that grew is applied over the one that is there.
    await pool.query(printedTriggers({ prices: [{ tag: 'g', column: 'customer_group' }] }))
    const cents = async () => (await prices('gold')).map((row) => row.cents)
    expect(await cents()).toEqual([100])
    await pool.query(`UPDATE prices SET cents = 200 WHERE customer_group = 'gold'`)
    await becomes(cents, [200], 1000)
    await pool.query(`INSERT INTO prices VALUES ('gold', 'milk', 50)`)
    await becomes(cents, [200, 50], 1000)
    await pool.query(`UPDATE prices SET customer_group = 'silver' WHERE article = 'milk'`)
    await becomes(cents, [200], 1000)
    await pool.query(`DELETE FROM prices WHERE customer_group = 'gold'`)
    await becomes(cents, [], 1000)
    await pool.query('TRUNCATE prices')
    const { rows } = await pool.query('SELECT tags FROM portcullis.invalidation_log ORDER BY id')
    expect(rows.map(({ tags }) => [...tags].sort())).toEqual([
      ['g:gold'],
      ['g:gold'],
      ['g:gold', 'g:silver'],
      ['g:gold'],
      ['l:*'],
    ])
    expect(await cache.status()).toMatchObject({ trust: 'following' })
  })

  const namedBy = async (...statements: string[]) => {
    const { rows: before } = await pool.query('SELECT coalesce(max(id), 0) AS last FROM portcullis.invalidation_log')
    for (const statement of statements) await pool.query(statement)
    const { rows } = await pool.query('SELECT tags FROM portcullis.invalidation_log WHERE id > $1 ORDER BY id', [
      before[0].last,
    ])
    return rows.map(({ tags }) => tags)
  }

  it('work on partitions, whether they are written to by their own name or not', async () => {
    await pool.query(`CREATE TABLE sold (customer_group text, at date) PARTITION BY RANGE (at);
      CREATE TABLE sold_2026 PARTITION OF sold FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`)
    await pool.query(printedTriggers({ sold: [{ tag: 'g', column: 'customer_group' }] }))
    const whole = `INSERT INTO sold VALUES ('gold', '2026-02-02')`
    expect(await namedBy(whole, `UPDATE sold_2026 SET customer_group = 'silver'`)).toEqual([
      ['g:gold'],
      expect.arrayContaining(['g:gold', 'g:silver']),
    ])
  })

  it('work on names in upper case, and on keys of several columns', async () => {
    await pool.query(`CREATE SCHEMA "Shop"; CREATE TABLE "Shop"."Members" ("Tenant" text, "Person" integer)`)
    await pool.query(printedTriggers({ 'Shop.Members': [{ tag: 'm', column: ['Tenant', 'Person'] }] }))
    expect(await namedBy(`INSERT INTO "Shop"."Members" VALUES ('north', 7), ('north', NULL)`)).toEqual([['m:north,7']])
  })

  it('of two tables are never one, however alike or long their names are', async () => {
    const long = 'a_table_whose_name_is_nearly_as_long_as_postgresql_allows_it'
    await pool.query(`CREATE SCHEMA a; CREATE TABLE a.b_c (x text); CREATE SCHEMA a_b; CREATE TABLE a_b.c (y text);
      CREATE TABLE a.${long}_1 (x text); CREATE TABLE a.${long}_2 (y text)`)
    const of = (column: string) => [{ tag: column, column }]
    await pool.query(
      printedTriggers({ 'a.b_c': of('x'), 'a_b.c': of('y'), [`a.${long}_1`]: of('x'), [`a.${long}_2`]: of('y') }),
    )
    const insert = (table: string) => `INSERT INTO ${table} VALUES ('1')`
    expect(await namedBy(...['a.b_c', 'a_b.c', `a.${long}_1`, `a.${long}_2`].map(insert))).toEqual([
      ['x:1'],
      ['y:1'],
      ['x:1'],
      ['y:1'],
    ])
  })

  it('are refused where a column is missing: the writers would fail later', async () => {
    await expect(pool.query(printedTriggers({ prices: [{ tag: 'g', column: 'grup' }] }))).rejects.toThrow(
      'column "grup" does not exist',
    )
    await pool.query(`INSERT INTO prices VALUES ('gold', 'milk', 50)`)
  })
})

describe('what is missing in the database', () => {
  const asked = async (log: CacheLog<pg.PoolClient, ReturnType<typeof sql>>) => {
    const lost = new Promise<unknown>((resolve) => {
      const cache = createCache({
        layers: defineLayers({ prices: { key: (group: string) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
        redis: memoryRedis(),
        log,
        secret: randomBytes(32).toString('hex'),
        onTrustChange: (_trust, cause) => resolve(cause),
      })
      database.closing.push(() => cache.close())
      const price = cache.reader('prices', (group) => sql`SELECT cents FROM prices WHERE customer_group = ${group}`)
      failures = [() => price('gold'), () => cache.mutate('set', [cache.entry('prices', 'gold')], async () => {})]
    })
    return [await lost, ...(await Promise.all(failures.map((each) => each().catch((error: unknown) => error))))]
  }
  let failures: (() => Promise<unknown>)[]

  it('is named with its remedy: the tables', async () => {
    for (const error of await asked(postgresLog({ pool, schema: 'nowhere' })))
      expect(String(error)).toMatch(/does not exist: the cache's tables are missing, run npx portcullis-cache migrate/)
  })

  it('is named with its remedy: the rights of a role that owns nothing', async () => {
    const role = `shop_${randomBytes(4).toString('hex')}`
    // The owner's role has the name of the cache's schema, so that its tables were put there.
    await pool.query('ALTER TABLE prices SET SCHEMA public')
    await pool.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA public TO ${role}; GRANT SELECT ON prices TO ${role}`,
    )
    const address = new URL(database.url)
    Object.assign(address, { username: role, password: 'p' })
    const own = new pg.Pool({ connectionString: address.href })
    try {
      for (const error of await asked(postgresLog({ pool: own })))
        expect(String(error)).toMatch(/permission denied for schema portcullis: run .* migrate --url … --role/)
      await pool.query(printedGrants(role))
      const { cache, prices } = await open(postgresLog({ pool: own }))
      await cache.mutate('set', [cache.entry('prices', 'gold')], async () => {})
      expect(await prices('gold')).toEqual([{ article: 'tea', cents: 100 }])
      await own.query(`DELETE FROM portcullis.invalidation_log; UPDATE portcullis.log_checkpoints SET pruned = true`)
    } finally {
      await database.closeOpened()
      await own.end()
      await pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })
})

it.skipIf(!findPgBouncer())(
  'follows the log through PgBouncer in transaction mode, without being told of it',
  async () => {
    const bouncer = await startPgBouncer({ mode: 'transaction', databaseUrl: database.url, poolSize: 2 })
    database.closing.push(() => bouncer.close())
    const pooled = new pg.Pool({ connectionString: bouncer.databaseUrl, max: 4 })
    database.closing.push(() => pooled.end())
    const [one, other] = [await open(postgresLog({ pool: pooled })), await open(postgresLog({ pool: pooled }))]
    for (let cents = 200; cents < 220; cents++) {
      const { token } = await one.cache.mutate('set', [one.cache.entry('prices', 'gold')], (tx) =>
        tx.query(`UPDATE prices SET cents = $1 WHERE customer_group = 'gold'`, [cents]),
      )
      expect(await other.prices.after(token, 'gold')).toEqual([{ article: 'tea', cents }])
    }
    await pool.query(printedTriggers({ prices: [{ tag: 'g', column: 'customer_group' }] }))
    await pool.query(`UPDATE prices SET cents = 300 WHERE customer_group = 'gold'`)
    await becomes(async () => (await one.prices('gold'))[0]?.cents, 300, 1000)
    expect(await one.cache.status()).toMatchObject({ trust: 'following' })
  },
)

describe('the migrations', () => {
  it('are applied once, also by several at a time, each schema by itself', async () => {
    expect(await database.migrate()).toEqual([])
    const both = await Promise.all([database.migrate('other'), database.migrate('other')])
    expect(both.flat()).toEqual([1])
  })

  it('can be printed for another tool', async () => {
    await pool.query(printedMigrations('printed'))
    const { cache } = await open(postgresLog({ pool, schema: 'printed' }))
    await expect(cache.mutate('set', [cache.entry('prices', 'gold')], async () => 7)).resolves.toMatchObject({
      value: 7,
    })
  })
})

it('reads a value and its snapshot in one statement, with parameters beside the text', async () => {
  const log = postgresLog({ pool })
  database.closing.push(() => log.close())
  const writer = await pool.connect()
  await writer.query('BEGIN')
  const { rows } = await writer.query('SELECT pg_current_xact_id()::text AS xid')
  const { stamp, rows: loaded } = await log.load(sql`SELECT ${"it's"}::text AS said -- and a comment`)
  await writer.query('ROLLBACK')
  writer.release()
  expect(loaded).toEqual([{ said: "it's" }])
  expect(stamp.snapshot.xmin).toBe(Number(rows[0].xid))
})
