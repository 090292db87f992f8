/** The package, whose reads say in a header how they were answered. */
import { createCache as createReal } from '../../../src/package/index.ts'
import { say } from './cache-status.ts'

export * from '../../../src/package/index.ts'

export const createCache: typeof createReal = (options) =>
  createReal({
    ...options,
    events: {
      hit: (_layer, from) => say(from === 'master' ? 'shop; hit' : 'shop; hit; detail=redis-away'),
      miss: () => say('shop; fwd=miss'),
    },
  })
