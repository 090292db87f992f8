/** One question on a connection of its own, past name tables and partitions: what the observer of a drill sees. */
import { Redis, type RedisOptions } from 'ioredis'
import { PASSWORDS } from './secrets.ts'

const ONE_SHOT = {
  lazyConnect: true,
  connectTimeout: 500,
  commandTimeout: 1500,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  enableReadyCheck: false,
  enableOfflineQueue: false,
} satisfies RedisOptions

interface Server {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
}

async function withClient<T>(server: Server, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ ...ONE_SHOT, ...server })
  client.on('error', () => {})
  try {
    await client.connect()
    return await use(client)
  } finally {
    client.disconnect()
  }
}

const ask = (server: Server, words: readonly string[]): Promise<unknown> =>
  withClient(server, (client) => client.call(...(words as [string, ...string[]])))

const redisAt = (host: string): Server => ({ host, port: 6379, username: 'operator', password: PASSWORDS.operator })

/** @throws when the server is away, hangs, or refuses the command */
export const askRedis = (host: string, ...words: string[]): Promise<unknown> => ask(redisAt(host), words)

/** @returns how many replicas confirmed the write within a second */
export const setAndWait = (host: string, write: { key: string; value: string; replicas: number }): Promise<number> =>
  withClient(redisAt(host), async (client) => {
    await client.set(write.key, write.value)
    return client.wait(write.replicas, 1000)
  })

/** @throws as askRedis does */
export const askSentinel = (host: string, ...words: string[]): Promise<unknown> =>
  ask({ host, port: 26379, username: 'default', password: PASSWORDS['sentinel-requirepass'] }, words)

/** The fields of an INFO section; undefined when the server does not answer. */
export async function info(host: string): Promise<Record<string, string> | undefined> {
  const text = await askRedis(host, 'INFO').catch(() => undefined)
  if (typeof text !== 'string') return undefined
  return Object.fromEntries(
    text.split('\r\n').flatMap((line) => (line.includes(':') ? [line.split(/:(.*)/s).slice(0, 2)] : [])),
  )
}

/** A master accepts writes only while a replica has acknowledged within min-replicas-max-lag. */
export const writable = (state: Record<string, string> | undefined): boolean =>
  state?.role === 'master' && Number(state.min_slaves_good_slaves ?? 0) >= 1

export interface Opinion {
  readonly master: string
  readonly epoch: number
  readonly replicas: number
  readonly otherSentinels: number
}

/** What a Sentinel holds true; undefined when it is away or monitors nothing. */
export async function monitored(host: string): Promise<Opinion | undefined> {
  const reply = await askSentinel(host, 'SENTINEL', 'MASTER', 'mymaster').catch(() => undefined)
  if (!Array.isArray(reply)) return undefined
  const fields = new Map<string, string>()
  for (let i = 0; i + 1 < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]))
  const number = (name: string): number => Number(fields.get(name))
  return {
    master: fields.get('ip') ?? '',
    epoch: number('config-epoch'),
    replicas: number('num-slaves'),
    otherSentinels: number('num-other-sentinels'),
  }
}
