/** Counts per key and minute over all instances. While Redis is away, each instance counts for itself. */
import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { GarbledReplyError } from './failure.ts'
import type { Guard } from './guard.ts'

export interface WindowOptions {
  /** Part of the key in Redis. */
  readonly name: string
  /** How many are allowed in a window. */
  readonly limit: number
  readonly windowSeconds: number
}

export interface Consumed {
  readonly allowed: boolean
  readonly remaining: number
  /** Until the window ends. */
  readonly resetMs: number
}

export interface WindowCounter {
  consume(key: string): Promise<Consumed>
}

interface SharedCounterOptions extends WindowOptions {
  readonly redis: Redis
  readonly guard: Guard
  readonly prefix: string
}

export function createSharedCounter({
  redis,
  guard,
  prefix,
  name,
  limit,
  windowSeconds,
}: SharedCounterOptions): WindowCounter {
  const limiter = new RateLimiterRedis({
    storeClient: guardedClient(redis, guard),
    keyPrefix: `${prefix}rate:${name}`,
    points: limit,
    duration: windowSeconds,
    insuranceLimiter: new RateLimiterMemory({ points: limit, duration: windowSeconds }),
  })
  return {
    async consume(key) {
      // Braces as everywhere: one subject's keys share a slot, and no subject looks like part of a name.
      const result = await limiter.consume(`{${encodeURIComponent(key)}}`).catch((refused: unknown) => refused)
      if (!(result instanceof RateLimiterRes)) throw result
      const { consumedPoints, remainingPoints, msBeforeNext } = result
      return { allowed: consumedPoints <= limit, remaining: remainingPoints, resetMs: Math.max(0, msBeforeNext) }
    },
  }
}

type Increment = (keyAndArguments: readonly string[]) => Promise<unknown>

/** The one command that the limiter sends, through the guard: in its budget, and not at all while the breaker is open. */
function guardedClient(redis: Redis, guard: Guard) {
  return {
    defineCommand: (name: string, definition: { lua: string; numberOfKeys?: number }) =>
      redis.defineCommand(name, definition),
    rlflxIncr: (keyAndArguments: readonly string[]) =>
      guard.run('count', async () => {
        const reply = await (redis as unknown as { rlflxIncr: Increment }).rlflxIncr(keyAndArguments)
        if (Array.isArray(reply) && reply.length === 2 && reply.every(Number.isSafeInteger)) return reply
        throw new GarbledReplyError()
      }),
  }
}
