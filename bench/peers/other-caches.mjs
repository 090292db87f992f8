/** What the package's README shows the way from, over one Redis. */
import { createKeyv } from '@keyv/redis'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisDriver } from 'bentocache/drivers/redis'
import { createCache } from 'cache-manager'

/** @param {string} url @param {number} port */
export function otherCaches(url, port) {
  const manager = createCache({ stores: [createKeyv(url)] })
  const layers = bentostore()
    .useL1Layer(memoryDriver())
    .useL2Layer(redisDriver({ connection: { host: '127.0.0.1', port } }))
  const bento = new BentoCache({ default: 'prices', stores: { prices: layers } })
  const close = () => Promise.all([manager.disconnect(), bento.disconnectAll()])
  return { manager, bento, close }
}
