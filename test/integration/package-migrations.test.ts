/** The ways from other caches that the package's README shows, run as they stand there: before and after, on real servers. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { ensurePeerPackages } from '../../bench/peer-packages.ts'
import { createCache, defineLayers, defineTag } from '../../src/cache/index.ts'
import { postgresLog, sql } from '../../src/package/postgres.ts'
import { singleRedis } from '../../src/package/redis.ts'
import { type PricedDatabase, pricedDatabase } from '../support/priced-database.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'

type Price = readonly { readonly cents: number }[]
type Read = (group: string) => Promise<Price>

const readme = readFileSync(new URL('../../docs/package.md', import.meta.url), 'utf8')
const OTHER_CACHES = new URL('../../bench/peers/other-caches.mjs', import.meta.url).href

let database: PricedDatabase
let redis: RedisServer

beforeAll(() => ensurePeerPackages(console.info), 120_000)
beforeEach(async () => {
  redis = await startRedisServer()
  database = await pricedDatabase()
})
afterEach(async () => {
  await database.close()
  await redis.close()
})

/** The two halves of the block under a heading; each leaves its reader. */
function halvesOf(heading: string): { before: string; after: string } {
  const block = readme.slice(readme.indexOf(heading)).split('```')[1]?.replace(/^js\n/, '') ?? ''
  const [before = '', after = ''] = block.split('// after\n')
  return { before, after }
}

function running(text: string, reader: string, named: Readonly<Record<string, unknown>>): Promise<Read> {
  const AsyncFunction = (async () => {}).constructor as new (
    ...text: string[]
  ) => (...given: unknown[]) => Promise<Read>
  return new AsyncFunction(...Object.keys(named), `${text}\nreturn ${reader}`)(...Object.values(named))
}

it.each(['**cache-manager.**', '**bentocache.**', '**`redis.del` by hand.**'])('leads from %s', async (heading) => {
  const { otherCaches } = await import(OTHER_CACHES)
  const others = otherCaches(redis.url, redis.port)
  database.closing.push(others.close)
  const cache = createCache({
    layers: defineLayers({ prices: { key: (group: string) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
    redis: singleRedis({ url: redis.url, prefix: 'new:' }),
    log: postgresLog({ pool: database.pool }),
    secret: randomBytes(32).toString('hex'),
  })
  database.closing.push(() => cache.close())
  await cache.ready
  const { before, after } = halvesOf(heading)
  let loads = 0
  const priceOf: Read = async (group) => {
    loads++
    return (await database.pool.query('SELECT cents FROM prices WHERE customer_group = $1', [group])).rows
  }
  const updatePrice = (group: string, cents: number) =>
    database.pool.query('UPDATE prices SET cents = $2 WHERE customer_group = $1', [group, cents])

  const old = await running(before, 'before', { ...others, redis: redis.admin, priceOf, updatePrice })
  expect([await old('gold'), await old('gold')]).toEqual([[{ cents: 200 }], [{ cents: 200 }]])
  expect(loads).toBe(1)

  const prices = await running(after, 'prices', { cache, sql, defineTag })
  expect([await prices('gold'), await prices('gold')]).toEqual([[{ cents: 300 }], [{ cents: 300 }]])
  expect(await redis.admin.exists('new:prices:{gold}')).toBe(1)
  // The old one goes on answering what it has.
  expect(await old('gold')).toEqual([{ cents: 200 }])
})
