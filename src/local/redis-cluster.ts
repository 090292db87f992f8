/** Three Redis servers and three Sentinels with quorum 2 as local processes. */
import path from 'node:path'
import type { Exit, GuardedProcess, GuardedProcesses } from './guarded-processes.ts'
import { createRedisFiles, type RedisFiles, readIfPresent } from './redis-files.ts'
import {
  isSentinel,
  portOf,
  REDIS_NAMES,
  type RedisName,
  type RedisPorts,
  redisAt,
  SENTINEL_NAMES,
  type SentinelName,
} from './redis-names.ts'
import type { RedisBinary } from './redis-packages.ts'
import { askRedis, masterByMajority, replicationOf, sentinelReplicas, sentinelView } from './redis-questions.ts'
import { Abandoned, waitUntil } from './wait-until.ts'

const STOP_GRACE_MS = 5_000
const HANGING_MAX_MS = 60_000

export interface RedisCluster {
  readonly masterName: string
  process(name: RedisName | SentinelName): GuardedProcess | undefined
  start(): Promise<void>
  /** The server that the Sentinels name as master (by majority while they run, else as last written down). */
  master(): Promise<RedisName>
  /**
   * Starts a server or Sentinel that ended. A server that the Sentinels still take for the master waits until another
   * is promoted: it would come back with an old snapshot, and its replicas would copy it.
   */
  restart(name: RedisName | SentinelName): Promise<void>
  /** Ends all servers and Sentinels; with SIGTERM the servers write their snapshot, with SIGKILL it is lost. */
  stopAll(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Resolves when all three Sentinels agree on a master that has both replicas linked and may be failed over. */
  waitUntilHealthy(timeoutMs: number): Promise<void>
}

export interface RedisClusterOptions {
  readonly processes: GuardedProcesses
  readonly binary: RedisBinary
  readonly dataDir: string
  readonly logDir: string
  readonly ports: RedisPorts
  readonly masterName: string
  readonly onExit: (name: RedisName | SentinelName, exit: Exit) => void
  readonly onStart: () => void
  /**
   * Where given, the start goes on without a server that does not answer: it is reported here, and again when it answers.
   * One that hangs for a minute is killed, so that its supervisor starts another.
   */
  readonly onAbsence?: (message: string) => void
}

/** @returns the cluster, of which nothing runs before `start` */
export function createRedisCluster(options: RedisClusterOptions): RedisCluster {
  return new LocalRedisCluster(options)
}

class LocalRedisCluster implements RedisCluster {
  readonly masterName: string
  readonly #options: RedisClusterOptions
  readonly #files: RedisFiles
  /** The last process of each name. */
  readonly #processes = new Map<RedisName | SentinelName, GuardedProcess>()

  constructor(options: RedisClusterOptions) {
    this.masterName = options.masterName
    this.#options = options
    this.#files = createRedisFiles(options)
  }

  process(name: RedisName | SentinelName): GuardedProcess | undefined {
    return this.#processes.get(name)
  }

  async start(): Promise<void> {
    const master = await this.#startMaster()
    const others = REDIS_NAMES.filter((name) => name !== master && !this.#isRunning(name))
    const present = await Promise.all(others.map((name) => this.#orGoOn(name, () => this.#startServer(name, master))))
    const replicas = present.filter((started) => started).length
    // Replicas first, Sentinels second: a Sentinel that finds them linked has nothing to repair.
    const linked = async () => (await onlineReplicas(this.#portOf(master))) >= replicas
    await this.#orGoOn('the replication', () => waitUntil('the replicas are linked', linked, { timeoutMs: 20_000 }))
    this.#files.writeSentinels(master)
    const sentinels = await Promise.all(SENTINEL_NAMES.map((name) => this.#orGoOn(name, () => this.#launch(name))))
    const whole = replicas === 2 && sentinels.every((started) => started)
    if (whole) await this.#orGoOn('the Sentinel cluster', () => this.waitUntilHealthy(30_000))
  }

  async master(): Promise<RedisName> {
    const { ports } = this.#options
    const port = await masterByMajority(ports.sentinels, this.masterName)
    return (port === null ? null : redisAt(port, ports)) ?? this.#files.masterAsWritten()
  }

  async restart(name: RedisName | SentinelName): Promise<void> {
    const former = this.#processes.get(name)
    if (former?.isRunning()) throw new Error(`${name} is already running (process ${former.pid})`)
    try {
      if (isSentinel(name)) await this.#launch(name)
      else await this.#startServer(name, await this.#masterOtherThan(name))
    } catch (error) {
      // It cannot be started a second time while the first one hangs.
      this.#processes.get(name)?.signal('SIGKILL')
      throw error
    }
  }

  async stopAll(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const running = [...this.#processes.values()].filter((process) => process.isRunning())
    if (signal === 'SIGKILL') for (const process of running) process.signal('SIGKILL')
    const [sentinels, servers] = partition(running, (process) => process.name.startsWith('sentinel'))
    await Promise.all(sentinels.map((process) => process.stop(STOP_GRACE_MS)))
    await Promise.all(servers.map((process) => process.stop(STOP_GRACE_MS)))
  }

  async waitUntilHealthy(timeoutMs: number): Promise<void> {
    const healthy = () => isHealthy(this.#options.ports, this.masterName)
    await waitUntil('the Sentinels agree on a healthy master', healthy, { timeoutMs, everyMs: 100 })
  }

  #portOf(name: RedisName | SentinelName): number {
    return portOf(name, this.#options.ports)
  }

  #isRunning(name: RedisName | SentinelName): boolean {
    return this.#processes.get(name)?.isRunning() ?? false
  }

  async #answers(name: RedisName | SentinelName): Promise<boolean> {
    return (await askRedis(this.#portOf(name), 'PING')) === 'PONG'
  }

  /**
   * The last master that the Sentinels remember; if it does not answer, another: cached entries are judged by the log
   * anyway.
   */
  async #startMaster(): Promise<RedisName> {
    const last = this.#files.masterAsWritten()
    const candidates = this.#options.onAbsence ? [last, ...REDIS_NAMES.filter((name) => name !== last)] : [last]
    for (const name of candidates) if (await this.#orGoOn(name, () => this.#startServer(name, name))) return name
    throw new Error('none of the three Redis servers answers')
  }

  async #startServer(name: RedisName, master: RedisName): Promise<void> {
    this.#files.writeServer(name, master)
    await this.#launch(name)
  }

  /** Starts the process; resolves when it answers. */
  async #launch(name: RedisName | SentinelName): Promise<void> {
    const { processes, binary, logDir, onExit, onStart } = this.#options
    const started = processes.start({
      name,
      ...binary,
      args: isSentinel(name) ? ['sentinel.conf', '--sentinel'] : ['redis.conf'],
      cwd: this.#files.folderOf(name),
      stopSignal: 'SIGTERM',
      output: { file: path.join(logDir, `${name}.log`) },
    })
    this.#processes.set(name, started)
    void started.exited.then((exit) => onExit(name, exit))
    onStart()
    const answers = async () => {
      abandonIfEnded(started, logDir)
      return this.#answers(name)
    }
    await waitUntil(`${name} answers`, answers, { timeoutMs: 15_000 })
  }

  /** @returns whether it started; without `onAbsence` what goes wrong is thrown */
  async #orGoOn(name: string, start: () => Promise<unknown>): Promise<boolean> {
    const { onAbsence } = this.#options
    try {
      await start()
      return true
    } catch (error) {
      if (!onAbsence) throw error
      onAbsence(`going on without ${name}: ${(error as Error).message}`)
      const process = this.#processes.get(name as RedisName | SentinelName)
      if (process?.isRunning()) void this.#awaitHanging(process)
      return false
    }
  }

  /** A process that runs but does not answer may recover; after a minute it is killed, and the wait ends. */
  async #awaitHanging(process: GuardedProcess): Promise<void> {
    const name = process.name as RedisName | SentinelName
    const settled = async () => !process.isRunning() || (await this.#answers(name))
    await waitUntil(`${name} answers`, settled, { timeoutMs: HANGING_MAX_MS, everyMs: 500 }).then(
      () => process.isRunning() && this.#options.onAbsence?.(`${name} answers now`),
      () => process.signal('SIGKILL'),
    )
  }

  /** Waits for a promotion if there is a replica to promote; else the old master is the only candidate. */
  async #masterOtherThan(name: RedisName): Promise<RedisName> {
    const others = REDIS_NAMES.filter((other) => other !== name && this.#isRunning(other))
    if (others.length === 0) return this.master()
    const promoted = async () => {
      const master = await this.master()
      return master !== name && master
    }
    const wait = { timeoutMs: 20_000, everyMs: 100 }
    return waitUntil('another server is promoted', promoted, wait).catch(() => name)
  }
}

async function isHealthy(ports: RedisPorts, masterName: string): Promise<boolean> {
  const views = await Promise.all(ports.sentinels.map((port) => sentinelView(port, masterName)))
  const master = Number(views[0]?.port)
  const agreed = views.every(
    (view) => Number(view.port) === master && view.flags === 'master' && view['num-other-sentinels'] === '2',
  )
  if (!agreed || (await onlineReplicas(master)) !== 2) return false
  const replicas = await Promise.all(ports.sentinels.map((port) => sentinelReplicas(port, masterName)))
  return replicas.every(
    (known) =>
      known.length === 2 &&
      known.every((replica) => replica.flags === 'slave' && replica['master-link-status'] === 'ok'),
  )
}

/** Of a master: how many replicas have finished their synchronisation. */
async function onlineReplicas(port: number): Promise<number> {
  const replication = await replicationOf(port)
  if (replication.role !== 'master') return 0
  return Object.entries(replication).filter(
    ([field, value]) => /^slave\d+$/.test(field) && value.includes('state=online'),
  ).length
}

function abandonIfEnded(process: GuardedProcess, logDir: string): void {
  if (process.isRunning()) return
  const log = readIfPresent(path.join(logDir, `${process.name}.log`)) ?? ''
  throw new Abandoned(
    new Error(`${process.name} ended while starting:\n${log.trimEnd().split('\n').slice(-8).join('\n')}`),
  )
}

function partition<T>(all: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [all.filter(belongs), all.filter((item) => !belongs(item))]
}
