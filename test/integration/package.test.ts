/** The package's door to PostgreSQL with real servers: transactions of pg and of Prisma, loads, migrations. */
import { randomBytes } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CacheLog, createCache, defineLayers, defineTag } from '../../src/cache/index.ts'
import { applyMigrations, postgresLog, printedMigrations, printedTriggers, sql } from '../../src/package/postgres.ts'
import { memoryRedis } from '../../src/package/testing.ts'
import { PrismaClient } from '../../src/postgres/generated/client.ts'
import { becomes } from '../support/becomes.ts'
import { dropDatabase, emptyDatabase } from '../support/stack.ts'

interface Price {
  readonly article: string
  readonly cents: number
}

let url: string
let pool: pg.Pool
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  url = await emptyDatabase()
  pool = new pg.Pool({ connectionString: url, max: 4 })
  await migrate()
  await pool.query(`CREATE TABLE prices (grp text, article text, cents integer);
    INSERT INTO prices VALUES ('gold', 'tea', 100), ('silver', 'tea', 150)`)
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await pool.end()
  await dropDatabase(url)
})

async function migrate(schema?: string): Promise<number[]> {
  const client = await pool.connect()
  try {
    return await applyMigrations(client, schema)
  } finally {
    client.release()
  }
}

async function open<Tx>(log: CacheLog<Tx, ReturnType<typeof sql>>) {
  const cache = createCache({
    layers: defineLayers({ prices: { key: (group: string) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
    redis: memoryRedis(),
    log,
    secret: randomBytes(32).toString('hex'),
  })
  closing.push(() => cache.close())
  await cache.ready
  const prices = cache.reader('prices', (group) => sql<Price>`SELECT article, cents FROM prices WHERE grp = ${group}`, {
    tags: defineTag('g'),
  })
  return { cache, prices }
}

describe('a transaction', () => {
  it('of pg writes and invalidates together, or neither', async () => {
    const { cache, prices } = await open(postgresLog({ pool }))
    const setTo = (cents: number, fails = false) =>
      cache.mutate('set', [cache.entry('prices', 'gold')], async (tx) => {
        await tx.query(`UPDATE prices SET cents = $1 WHERE grp = 'gold'`, [cents])
        if (fails) throw new Error('no')
      })
    expect(await prices('gold')).toEqual([{ article: 'tea', cents: 100 }])
    await setTo(200)
    expect(await prices('gold')).toEqual([{ article: 'tea', cents: 200 }])
    await expect(setTo(300, true)).rejects.toThrow('no')
    expect(await prices.fresh('gold')).toEqual([{ article: 'tea', cents: 200 }])
    expect((await pool.query('SELECT event FROM portcullis.invalidation_log')).rows).toEqual([{ event: 'set' }])
  })

  it('whose failed statement was swallowed is not taken for committed', async () => {
    const { cache } = await open(postgresLog({ pool }))
    const swallowing = cache.mutate('set', [cache.entry('prices', 'gold')], async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => {})
    })
    await expect(swallowing).rejects.toThrow(/current transaction is aborted/)
  })

  it('of Prisma is one with the log row', async () => {
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
    closing.push(() => prisma.$disconnect())
    type Tx = Parameters<Parameters<typeof prisma.$transaction>[0]>[0]
    const { cache, prices } = await open(postgresLog<Tx>({ pool, transaction: (work) => prisma.$transaction(work) }))
    const setTo = (cents: number, fails = false) =>
      cache.mutate('set', [cache.entry('prices', 'gold')], async (tx) => {
        await tx.$executeRaw`UPDATE prices SET cents = ${cents} WHERE grp = 'gold'`
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
    await pool.query(printedTriggers({ prices: [{ tag: 'g', column: 'grp' }] }))
    // Again: a declaration that grew is applied over the one that is there.
    await pool.query(printedTriggers({ prices: [{ tag: 'g', column: 'grp' }] }))
    const cents = async () => (await prices('gold')).map((row) => row.cents)
    expect(await cents()).toEqual([100])
    await pool.query(`UPDATE prices SET cents = 200 WHERE grp = 'gold'`)
    await becomes(cents, [200], 1000)
    await pool.query(`INSERT INTO prices VALUES ('gold', 'milk', 50)`)
    await becomes(cents, [200, 50], 1000)
    await pool.query(`UPDATE prices SET grp = 'silver' WHERE article = 'milk'`)
    await becomes(cents, [200], 1000)
    await pool.query(`DELETE FROM prices WHERE grp = 'gold'`)
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
})

describe('the migrations', () => {
  it('are applied once, also by several at a time, each schema by itself', async () => {
    expect(await migrate()).toEqual([])
    const both = await Promise.all([migrate('other'), migrate('other')])
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
  closing.push(() => log.close())
  const writer = await pool.connect()
  await writer.query('BEGIN')
  const { rows } = await writer.query('SELECT pg_current_xact_id()::text AS xid')
  const { stamp, rows: loaded } = await log.load(sql`SELECT ${"it's"}::text AS said -- and a comment`)
  await writer.query('ROLLBACK')
  writer.release()
  expect(loaded).toEqual([{ said: "it's" }])
  expect(stamp.snapshot.xmin).toBe(Number(rows[0].xid))
})
