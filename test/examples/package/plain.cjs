const http = require('node:http')
const { Pool } = require('pg')
const { createCache, defineLayers, defineTag } = require('portcullis-cache')
const { postgresLog, sql } = require('portcullis-cache/postgres')
const { singleRedis } = require('portcullis-cache/redis')

const pool = new Pool({ connectionString: process.env.DATABASE_URL })
const cache = createCache({
  layers: defineLayers({ prices: { key: (group) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
  redis: singleRedis({ url: process.env.REDIS_URL, prefix: 'plain:' }),
  log: postgresLog({ pool }),
  secret: process.env.CACHE_SECRET,
})
const select = (group) => sql`SELECT article, cents FROM prices WHERE customer_group = ${group} ORDER BY article`
const prices = cache.reader('prices', select, { tags: defineTag('g') })

/** GET /prices/<group>; PUT /prices/<group>/<article>?cents=<number> */
async function answer(req, res) {
  const { pathname, searchParams } = new URL(req.url, 'http://localhost')
  const [, , group, article] = pathname.split('/').map(decodeURIComponent)
  if (req.method === 'GET') {
    const rows = await prices.after(req.headers['consistency-token'], group)
    return res.setHeader('Content-Type', 'application/json').end(JSON.stringify(rows))
  }
  const { token } = await cache.mutate('setPrice', [cache.entry('prices', group)], (tx) =>
    tx.query('UPDATE prices SET cents = $3 WHERE customer_group = $1 AND article = $2', [
      group,
      article,
      Number(searchParams.get('cents')),
    ]),
  )
  res.setHeader('Consistency-Token', token).writeHead(204).end()
}

http
  .createServer((req, res) => answer(req, res).catch((error) => res.writeHead(500).end(error.message)))
  .listen(process.env.PORT)
