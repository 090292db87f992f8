import express from 'express'
import pg from 'pg'
import { createCache, defineLayers, defineTag } from 'portcullis-cache'
import { mutating } from 'portcullis-cache/express'
import { postgresLog, sql } from 'portcullis-cache/postgres'
import { sentinelRedis } from 'portcullis-cache/redis'
import { memoryRedis } from 'portcullis-cache/testing'

const pool = new pg.Pool()
const cache = createCache({
  layers: defineLayers({ prices: { key: (group: string) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
  redis: sentinelRedis({ sentinels: [{ host: 'a', port: 1 }], prefix: 'shop:' }),
  log: postgresLog({ pool }),
  secret: 'x',
})
interface Price {
  cents: number
}
const prices = cache.reader('prices', (g) => sql<Price>`SELECT cents FROM prices WHERE g = ${g}`, {
  tags: defineTag('g'),
})
const rows: readonly { readonly cents: number }[] = await prices('gold')
// @ts-expect-error a layer that is not declared
cache.entry('shelves', 'gold')
// @ts-expect-error a part of another type
await prices(7)
// @ts-expect-error ttl is needed
defineLayers({ a: { key: () => 'a' } })
const app = express()
app.put(
  '/prices/:group',
  mutating(
    cache,
    'set',
    (req) => [cache.entry('prices', String(req.params.group))],
    async (tx) => {
      await tx.query('x')
    },
  ),
)

export { memoryRedis, rows }
