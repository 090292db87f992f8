/** Three Redis servers and three Sentinels with quorum 2 as local processes. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Exit, GuardedProcess, GuardedProcesses } from './guarded-processes.ts'
import type { StackPorts } from './ports.ts'
import {
  readMonitoredMaster,
  renderRedisConfiguration,
  renderSentinelConfiguration,
  sentinelId,
} from './redis-configuration.ts'
import type { RedisBinary } from './redis-packages.ts'
import { askRedis, masterByMajority, replicationOf, sentinelReplicas, sentinelView } from './redis-questions.ts'
import { Abandoned, waitUntil } from './wait-until.ts'

export type RedisName = `redis-${1 | 2 | 3}`
export type SentinelName = `sentinel-${1 | 2 | 3}`

export const REDIS_NAMES = ['redis-1', 'redis-2', 'redis-3'] as const satisfies RedisName[]
export const SENTINEL_NAMES = ['sentinel-1', 'sentinel-2', 'sentinel-3'] as const satisfies SentinelName[]

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
  /** Ends all servers and Sentinels; SIGTERM lets the servers write their snapshot, SIGKILL loses it. */
  stopAll(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Resolves when all three Sentinels agree on a master that has both replicas linked and may be failed over. */
  waitUntilHealthy(timeoutMs: number): Promise<void>
}

export function createRedisCluster(deps: {
  readonly processes: GuardedProcesses
  readonly binary: RedisBinary
  readonly dataDir: string
  readonly logDir: string
  readonly ports: Pick<StackPorts, 'redis' | 'sentinels'>
  readonly masterName: string
  readonly onExit: (name: RedisName | SentinelName, exit: Exit) => void
  readonly onStart: () => void
  /**
   * Where given, the start goes on without a server that does not answer: it is reported here, and again when it answers.
   * One that hangs for a minute is killed, so that its supervisor starts another.
   */
  readonly onAbsence?: (message: string) => void
}): RedisCluster {
  const { ports, masterName } = deps
  const running = new Map<RedisName | SentinelName, GuardedProcess>()
  const folderOf = (name: string) => path.join(deps.dataDir, name)
  const portOf = (name: RedisName | SentinelName) =>
    isSentinel(name) ? at(ports.sentinels, SENTINEL_NAMES.indexOf(name)) : at(ports.redis, REDIS_NAMES.indexOf(name))
  const nameOf = (port: number) => REDIS_NAMES[ports.redis.indexOf(port)] ?? null

  function launch(name: RedisName | SentinelName): GuardedProcess {
    const args = isSentinel(name) ? ['sentinel.conf', '--sentinel'] : ['redis.conf']
    const started = deps.processes.start({
      name,
      ...deps.binary,
      args,
      cwd: folderOf(name),
      stopSignal: 'SIGTERM',
      output: { file: path.join(deps.logDir, `${name}.log`) },
    })
    running.set(name, started)
    void started.exited.then((exit) => deps.onExit(name, exit))
    deps.onStart()
    return started
  }

  /** Resolves when the process answers. */
  async function launched(name: RedisName | SentinelName): Promise<void> {
    const started = launch(name)
    await waitUntil(
      `${name} answers`,
      async () => {
        abandonIfEnded(started, deps.logDir)
        return (await askRedis(portOf(name), 'PING')) === 'PONG'
      },
      { timeoutMs: 15_000 },
    )
  }

  async function startServer(name: RedisName, master: RedisName): Promise<void> {
    mkdirSync(folderOf(name), { recursive: true })
    const replicaOf = name === master ? null : portOf(master)
    writeFileSync(path.join(folderOf(name), 'redis.conf'), renderRedisConfiguration({ port: portOf(name), replicaOf }))
    await launched(name)
  }

  function writeSentinelConfigurations(master: RedisName): void {
    const ids = SENTINEL_NAMES.map((name, index) => ({ port: portOf(name), id: sentinelId(deps.dataDir, index + 1) }))
    SENTINEL_NAMES.forEach((name, index) => {
      mkdirSync(folderOf(name), { recursive: true })
      const configuration = renderSentinelConfiguration({
        ...at(ids, index),
        masterName,
        masterPort: portOf(master),
        replicaPorts: ports.redis.filter((port) => port !== portOf(master)),
        peers: ids.filter((_, other) => other !== index),
      })
      writeFileSync(path.join(folderOf(name), 'sentinel.conf'), configuration)
    })
  }

  /** By the newest configuration epoch among the files; servers are told apart by the port they were given then. */
  function masterAsWrittenDown(): RedisName {
    const views = SENTINEL_NAMES.map((name) => readIfPresent(path.join(folderOf(name), 'sentinel.conf')))
      .map((text) => (text === null ? null : readMonitoredMaster(text, masterName)))
      .filter((view) => view !== null)
      .sort((one, other) => other.epoch - one.epoch)
    const found = REDIS_NAMES.find((name) => {
      const port = /^port (\d+)$/m.exec(readIfPresent(path.join(folderOf(name), 'redis.conf')) ?? '')?.[1]
      return port !== undefined && Number(port) === views[0]?.port
    })
    return found ?? 'redis-1'
  }

  async function master(): Promise<RedisName> {
    const port = await masterByMajority(ports.sentinels, masterName)
    return (port === null ? null : nameOf(port)) ?? masterAsWrittenDown()
  }

  async function waitUntilHealthy(timeoutMs: number): Promise<void> {
    await waitUntil('the Sentinels agree on a healthy master', () => isHealthy(ports, masterName), {
      timeoutMs,
      everyMs: 100,
    })
  }

  async function startTogether(): Promise<void> {
    const master = await startMaster()
    const others = REDIS_NAMES.filter((name) => name !== master && !running.get(name)?.isRunning())
    const present = await Promise.all(others.map((name) => orGoOn(name, () => startServer(name, master))))
    const replicas = present.filter((started) => started).length
    // Replicas first, Sentinels second: a Sentinel that finds them linked has nothing to repair.
    const linked = () =>
      waitUntil('the replicas are linked', async () => (await onlineReplicas(portOf(master))) >= replicas, {
        timeoutMs: 20_000,
      })
    await orGoOn('the replication', linked)
    writeSentinelConfigurations(master)
    const sentinels = await Promise.all(SENTINEL_NAMES.map((name) => orGoOn(name, () => launched(name))))
    const whole = replicas === 2 && sentinels.every((started) => started)
    if (whole) await orGoOn('the Sentinel cluster', () => waitUntilHealthy(30_000))
  }

  /** The last one by the Sentinels' memory; should it not answer, another: what is cached is judged by the log anyway. */
  async function startMaster(): Promise<RedisName> {
    const first = masterAsWrittenDown()
    const candidates = deps.onAbsence ? [first, ...REDIS_NAMES.filter((name) => name !== first)] : [first]
    for (const name of candidates) if (await orGoOn(name, () => startServer(name, name))) return name
    throw new Error('none of the three Redis servers answers')
  }

  /** @returns whether it started; without `onAbsence` what goes wrong is thrown */
  async function orGoOn(name: string, start: () => Promise<unknown>): Promise<boolean> {
    try {
      await start()
      return true
    } catch (error) {
      if (!deps.onAbsence) throw error
      deps.onAbsence(`going on without ${name}: ${(error as Error).message}`)
      const process = running.get(name as RedisName | SentinelName)
      if (process?.isRunning()) void awaitHanging(process)
      return false
    }
  }

  /** A process that is there and does not answer may wake up; after a minute it is ended, and with it the wait. */
  async function awaitHanging(process: GuardedProcess): Promise<void> {
    const name = process.name as RedisName | SentinelName
    const answers = async () => !process.isRunning() || (await askRedis(portOf(name), 'PING')) === 'PONG'
    await waitUntil(`${name} answers`, answers, { timeoutMs: HANGING_MAX_MS, everyMs: 500 }).then(
      () => process.isRunning() && deps.onAbsence?.(`${name} answers now`),
      () => process.signal('SIGKILL'),
    )
  }

  /** Waits for a promotion where there is still somebody to promote; else the old master is the only candidate. */
  async function masterOtherThan(name: RedisName): Promise<RedisName> {
    const others = REDIS_NAMES.filter((other) => other !== name && running.get(other)?.isRunning())
    if (others.length === 0) return master()
    return waitUntil('another server is promoted', async () => (await master()) !== name && (await master()), {
      timeoutMs: 20_000,
      everyMs: 100,
    }).catch(() => name)
  }

  return {
    masterName,
    process: (name) => running.get(name),
    start: startTogether,
    master,
    async restart(name) {
      const former = running.get(name)
      if (former?.isRunning()) throw new Error(`${name} is already running (process ${former.pid})`)
      const start = async () => (isSentinel(name) ? launched(name) : startServer(name, await masterOtherThan(name)))
      await start().catch((error) => {
        // It cannot be started a second time while the first one hangs.
        running.get(name)?.signal('SIGKILL')
        throw error
      })
    },
    async stopAll(signal) {
      const all = [...running.values()].filter((process) => process.isRunning())
      const sentinelsFirst = all.sort((one, other) => other.name.localeCompare(one.name))
      if (signal === 'SIGKILL') for (const process of all) process.signal('SIGKILL')
      const [sentinels, servers] = partition(sentinelsFirst, (process) => process.name.startsWith('sentinel'))
      await Promise.all(sentinels.map((process) => process.stop(STOP_GRACE_MS)))
      await Promise.all(servers.map((process) => process.stop(STOP_GRACE_MS)))
    },
    waitUntilHealthy,
  }
}

async function isHealthy(ports: Pick<StackPorts, 'redis' | 'sentinels'>, masterName: string): Promise<boolean> {
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

function isSentinel(name: RedisName | SentinelName): name is SentinelName {
  return name.startsWith('sentinel')
}

function readIfPresent(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new RangeError(`no item ${index}`)
  return item
}

function partition<T>(all: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [all.filter(belongs), all.filter((item) => !belongs(item))]
}
