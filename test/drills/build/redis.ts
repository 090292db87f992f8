/** Redis with the store of the build. */
import { createRedis as createReal, type RedisAdapter, type RedisDependencies } from '../../../src/redis/index.ts'
import { builtStore } from './store.ts'

export * from '../../../src/redis/index.ts'

export function createRedis(options: RedisDependencies): RedisAdapter {
  const redis = createReal(options)
  return { ...redis, store: builtStore(redis.store) }
}
