/** Everything a drill runs on: the local stack on ports of its own, a fault proxy on each way to Redis, three instances. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { findFreeBase, portsFrom } from '../../src/local/ports.ts'
import { REDIS_NAMES, type RedisName, SENTINEL_NAMES } from '../../src/local/redis-names.ts'
import { askRedis, replicationOf, sentinelView } from '../../src/local/redis-questions.ts'
import { type LocalStack, startStack } from '../../src/local/stack.ts'
import { createTokenIssuer, type TokenIssuer } from '../../src/local/token-issuer.ts'
import { createFleet, type Fleet } from './fleet.ts'
import { type ProxyMode, portRewriter, startProxy, type TcpProxy } from './proxy.ts'
import type { Random } from './random.ts'
import { repairReplication } from './replication.ts'
import { SERVICE } from './service.ts'
import type { Subject } from './subject.ts'

const INSTANCES = 3
const toolsDir = fileURLToPath(new URL('../../.portcullis/tools', import.meta.url))
const ISSUER = 'https://drill.portcullis.local'
const AUDIENCE = 'portcullis'

export interface Environment {
  readonly stack: LocalStack
  readonly fleet: Fleet
  readonly subject: Subject
  readonly issuer: TokenIssuer
  /** What one instance meets on its way to Redis servers; all of them, or one by its place in the list. */
  redisProxies(instance: number, mode: ProxyMode): void
  sentinelProxies(instance: number, mode: ProxyMode): void
  /** One command to a Redis server itself, past the proxies. */
  ask(server: RedisName, command: string, ...args: string[]): Promise<unknown>
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** A connection of its own, for transactions that stay open. */
  session(): Promise<pg.Client>
  /** Resolves when every transaction that is in progress now has ended. */
  transactionsEnded(): Promise<void>
  /** Everything runs, nothing is in between, the cluster is healthy. */
  restore(): Promise<void>
  close(): Promise<void>
}

/** @param portBase the first of 50 ports; found where absent */
export async function createEnvironment(options: {
  readonly portBase?: number
  readonly random: Random
  readonly subject?: Subject
  /** Servers of PostgreSQL other than the one of the stack. */
  readonly postgres?: { readonly url: string; primaryUrl(): string }
  readonly log: (message: string) => void
}): Promise<Environment> {
  const { random, log, subject = SERVICE } = options
  const base = options.portBase ?? (await findFreeBase({ count: 50, from: 20_000, to: 31_000 }))
  const dataDir = mkdtempSync(path.join(tmpdir(), 'portcullis-drill-'))
  const stack = await startStack({
    dataDir,
    toolsDir,
    ports: portsFrom(base),
    portRemedy: 'Run the drill with another first port: npm run drill -- --port 24000',
    // Acknowledged commits must survive the restart of PostgreSQL, or the judge would hold the cache to a lost state.
    durability: 'disk',
    removeDataDir: 'after-crash',
    log,
    onUnexpectedExit: (name, exit) => log(`${name} ended by itself: ${JSON.stringify(exit)}`),
  })
  await allowPreparedTransactions(stack)
  const postgres = options.postgres ?? { url: stack.databaseUrl, primaryUrl: () => stack.databaseUrl }
  await subject.prepare(postgres.primaryUrl())
  const pools = createPools()
  const ways = await Promise.all(
    Array.from({ length: INSTANCES }, (_, instance) => wayToRedis(stack, base, instance, random)),
  )
  const issuer = await createTokenIssuer({ keysDir: path.join(dataDir, 'keys'), issuer: ISSUER, audience: AUDIENCE })
  const fleet = createFleet({
    stack,
    ports: Array.from({ length: INSTANCES }, (_, instance) => base + 7 + instance),
    sentinels: ways.map(({ sentinels }) => sentinels),
    subject,
    env: {
      ...process.env,
      NODE_ENV: 'development',
      LOG_LEVEL: 'warn',
      DATABASE_URL: postgres.url,
      REDIS_MASTER_NAME: stack.masterName,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
      CURSOR_SECRET: 'q8Zk3vJr1Wm5Xs7Ty9Bd2Fg4Hj6Lp0Nc',
      ...subject.env(postgres.url),
    },
  })

  const ask: Environment['ask'] = (server, command, ...args) =>
    askRedis(stack.ports.redis[REDIS_NAMES.indexOf(server)] ?? 0, command, args, 5000)
  const sql: Environment['sql'] = async (text, values = []) =>
    (await pools.of(postgres.primaryUrl()).query(text, [...values])).rows

  /** What each server says of itself and each Sentinel of the master, for the case that they do not agree. */
  async function describeCluster(): Promise<unknown> {
    const silent = () => null
    const servers = stack.ports.redis.map((port) => replicationOf(port).catch(silent))
    const sentinels = stack.ports.sentinels.map((port) => sentinelView(port, stack.masterName).catch(silent))
    return { servers: await Promise.all(servers), sentinels: await Promise.all(sentinels) }
  }

  return {
    stack,
    fleet,
    subject,
    issuer,
    redisProxies(instance, mode) {
      for (const proxy of ways[instance]?.redis ?? []) proxy.set(mode)
    },
    sentinelProxies(instance, mode) {
      for (const proxy of ways[instance]?.sentinel ?? []) proxy.set(mode)
    },
    ask,
    sql,
    session: () => connectedTo(postgres.primaryUrl()),
    async transactionsEnded() {
      for (let horizon: string | null = null; ; await sleep(10)) {
        try {
          horizon ??= String((await sql('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS x'))[0]?.x)
          const [row] = await sql('SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 AS ended', [horizon])
          if (row?.ended === true) return
        } catch {
          // The database is away as well; what it had in progress is over when it is back.
        }
      }
    },
    async restore() {
      for (const way of ways) for (const proxy of [...way.redis, ...way.sentinel]) proxy.set({ kind: 'pass' })
      const alive = new Set(stack.state().processes.map(({ name }) => name))
      for (const name of [...REDIS_NAMES, ...SENTINEL_NAMES, 'postgres' as const])
        if (alive.has(name)) stack.resume(name)
      if (!alive.has('postgres')) await stack.restart('postgres')
      if (REDIS_NAMES.every((name) => !alive.has(name))) await stack.startAllRedis()
      else for (const name of [...SENTINEL_NAMES, ...REDIS_NAMES]) if (!alive.has(name)) await stack.restart(name)
      for (const name of REDIS_NAMES) await repairReplication({ ask }, name)
      await Promise.all(fleet.ports.map((_, instance) => fleet.start(instance)))
      await stack.waitForHealthyRedis(60_000).catch(async (error: unknown) => {
        throw new Error(`the cluster does not recover: ${JSON.stringify(await describeCluster())}`, { cause: error })
      })
    },
    async close() {
      await fleet.close()
      for (const way of ways) for (const proxy of [...way.redis, ...way.sentinel]) await proxy.close()
      await pools.close()
      await stack.stop()
      if (stack.postgresHome) rmSync(stack.postgresHome, { recursive: true, force: true })
      subject.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Of connections to each server that is asked. */
function createPools() {
  const pools = new Map<string, pg.Pool>()
  return {
    of(connectionString: string): pg.Pool {
      const known = pools.get(connectionString)
      if (known) return known
      const settings = { max: 4, connectionTimeoutMillis: 2000, application_name: 'drill' }
      const pool = new pg.Pool({ connectionString, ...settings })
      pool.on('error', () => {})
      pools.set(connectionString, pool)
      return pool
    },
    async close(): Promise<void> {
      for (const pool of pools.values()) await pool.end()
    },
  }
}

async function connectedTo(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'drill' })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** One fault leaves one behind; PostgreSQL refuses them unless it was started with room for some. */
async function allowPreparedTransactions(stack: LocalStack): Promise<void> {
  const client = await connectedTo(stack.databaseUrl)
  await client.query('ALTER SYSTEM SET max_prepared_transactions = 8')
  await client.end()
  await stack.kill('postgres')
  await stack.restart('postgres')
}

/** Each instance has proxies of its own in front of every Redis server and Sentinel, so that faults can hit one alone. */
async function wayToRedis(stack: LocalStack, base: number, instance: number, random: Random) {
  const first = base + 10 + 10 * instance
  const proxyOf = new Map(stack.ports.redis.map((port, index) => [port, first + index]))
  const rewrite = portRewriter(proxyOf)
  const redis: TcpProxy[] = []
  const sentinel: TcpProxy[] = []
  for (const [targetPort, port] of proxyOf) redis.push(await startProxy({ port, targetPort, random }))
  for (const [index, targetPort] of stack.ports.sentinels.entries())
    sentinel.push(await startProxy({ port: first + 3 + index, targetPort, random, rewrite }))
  const sentinels = stack.ports.sentinels.map((_, index) => `127.0.0.1:${first + 3 + index}`).join(',')
  return { redis, sentinel, sentinels }
}
