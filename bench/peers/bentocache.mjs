/** bentocache with both of its tiers, in the middleware of the straightforward version. */
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { settings } from './settings.ts'
import { serveStraightforward } from './straightforward-app.ts'
import { visiblePage } from './visible-page.ts'

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

serveStraightforward((user, limit) =>
  bento.getOrSet({ key: `${user}:${limit}`, ttl: '15m', factory: () => visiblePage(user, limit) }),
)
