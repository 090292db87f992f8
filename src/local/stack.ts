/** The whole outside world of the service on loopback: PostgreSQL, three Redis servers, three Sentinels. */
import { chmodSync, mkdirSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { applyMigrations, MigrationError } from '../postgres/migrate.ts'
import { createGuardedProcesses, type Exit, type GuardedProcess, type ProcessToStart } from './guarded-processes.ts'
import { assertPortsFree, type NeededPort, type StackPorts } from './ports.ts'
import { createPostgresServer, type PostgresServer } from './postgres-server.ts'
import { childrenOf } from './process-children.ts'
import { findRedis } from './redis-binary.ts'
import { createRedisCluster, type RedisCluster } from './redis-cluster.ts'
import { REDIS_NAMES, type RedisName, SENTINEL_NAMES, type SentinelName } from './redis-names.ts'
import { lockDataFolder } from './stack-lock.ts'
import { endLeftovers, type ProcessState, removeState, type StackState, writeState } from './stack-state.ts'

export type ServerName = 'postgres' | RedisName | SentinelName
/** A server by name, or whichever Redis server the Sentinels name as master now. */
export type Target = ServerName | 'master'

const SERVER_NAMES = ['postgres', ...REDIS_NAMES, ...SENTINEL_NAMES] as const satisfies ServerName[]

export interface StackOptions {
  /** Created when absent; kept when the stack stops. */
  readonly dataDir: string
  /** Where a Redis server may be unpacked that this user cannot install; shared by all stacks of a checkout. */
  readonly toolsDir: string
  readonly ports: StackPorts
  /** How a taken port is to be avoided, for the message. */
  readonly portRemedy: string
  /** Ports that the caller will need after the stack's own. */
  readonly furtherPorts?: readonly NeededPort[]
  readonly durability: 'disk' | 'memory'
  readonly masterName?: string
  /** An existing database: no PostgreSQL is started. */
  readonly databaseUrl?: string | undefined
  /** `external`: Redis is somewhere else, none is started. */
  readonly redis?: 'own' | 'external'
  /** `recreate`: data of former starts is deleted. */
  readonly database?: 'keep' | 'recreate'
  /** Whether the stack starts without Redis servers that do not answer; the missing ones are logged. */
  readonly absentRedis?: 'fails' | 'is-logged'
  /** What tokens must say, for the commands that are started beside the stack. */
  readonly tokens?: StackState['tokens']
  /** `after-crash`: the folder is removed should this process be killed. */
  readonly removeDataDir?: 'never' | 'after-crash'
  readonly log: (message: string) => void
  /** A server ended without being told to by this process. */
  readonly onUnexpectedExit?: (name: ServerName, exit: Exit) => void
}

/** The message of a socket does not say whose idea its address was. */
class OutsideError extends Error {
  readonly code = 'outside-database'
  constructor(cause: Error) {
    super(`the database that DATABASE_URL names cannot be used: ${cause.message}`, { cause })
  }
}

export interface LocalStack {
  readonly databaseUrl: string
  readonly masterName: string
  /** Empty when Redis is external. */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  readonly ports: StackPorts
  readonly dataDir: string
  readonly logDir: string
  /** Where PostgreSQL keeps its data; null when it is external. */
  readonly postgresHome: string | null
  /** Starts a process that belongs to the stack: it never outlives this one. Its starter stops it. */
  run(what: ProcessToStart & { readonly url?: string }): GuardedProcess
  state(): StackState
  master(): Promise<RedisName>
  kill(target: Target): Promise<ServerName>
  /** SIGSTOP: the process keeps its port and its connections and answers nothing. */
  hang(target: Target): Promise<ServerName>
  resume(name: ServerName): void
  restart(name: ServerName): Promise<void>
  stopAllRedis(how?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  startAllRedis(): Promise<void>
  waitForHealthyRedis(timeoutMs?: number): Promise<void>
  /** Sentinels, then Redis, then PostgreSQL. */
  stop(): Promise<void>
}

/**
 * Starts what is missing and brings the database to this version's schema.
 * @throws StackRunningError, PortTakenError, NoRedisError, each with a message for the person who started it
 */
export async function startStack(options: StackOptions): Promise<LocalStack> {
  const dataDir = createFolder(options.dataDir)
  const lock = lockDataFolder(dataDir)
  const logDir = path.join(dataDir, 'logs')
  mkdirSync(logDir, { recursive: true })
  const processes = createGuardedProcesses()
  if (options.removeDataDir === 'after-crash') processes.removeAfterCrash(dataDir)
  const expected = new Set<ServerName>()
  const companions = new Map<GuardedProcess, string | undefined>()
  const { ports, log, masterName = 'mymaster' } = options
  let postgres: PostgresServer | null = null
  let redis: RedisCluster | null = null
  let stopping: Promise<void> | null = null

  const serverOf = (name: ServerName): GuardedProcess | undefined =>
    name === 'postgres' ? postgres?.process() : redis?.process(name)
  const state = (): StackState => ({
    pid: process.pid,
    masterName,
    ports,
    databaseUrl: options.databaseUrl ?? postgres?.databaseUrl ?? null,
    ...(options.tokens && { tokens: options.tokens }),
    processes: [...SERVER_NAMES.map(serverOf), ...companions.keys()].flatMap((running): ProcessState[] => {
      if (!running?.isRunning()) return []
      const url = companions.get(running)
      return [{ name: running.name, ...running.identity, ...(url === undefined ? {} : { url }) }]
    }),
  })
  const record = () => writeState(dataDir, state())
  const onExit = (name: ServerName, exit: Exit) => {
    if (!stopping) record()
    if (!stopping && !expected.delete(name)) options.onUnexpectedExit?.(name, exit)
  }

  async function stop(): Promise<void> {
    stopping ??= (async () => {
      await redis?.stopAll('SIGTERM')
      await postgres?.stop()
      await processes.close()
      removeState(dataDir)
      lock.release()
    })()
    await stopping
  }

  const ownRedis = (): RedisCluster => {
    if (!redis) throw new Error('Redis is not run by this stack (REDIS_SENTINELS or REDIS_URL is set)')
    return redis
  }
  const resolveTarget = async (target: Target): Promise<ServerName> =>
    target === 'master' ? ownRedis().master() : target
  const runningServer = (name: ServerName): GuardedProcess => {
    const server = serverOf(name)
    if (!server?.isRunning()) throw new Error(`${name} is not running`)
    return server
  }

  try {
    if (options.databaseUrl === undefined) ignoreOthersPostgres(process.env, log)
    await endLeftovers(dataDir, log)
    await assertPortsFree(neededPorts(options))
    if (options.databaseUrl === undefined)
      postgres = createPostgresServer({
        processes,
        dataDir,
        logDir,
        port: ports.postgres,
        durability: options.durability,
        database: options.database ?? 'keep',
        onExit: (exit) => onExit('postgres', exit),
        onStart: record,
      })
    if (postgres && options.removeDataDir === 'after-crash') processes.removeAfterCrash(postgres.home)
    if (options.redis !== 'external')
      redis = createRedisCluster({
        processes,
        binary: await findRedis({ toolsDir: options.toolsDir, log }),
        dataDir,
        logDir,
        ports,
        masterName,
        onExit,
        onStart: record,
        ...(options.absentRedis === 'is-logged' && { onAbsence: (message) => !stopping && log(message) }),
      })
    const databaseUrl = options.databaseUrl ?? postgres?.databaseUrl ?? ''
    await settleAll([
      (async () => {
        await postgres?.start()
        const { applied } = await applyMigrations(databaseUrl).catch((error) => {
          throw options.databaseUrl === undefined || error instanceof MigrationError ? error : new OutsideError(error)
        })
        if (applied.length > 0) log(`migrations applied: ${applied.join(', ')}`)
      })(),
      options.absentRedis === 'is-logged'
        ? redis?.start().catch((error: Error) => log(`going on without Redis: ${error.message}`))
        : redis?.start(),
    ])

    return {
      databaseUrl,
      masterName,
      sentinels: redis ? ports.sentinels.map((port) => ({ host: '127.0.0.1', port })) : [],
      ports,
      dataDir,
      logDir,
      postgresHome: postgres?.home ?? null,
      run(what) {
        const companion = processes.start(what)
        companions.set(companion, what.url)
        void companion.exited.then(() => companions.delete(companion))
        record()
        return companion
      },
      state,
      master: () => ownRedis().master(),
      async kill(target) {
        const name = await resolveTarget(target)
        const server = runningServer(name)
        expected.add(name)
        server.signal('SIGKILL')
        await server.exited
        return name
      },
      async hang(target) {
        const name = await resolveTarget(target)
        signalWhole(runningServer(name), 'SIGSTOP')
        return name
      },
      resume: (name) => signalWhole(runningServer(name), 'SIGCONT'),
      async restart(name) {
        if (name === 'postgres') await postgres?.start()
        else await ownRedis().restart(name)
      },
      async stopAllRedis(how = 'SIGTERM') {
        for (const name of [...REDIS_NAMES, ...SENTINEL_NAMES]) if (serverOf(name)?.isRunning()) expected.add(name)
        await ownRedis().stopAll(how)
      },
      startAllRedis: () => ownRedis().start(),
      waitForHealthyRedis: (timeoutMs = 30_000) => ownRedis().waitUntilHealthy(timeoutMs),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function createFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  // Keys and passwords in it have modes of their own; the account that runs PostgreSQL must be able to pass through.
  chmodSync(folder, 0o711)
  return realpathSync(folder)
}

function neededPorts({ ports, portRemedy: remedy, databaseUrl, redis, furtherPorts = [] }: StackOptions): NeededPort[] {
  const database = databaseUrl === undefined ? [{ port: ports.postgres, purpose: 'PostgreSQL', remedy }] : []
  if (redis === 'external') return [...furtherPorts, ...database]
  const servers = ports.redis.map((port) => ({ port, purpose: 'a Redis server', remedy }))
  const sentinels = ports.sentinels.map((port) => ({ port, purpose: 'a Sentinel', remedy }))
  return [...furtherPorts, ...database, ...servers, ...sentinels]
}

/** Waits for all of them even when one fails, so that nothing is still starting while we stop. */
async function settleAll(starts: readonly (Promise<void> | undefined)[]): Promise<void> {
  const results = await Promise.allSettled(starts)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** The process and its children: PostgreSQL answers through children that a stopped parent leaves running. */
function signalWhole(server: GuardedProcess, signal: 'SIGSTOP' | 'SIGCONT'): void {
  server.signal(signal)
  for (const pid of childrenOf(server.pid)) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended between being listed and being told.
    }
  }
}

/** PGSSLMODE and the like are for the person's own databases: a client would ask the local server for TLS that it has not. */
export function ignoreOthersPostgres(env: NodeJS.ProcessEnv, log: (message: string) => void): void {
  const names = Object.keys(env).filter((name) => /^PG[A-Z]+$/.test(name))
  for (const name of names) delete env[name]
  if (names.length > 0)
    log(
      `${names.join(', ')} in the environment ${names.length === 1 ? 'is' : 'are'} not for the local PostgreSQL: ignored`,
    )
}
