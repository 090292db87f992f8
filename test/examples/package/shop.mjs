import express from 'express'
import pg from 'pg'
import { createCache, defineLayers, defineTag } from 'portcullis-cache'
import { mutating } from 'portcullis-cache/express'
import { postgresLog, sql } from 'portcullis-cache/postgres'
import { singleRedis } from 'portcullis-cache/redis'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const cache = createCache({
  layers: defineLayers({ prices: { key: (group) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
  redis: singleRedis({ url: process.env.REDIS_URL, prefix: 'shop:' }),
  log: postgresLog({ pool }),
  secret: process.env.CACHE_SECRET,
})
const select = (group) => sql`SELECT article, cents FROM prices WHERE customer_group = ${group} ORDER BY article`
const prices = cache.reader('prices', select, { tags: defineTag('g') })

const stale = (req) => [cache.entry('prices', req.params.group)]
const setPrice = mutating(cache, 'setPrice', stale, async (tx, { params: { group, article }, body: { cents } }) => {
  await tx.query('UPDATE prices SET cents = $1 WHERE customer_group = $2 AND article = $3', [cents, group, article])
})

const app = express().use(express.json())
app.get('/prices/:group', async (req, res) => {
  res.json(await prices.after(req.get('Consistency-Token'), req.params.group))
})
app.put('/prices/:group/:article', setPrice)
app.listen(process.env.PORT)
