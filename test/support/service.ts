/** The composed service in this process: its own database and key prefix on the stack that the test run started. */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { type Composed, compose } from '../../src/composition-root.ts'
import { loadConfig } from '../../src/config.ts'
import type { MutationContext, ResourceQuery } from '../../src/domain/api.ts'
import type { UserId, VisibleResource } from '../../src/domain/model.ts'
import { createLogger, createMetrics, type Logger, type Metrics } from '../../src/telemetry/index.ts'
import { masterPort, redisEnvironment } from './stack.ts'

export { smallOrganisation } from './small-organisation.ts'

export interface Service extends Composed {
  readonly prefix: string
  /** What the cached path answers, all pages. */
  visible(user: string, query?: Partial<ResourceQuery>): Promise<VisibleResource[]>
  /** What PostgreSQL answers, all pages. */
  truth(user: string, query?: Partial<ResourceQuery>): Promise<VisibleResource[]>
}

export const asRoot: MutationContext = { actor: 'root' as UserId }

export interface ServiceOptions {
  readonly databaseUrl: string
  /** Instances of one fleet share it. */
  readonly prefix?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly metrics?: Metrics
  /** Silent where absent. */
  readonly logger?: Logger
}

/**
 * For facts about what is cached, not about faults: on a busy machine a healthy Redis may take longer than a request
 * usually waits for it, and then the answer comes from PostgreSQL and nothing is stored.
 */
export const PATIENT = { REDIS_BUDGET_MS: '2000' } as const

/** One for all, as for the instances of a fleet. */
const SHARED_SECRET = randomBytes(32).toString('hex')

/** Ready to answer; close it before the database is dropped. */
export async function startService({
  databaseUrl,
  prefix = newPrefix(),
  environment,
  metrics = createMetrics(),
  logger = createLogger({ level: 'silent' }),
}: ServiceOptions): Promise<Service> {
  const config = loadConfig({
    NODE_ENV: 'test',
    DATABASE_URL: databaseUrl,
    ...redisEnvironment(),
    CACHE_PREFIX: prefix,
    JWT_ISSUER: 'https://test.invalid',
    JWT_AUDIENCE: 'portcullis',
    JWT_JWKS_URL: 'http://127.0.0.1:2/jwks.json',
    CURSOR_SECRET: SHARED_SECRET,
    ...environment,
  })
  const composed = compose(config, { logger, metrics })
  await composed.started
  const all = async (user: string, query: Partial<ResourceQuery>, bypass: boolean) => {
    const items: VisibleResource[] = []
    let cursor: string | null | undefined
    do {
      const asked: ResourceQuery = { limit: 50, ...query, ...(cursor && { cursor }) }
      const page = await composed.portcullis.reads.visibleResources(user as UserId, asked, { bypass })
      items.push(...(JSON.parse(page.body.toString()) as { data: VisibleResource[] }).data)
      cursor = page.nextCursor
    } while (cursor)
    return items
  }
  return {
    ...composed,
    prefix,
    visible: (user, query = {}) => all(user, query, false),
    truth: (user, query = {}) => all(user, query, true),
  }
}

export const newPrefix = () => `test:${randomBytes(4).toString('hex')}:`

/** How a read of a user comes about: `hit` or `miss`, with `memory` where Redis took no part, or `bypass` with its detail. */
export async function outcomeOf(service: Service, user: string): Promise<string> {
  const { cache } = await service.portcullis.reads.visibleResources(user as UserId, { limit: 50 }, {})
  return cache.kind === 'bypass' || cache.detail === 'memory' ? `${cache.kind} ${cache.detail}` : cache.kind
}

/** Whether Redis took no part in it. */
export const isWithoutRedis = (outcome: string) => outcome.startsWith('bypass') || outcome.endsWith('memory')

/** The names of all entries under a prefix as Redis has them, without it; leases, generations and heartbeats left out. */
export async function entriesInRedis(prefix: string): Promise<string[]> {
  return withMaster(async (redis) => {
    const names: string[] = []
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) names.push(...(keys as string[]))
    return names
      .map((name) => name.slice(prefix.length))
      .filter((name) => /^(resources:|user:groups:)/.test(name) && !/:(lease|parts)$/.test(name))
      .sort()
  })
}

/**
 * The same after every entry that there can be of these users and of the catalogue is there: what the service has not
 * stored, because it did not need to, is put there as text, so that its removal shows.
 */
export async function allEntriesInRedis(prefix: string, users: readonly string[]): Promise<string[]> {
  const buckets = Array.from({ length: 256 }, (_, bucket) => `resources:all:${bucket.toString(16).padStart(2, '0')}`)
  const lists = users.flatMap((user) => [`user:groups:{${user}}`, `resources:{${user}}`])
  const there = new Set(await entriesInRedis(prefix))
  await withMaster(async (redis) => {
    for (const name of ['resources:all', ...buckets, ...lists])
      if (!there.has(name)) await redis.set(prefix + name, 'stands for an entry', 'EX', 60)
  })
  return entriesInRedis(prefix)
}

export async function withMaster<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ port: await masterPort(), host: '127.0.0.1' })
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}
