/** The processes of the local Redis, by their names and their ports. */
import type { StackPorts } from './ports.ts'

export type RedisName = `redis-${1 | 2 | 3}`
export type SentinelName = `sentinel-${1 | 2 | 3}`

export const REDIS_NAMES = ['redis-1', 'redis-2', 'redis-3'] as const satisfies RedisName[]
export const SENTINEL_NAMES = ['sentinel-1', 'sentinel-2', 'sentinel-3'] as const satisfies SentinelName[]

export type RedisPorts = Pick<StackPorts, 'redis' | 'sentinels'>

export function isSentinel(name: RedisName | SentinelName): name is SentinelName {
  return name.startsWith('sentinel')
}

export function portOf(name: RedisName | SentinelName, { redis, sentinels }: RedisPorts): number {
  const port = isSentinel(name) ? sentinels[SENTINEL_NAMES.indexOf(name)] : redis[REDIS_NAMES.indexOf(name)]
  if (port === undefined) throw new RangeError(`${name} has no port`)
  return port
}

/** Null for a port that none of the three servers has. */
export function redisAt(port: number, { redis }: RedisPorts): RedisName | null {
  return REDIS_NAMES[redis.indexOf(port)] ?? null
}
