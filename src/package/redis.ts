/** The door to Redis, by ioredis. */
import type { CacheStore, LayerNames } from '../cache/index.ts'
import { createRedis, type RedisDependencies } from '../redis/index.ts'

/** Options of Redis that cannot work; the message names the remedy. */
export class RedisOptionsError extends Error {
  readonly code = 'redis-options'
}

/** The address of Redis, the credentials, and how long a command may take (`budgetMs`, default 100). */
export interface RedisOptions extends Partial<Omit<RedisDependencies, 'layers' | 'prefix' | 'sink'>> {
  /** The prefix of every key; nothing outside it is read or deleted. Not empty. */
  readonly prefix: string
}

const BUDGET_MS = 100

/**
 * Redis behind Sentinels: `sentinelRedis({ sentinels: [{ host, port }], masterName: 'mymaster', prefix: 'shop:' })`. It
 * follows failovers, and reads a replica while there is no master.
 * @returns what `createCache` takes as `redis`; it connects when the cache is made, and the cache does not wait for it
 * @throws RedisOptionsError without a Sentinel or a prefix
 */
export function sentinelRedis(
  options: RedisOptions & Required<Pick<RedisOptions, 'sentinels'>>,
): (layers: LayerNames) => CacheStore {
  if (!options?.sentinels?.length) throw new RedisOptionsError('sentinels: name one at least, as { host, port }')
  return connecting(options)
}

/**
 * A single Redis: `singleRedis({ url: 'redis://127.0.0.1:6379', prefix: 'shop:' })`.
 * @returns what `createCache` takes as `redis`; it connects when the cache is made, and the cache does not wait for it
 * @throws RedisOptionsError without a prefix, or for a URL of another kind
 */
export function singleRedis(
  options: RedisOptions & Required<Pick<RedisOptions, 'url'>>,
): (layers: LayerNames) => CacheStore {
  if (!/^rediss?:/.test(options?.url ?? '')) throw new RedisOptionsError('url: must begin with redis: or rediss:')
  return connecting(options)
}

function connecting(options: RedisOptions): (layers: LayerNames) => CacheStore {
  if (!options.prefix)
    throw new RedisOptionsError('prefix: choose one, such as "shop:"; other programs may use this Redis')
  return (layers) => createRedis({ budgetMs: BUDGET_MS, ...options, layers })
}
