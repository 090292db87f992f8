/** cache-manager over memory and Redis, in the middleware of the straightforward version. */
import { createKeyv } from '@keyv/redis'
import { createCache } from 'cache-manager'
import { Keyv } from 'keyv'
import { settings } from './settings.ts'
import { serveStraightforward } from './straightforward-app.ts'
import { visiblePage } from './visible-page.ts'

const cache = createCache({ stores: [new Keyv(), createKeyv(`redis://127.0.0.1:${settings.redisPort}`)], ttl: 900_000 })

serveStraightforward((user, limit) => cache.wrap(`${user}:${limit}`, () => visiblePage(user, limit)))
