/** The cache as a package: stamps, trust, leases and single flight, as it comes. */
import pg from 'pg'
import { createCache, defineLayers } from '../../src/package/index.ts'
import { postgresLog, type Sql } from '../../src/package/postgres.ts'
import { singleRedis } from '../../src/package/redis.ts'
import { VISIBLE_PAGE } from '../../src/postgres/visibility.ts'
import { serveReads } from './reads-app.ts'
import { settings } from './settings.ts'
import { LIMIT } from './visible-page.ts'

const cache = createCache({
  layers: defineLayers({ pages: { key: (user: string) => `pages:{${user}}`, ttl: { minutes: 15 } } }),
  redis: singleRedis({ url: `redis://127.0.0.1:${settings.redisPort}`, prefix: 'bench-package:' }),
  log: postgresLog({ pool: new pg.Pool({ connectionString: settings.databaseUrl }), schema: settings.packageSchema }),
  secret: 'a secret that only benchmarks know, 32 bytes or more',
})

const page = cache.reader(
  'pages',
  (user): Sql => ({ text: VISIBLE_PAGE.text, values: [user, LIMIT, null, null, null, null, null] }),
  { map: (data) => ({ data, nextCursor: null }) },
)

await cache.ready
serveReads(page)
