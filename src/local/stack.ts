/** Everything that the service depends on, on loopback: PostgreSQL, three Redis servers, three Sentinels. */
import { chmodSync, mkdirSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { applyMigrations, MigrationError } from '../postgres/migrate.ts'
import {
  createGuardedProcesses,
  type Exit,
  type GuardedProcess,
  type GuardedProcesses,
  type ProcessToStart,
} from './guarded-processes.ts'
import { assertPortsFree, type NeededPort, type StackPorts } from './ports.ts'
import { ignoreOthersPostgres } from './postgres-environment.ts'
import { createPostgresServer, type PostgresServer } from './postgres-server.ts'
import { signalWithChildren } from './process-children.ts'
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
  /** How to avoid a taken port, for the message. */
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
  /** The claims that tokens must have, for commands that are started beside the stack. */
  readonly tokens?: StackState['tokens']
  /** `after-crash`: the folder is removed if this process is killed. */
  readonly removeDataDir?: 'never' | 'after-crash'
  readonly log: (message: string) => void
  /** A server ended, and this process had not ended it. */
  readonly onUnexpectedExit?: (name: ServerName, exit: Exit) => void
}

/** A socket's error does not say which setting its address came from. */
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
  const stack = new ProcessStack(options)
  try {
    await stack.start()
    return stack
  } catch (error) {
    await stack.stop()
    throw error
  }
}

class ProcessStack implements LocalStack {
  readonly masterName: string
  readonly ports: StackPorts
  readonly dataDir: string
  readonly logDir: string
  readonly #options: StackOptions
  readonly #lock: { release(): void }
  readonly #processes: GuardedProcesses
  /** Servers that this process has ended: their exits are not reported. */
  readonly #expected = new Set<ServerName>()
  /** With the address at which each can be reached, where it has one. */
  readonly #companions = new Map<GuardedProcess, string | undefined>()
  #postgres: PostgresServer | null = null
  #redis: RedisCluster | null = null
  #stopping: Promise<void> | null = null

  constructor(options: StackOptions) {
    this.#options = options
    this.masterName = options.masterName ?? 'mymaster'
    this.ports = options.ports
    this.dataDir = createFolder(options.dataDir)
    this.#lock = lockDataFolder(this.dataDir)
    this.logDir = path.join(this.dataDir, 'logs')
    mkdirSync(this.logDir, { recursive: true })
    this.#processes = createGuardedProcesses()
    if (options.removeDataDir === 'after-crash') this.#processes.removeAfterCrash(this.dataDir)
  }

  get databaseUrl(): string {
    return this.#options.databaseUrl ?? this.#postgres?.databaseUrl ?? ''
  }

  get sentinels() {
    return this.#redis ? this.ports.sentinels.map((port) => ({ host: '127.0.0.1', port })) : []
  }

  get postgresHome(): string | null {
    return this.#postgres?.home ?? null
  }

  async start(): Promise<void> {
    const { databaseUrl, redis, log } = this.#options
    if (databaseUrl === undefined) ignoreOthersPostgres(process.env, log)
    await endLeftovers(this.dataDir, log)
    await assertPortsFree(neededPorts(this.#options))
    if (databaseUrl === undefined) this.#postgres = this.#createPostgres()
    if (redis !== 'external') this.#redis = await this.#createRedis()
    await settleAll([this.#startDatabase(), this.#startRedis()])
  }

  run(what: ProcessToStart & { readonly url?: string }): GuardedProcess {
    const companion = this.#processes.start(what)
    this.#companions.set(companion, what.url)
    void companion.exited.then(() => this.#companions.delete(companion))
    this.#record()
    return companion
  }

  state(): StackState {
    const { databaseUrl, tokens } = this.#options
    return {
      pid: process.pid,
      masterName: this.masterName,
      ports: this.ports,
      databaseUrl: databaseUrl ?? this.#postgres?.databaseUrl ?? null,
      ...(tokens && { tokens }),
      processes: [...SERVER_NAMES.map((name) => this.#server(name)), ...this.#companions.keys()].flatMap(
        (running): ProcessState[] => {
          if (!running?.isRunning()) return []
          const url = this.#companions.get(running)
          return [{ name: running.name, ...running.identity, ...(url === undefined ? {} : { url }) }]
        },
      ),
    }
  }

  async master(): Promise<RedisName> {
    return this.#ownRedis().master()
  }

  async kill(target: Target): Promise<ServerName> {
    const name = await this.#nameOf(target)
    const server = this.#runningServer(name)
    this.#expected.add(name)
    server.signal('SIGKILL')
    await server.exited
    return name
  }

  async hang(target: Target): Promise<ServerName> {
    const name = await this.#nameOf(target)
    signalWithChildren(this.#runningServer(name).pid, 'SIGSTOP')
    return name
  }

  resume(name: ServerName): void {
    signalWithChildren(this.#runningServer(name).pid, 'SIGCONT')
  }

  async restart(name: ServerName): Promise<void> {
    if (name === 'postgres') await this.#postgres?.start()
    else await this.#ownRedis().restart(name)
  }

  async stopAllRedis(how: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    for (const name of [...REDIS_NAMES, ...SENTINEL_NAMES])
      if (this.#server(name)?.isRunning()) this.#expected.add(name)
    await this.#ownRedis().stopAll(how)
  }

  async startAllRedis(): Promise<void> {
    await this.#ownRedis().start()
  }

  async waitForHealthyRedis(timeoutMs = 30_000): Promise<void> {
    await this.#ownRedis().waitUntilHealthy(timeoutMs)
  }

  async stop(): Promise<void> {
    this.#stopping ??= this.#stopInOrder()
    await this.#stopping
  }

  async #stopInOrder(): Promise<void> {
    await this.#redis?.stopAll('SIGTERM')
    await this.#postgres?.stop()
    await this.#processes.close()
    removeState(this.dataDir)
    this.#lock.release()
  }

  #createPostgres(): PostgresServer {
    const { durability, database = 'keep', removeDataDir } = this.#options
    const postgres = createPostgresServer({
      processes: this.#processes,
      dataDir: this.dataDir,
      logDir: this.logDir,
      port: this.ports.postgres,
      durability,
      database,
      onExit: (exit) => this.#onExit('postgres', exit),
      onStart: () => this.#record(),
    })
    if (removeDataDir === 'after-crash') this.#processes.removeAfterCrash(postgres.home)
    return postgres
  }

  async #createRedis(): Promise<RedisCluster> {
    const { toolsDir, absentRedis, log } = this.#options
    return createRedisCluster({
      processes: this.#processes,
      binary: await findRedis({ toolsDir, log }),
      dataDir: this.dataDir,
      logDir: this.logDir,
      ports: this.ports,
      masterName: this.masterName,
      onExit: (name, exit) => this.#onExit(name, exit),
      onStart: () => this.#record(),
      ...(absentRedis === 'is-logged' && { onAbsence: (message) => !this.#stopping && log(message) }),
    })
  }

  async #startDatabase(): Promise<void> {
    await this.#postgres?.start()
    const { applied } = await applyMigrations(this.databaseUrl).catch((error) => {
      throw this.#postgres || error instanceof MigrationError ? error : new OutsideError(error)
    })
    if (applied.length > 0) this.#options.log(`migrations applied: ${applied.join(', ')}`)
  }

  async #startRedis(): Promise<void> {
    const { absentRedis, log } = this.#options
    const starting = this.#redis?.start()
    await (absentRedis === 'is-logged'
      ? starting?.catch((error: Error) => log(`going on without Redis: ${error.message}`))
      : starting)
  }

  #onExit(name: ServerName, exit: Exit): void {
    if (this.#stopping) return
    this.#record()
    if (!this.#expected.delete(name)) this.#options.onUnexpectedExit?.(name, exit)
  }

  #record(): void {
    writeState(this.dataDir, this.state())
  }

  #server(name: ServerName): GuardedProcess | undefined {
    return name === 'postgres' ? this.#postgres?.process() : this.#redis?.process(name)
  }

  #runningServer(name: ServerName): GuardedProcess {
    const server = this.#server(name)
    if (!server?.isRunning()) throw new Error(`${name} is not running`)
    return server
  }

  #ownRedis(): RedisCluster {
    if (!this.#redis) throw new Error('Redis is not run by this stack (REDIS_SENTINELS or REDIS_URL is set)')
    return this.#redis
  }

  async #nameOf(target: Target): Promise<ServerName> {
    return target === 'master' ? this.#ownRedis().master() : target
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
