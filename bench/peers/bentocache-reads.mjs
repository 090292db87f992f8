/** bentocache with both of its tiers, behind the same handler as the package. */
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { serveReads } from './reads-app.ts'
import { settings } from './settings.ts'
import { LIMIT, visiblePage } from './visible-page.ts'

const connection = { host: '127.0.0.1', port: settings.redisPort }
const bento = new BentoCache({
  default: 'pages',
  stores: {
    pages: bentostore()
      .useL1Layer(memoryDriver({ maxSize: '64mb' }))
      .useL2Layer(redisDriver({ connection }))
      .useBus(redisBusDriver({ connection })),
  },
})

serveReads((user) => bento.getOrSet({ key: `reads:${user}`, ttl: '15m', factory: () => visiblePage(user, LIMIT) }))
