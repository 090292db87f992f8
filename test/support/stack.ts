/** What an integration test may do with the servers around it: databases of its own, and faults. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import type { RedisName } from '../../src/local/redis-names.ts'
import { askRedis } from '../../src/local/redis-questions.ts'
import type { ServerName, Target } from '../../src/local/stack.ts'
import type { StackState } from '../../src/local/stack-state.ts'
import { commandStack, type StackAddresses, type StackCommand } from './stack-control.ts'

const command = <T>(name: StackCommand, argument?: unknown) =>
  commandStack<T>(inject('stackControlUrl'), name, argument)

/** Where this worker's stack is. */
export const { databaseUrl: templateUrl, sentinels, masterName } = await command<StackAddresses>('addresses')

/** Processes and ports as they are now. */
export const stackState = () => command<StackState>('state')

/** The Redis server that the Sentinels name as master. */
export const master = () => command<RedisName>('master')

/** SIGKILL; resolves with the name when the process is gone. */
export const kill = (target: Target) => command<ServerName>('kill', target)

/** SIGSTOP: keeps port and connections, answers nothing, until `resume`. */
export const hang = (target: Target) => command<ServerName>('hang', target)

export const resume = (name: ServerName) => command<void>('resume', name)

/** Starts a server that ended; one that is still taken for the master waits until another is promoted. */
export const restart = (name: ServerName) => command<void>('restart', name)

/** Ends the three Redis servers and the three Sentinels; SIGTERM lets them write their snapshot, SIGKILL does not. */
export const stopAllRedis = (how: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => command<void>('stopAllRedis', how)

/** Starts all six again around the last master; resolves when the cluster is healthy. */
export const startAllRedis = () => command<void>('startAllRedis')

/**
 * Three Sentinels agree, both replicas are linked, the next failover may come. What an earlier test left dead or
 * stopped is started again, so that one failure does not become many.
 */
export async function waitForHealthyCluster(timeoutMs = 30_000): Promise<void> {
  await Promise.all(sentinels.map(({ port }) => hurry(port)))
  const healthy = () => command<void>('waitForHealthyRedis', timeoutMs)
  await healthy().catch(async () => {
    await stopAllRedis('SIGKILL')
    await startAllRedis()
    await healthy()
  })
}

/**
 * A Sentinel looks at a replica every 10 s, and lets a former master that comes back be one for four announcements of 2 s
 * each: it knows late that all is well. Those before 7 cannot be told otherwise.
 */
async function hurry(port: number): Promise<void> {
  await askRedis(port, 'SENTINEL', ['DEBUG', 'INFO-PERIOD', '1000', 'PUBLISH-PERIOD', '500']).catch(() => {})
}

export async function portOf(name: ServerName): Promise<number> {
  const { ports } = await stackState()
  if (name === 'postgres') return ports.postgres
  const index = Number(name.at(-1)) - 1
  return (name.startsWith('redis') ? ports.redis : ports.sentinels)[index] as number
}

export async function masterPort(): Promise<number> {
  return portOf(await master())
}

/** The environment that points a service at this stack's Redis. */
export function redisEnvironment(): { REDIS_SENTINELS: string; REDIS_MASTER_NAME: string } {
  const addresses = sentinels.map(({ host, port }) => `${host}:${port}`)
  return { REDIS_SENTINELS: addresses.join(','), REDIS_MASTER_NAME: masterName }
}

/**
 * A database with the current schema and nothing in it, for one test file or one test.
 * @returns its URL
 */
export async function freshDatabase(): Promise<string> {
  // Nobody ever connects to the template database itself, or CREATE DATABASE would refuse to copy it.
  const template = new URL(templateUrl).pathname.slice(1)
  return createDatabase(`TEMPLATE ${template} STRATEGY FILE_COPY`)
}

/**
 * A database without any schema, for what concerns the migrations themselves.
 * @returns its URL
 */
export function emptyDatabase(): Promise<string> {
  return createDatabase('TEMPLATE template0')
}

async function createDatabase(how: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await asAdministrator((client) => client.query(`CREATE DATABASE ${name} ${how}`))
  return withDatabase(new URL(templateUrl), name)
}

/** Ends the sessions on a database from `freshDatabase` and removes it. */
export async function dropDatabase(url: string): Promise<void> {
  await asAdministrator((client) =>
    client.query(`DROP DATABASE IF EXISTS ${new URL(url).pathname.slice(1)} WITH (FORCE)`),
  )
}

function asAdministrator(work: (client: pg.Client) => Promise<unknown>): Promise<unknown> {
  return withClient(withDatabase(new URL(templateUrl), 'postgres'), work)
}

/** The rows of one statement, on a connection of its own. */
export function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return withClient(url, async (client) => (await client.query<Row>(text, [...values])).rows)
}

/** A connection for the duration of the work. */
async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function withDatabase(url: URL, name: string): string {
  const copy = new URL(url)
  copy.pathname = `/${name}`
  return copy.href
}
