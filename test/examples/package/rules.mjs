/** Proves the rules of a shop's own mutations against its database: `node --test rules.mjs`. */
import test, { after } from 'node:test'
import pg from 'pg'
import { createCache, defineLayers, defineTag } from 'portcullis-cache'
import { postgresLog, sql } from 'portcullis-cache/postgres'
import { judged, memoryRedis, probe } from 'portcullis-cache/testing'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const log = postgresLog({ pool })
const unjudged = createCache({
  layers: defineLayers({ prices: { key: (group) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
  redis: memoryRedis(),
  log,
  secret: 'only the tests know this secret, so it may stand here',
})
const select = (group) => sql`SELECT article, cents FROM prices WHERE customer_group = ${group} ORDER BY article`
const prices = unjudged.reader('prices', select, { tags: defineTag('g') })
const probes = () => ['gold', 'silver', 'bronze'].map((group) => probe(prices, group))
const cache = judged(unjudged, { log, probes, triggers: 'installed' })

/** What is proved: in a service it is imported, and gets the judged cache. */
const moveArticle = (article, from, to) =>
  cache.mutate('moveArticle', [cache.entry('prices', from), cache.entry('prices', to)], (tx) =>
    tx.query('UPDATE prices SET customer_group = $3 WHERE article = $1 AND customer_group = $2', [article, from, to]),
  )

test('an article that moves changes both groups', () => moveArticle('tea', 'gold', 'bronze'))
test('and back', () => moveArticle('tea', 'bronze', 'gold'))
after(async () => {
  await unjudged.close()
  await pool.end()
})
