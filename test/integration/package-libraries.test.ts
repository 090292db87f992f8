/** Transactions of Kysely and Drizzle by the same two calls, `postgresLog` and `cache.mutate`; with pg and Prisma in package.test.ts. */
import { randomBytes } from 'node:crypto'
import { CompiledQuery, Kysely, PostgresDialect, type Transaction } from 'kysely'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CacheLog, createCache, defineLayers } from '../../src/cache/index.ts'
import { postgresLog, sql } from '../../src/package/postgres.ts'
import { memoryRedis } from '../../src/package/testing.ts'
import { type PricedDatabase, pricedDatabase } from '../support/priced-database.ts'

interface Tables {
  readonly prices: { customer_group: string; cents: number }
}

const DRIZZLE = new URL('../examples/package/drizzle.mjs', import.meta.url).href

let database: PricedDatabase
let pool: pg.Pool

beforeEach(async () => {
  database = await pricedDatabase()
  pool = database.pool
})
afterEach(() => database.close())

interface Library<Tx> {
  readonly log: CacheLog<Tx, ReturnType<typeof sql>>
  readonly setTo: (tx: Tx, cents: number) => Promise<unknown>
}

async function proves<Tx>({ log, setTo }: Library<Tx>): Promise<void> {
  const cache = createCache({
    layers: defineLayers({ prices: { key: (group: string) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
    redis: memoryRedis(),
    log,
    secret: randomBytes(32).toString('hex'),
  })
  database.closing.push(() => cache.close())
  await cache.ready
  const cents = cache.reader(
    'prices',
    (group) => sql<{ cents: number }>`SELECT cents FROM prices WHERE customer_group = ${group}`,
    {
      map: ([row]) => row?.cents,
    },
  )
  const change = (to: number, fails = false) =>
    cache.mutate('set', [cache.entry('prices', 'gold')], async (tx) => {
      await setTo(tx, to)
      if (fails) throw new Error('no')
    })
  expect(await cents('gold')).toBe(100)
  const { token } = await change(200)
  expect(await cents('gold')).toBe(200)
  expect(await cents.after(token, 'gold')).toBe(200)
  await expect(change(300, true)).rejects.toThrow('no')
  expect(await cents.fresh('gold')).toBe(200)
  const { rows } = await pool.query('SELECT tags, event FROM portcullis.invalidation_log')
  expect(rows).toEqual([{ tags: ['e:prices:{gold}'], event: 'set' }])
}

describe('a transaction is one with its log row', () => {
  it('by Kysely', async () => {
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
    await proves({
      log: postgresLog<Transaction<Tables>>({
        pool,
        transaction: (work) => db.transaction().execute(work),
        statement: async (tx, text, values) => (await tx.executeQuery(CompiledQuery.raw(text, [...values]))).rows,
      }),
      setTo: (tx, cents) => tx.updateTable('prices').set({ cents }).where('customer_group', '=', 'gold').execute(),
    })
  })

  it('by Drizzle', async () => {
    const { drizzleTransactions, setPrice } = await import(DRIZZLE)
    await proves({ log: postgresLog({ pool, ...drizzleTransactions(pool) }), setTo: setPrice })
  })
})
