/** An application's client: asks Sentinel for the master, counts up without end, and remembers when it could not. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Cluster } from './cluster.ts'
import { PASSWORDS } from './secrets.ts'

export interface CountingClient {
  /** Highest number that was accepted. */
  readonly accepted: number
  /** Longest time between two accepted writes so far, in milliseconds. */
  readonly longestStallMs: number
  /** Times the connection parked in the state `end`, from which nothing returns by itself. */
  readonly ended: number
  forget(): void
  stop(): Promise<void>
}

const KEY = 'portcullis:drill:count'

export function createCountingClient(cluster: Cluster): CountingClient {
  const names = cluster.names('client')
  const natMap = Object.fromEntries(
    Object.entries(names).flatMap(([name, host]) => [6379, 26379].map((port) => [`${name}:${port}`, { host, port }])),
  )
  const redis = new Redis({
    sentinels: Object.values(names).map((host) => ({ host, port: 26379 })),
    name: 'mymaster',
    natMap,
    username: 'app',
    password: PASSWORDS.app,
    sentinelUsername: 'app',
    sentinelPassword: PASSWORDS.app,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 100,
    connectTimeout: 1000,
    socketTimeout: 2000,
    disconnectTimeout: 200,
    failoverDetector: true,
    sentinelCommandTimeout: 200,
    sentinelRetryStrategy: (attempt) => Math.min(attempt * 50, 500),
    sentinelReconnectStrategy: () => 1000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 500),
    reconnectOnError: (error) => /READONLY|UNBLOCKED|LOADING/.test(error.message),
  })
  let accepted = 0
  let longestStallMs = 0
  let lastAcceptedAt = performance.now()
  let ended = 0
  let running = true
  redis.on('error', () => {})
  redis.on('end', () => {
    if (!running) return
    ended++
    setTimeout(() => running && redis.connect().catch(() => {}), 100)
  })

  const loop = (async () => {
    while (running) {
      const value = await redis.incr(KEY).catch(() => undefined)
      if (value !== undefined) {
        const now = performance.now()
        longestStallMs = Math.max(longestStallMs, now - lastAcceptedAt)
        lastAcceptedAt = now
        accepted = Math.max(accepted, value)
      }
      await sleep(10)
    }
  })()

  return {
    get accepted() {
      return accepted
    },
    get longestStallMs() {
      return Math.round(Math.max(longestStallMs, performance.now() - lastAcceptedAt))
    },
    get ended() {
      return ended
    },
    forget() {
      longestStallMs = 0
      lastAcceptedAt = performance.now()
    },
    async stop() {
      running = false
      await loop
      redis.disconnect()
    },
  }
}
