/** Cache-aside on Redis as tutorials show it: GET, JSON.parse, `res.json`; a TTL and nothing else. */
import { Redis } from 'ioredis'
import { settings } from './settings.ts'
import { serveStraightforward } from './straightforward-app.ts'
import { visiblePage } from './visible-page.ts'

const redis = new Redis({ host: '127.0.0.1', port: settings.redisPort })

serveStraightforward(async (user, limit) => {
  const key = `straightforward:${user}:${limit}`
  const cached = await redis.get(key)
  if (cached !== null) return JSON.parse(cached)
  const page = await visiblePage(user, limit)
  await redis.set(key, JSON.stringify(page), 'PX', 900_000)
  return page
})
