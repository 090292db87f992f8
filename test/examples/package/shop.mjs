import { PrismaPg } from '@prisma/adapter-pg'
import express from 'express'
import { createCache, defineLayers, defineTag } from 'portcullis-cache'
import { mutating } from 'portcullis-cache/express'
import { postgresLog, sql } from 'portcullis-cache/postgres'
import { singleRedis } from 'portcullis-cache/redis'
import { PrismaClient } from './client/index.js'

const prisma = new PrismaClient({ adapter: new PrismaPg(process.env.DATABASE_URL) })
const cache = createCache({
  layers: defineLayers({ prices: { key: (group) => `prices:{${group}}`, ttl: { minutes: 15 } } }),
  redis: singleRedis({ url: process.env.REDIS_URL, prefix: 'shop:' }),
  log: postgresLog({ url: process.env.DATABASE_URL, transaction: (work) => prisma.$transaction(work) }),
  secret: process.env.CACHE_SECRET,
})
const select = (group) => sql`SELECT article, cents FROM prices WHERE customer_group = ${group} ORDER BY article`
const prices = cache.reader('prices', select, { tags: defineTag('g') })
const stale = ({ params: { group } }) => [cache.entry('prices', group)]
const setPrice = (tx, { params: { group: customerGroup, article }, body: { cents } }) =>
  tx.price.update({ where: { customerGroup_article: { customerGroup, article } }, data: { cents } })

const app = express().use(express.json())
app.get('/prices/:group', async (req, res) =>
  res.json(await prices.after(req.get('Consistency-Token'), req.params.group)),
)
app.put('/prices/:group/:article', mutating(cache, 'setPrice', stale, setPrice))
app.listen(process.env.PORT)
