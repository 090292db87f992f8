/** The instances of the service: three processes of the service, or of whatever else is drilled. */
import { spawnSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import path from 'node:path'
import type { GuardedProcess } from '../../src/local/guarded-processes.ts'
import type { LocalStack } from '../../src/local/stack.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { BUILD_VARIABLE, type Part } from './build/parts.ts'
import type { Subject } from './subject.ts'

const STOP_GRACE_MS = 15_000
/** Of what an instance said, so many characters are shown when it ends by itself. */
const LAST_WORDS = 5000

export interface FleetOptions {
  readonly stack: LocalStack
  readonly ports: readonly number[]
  /** By instance: its own way to Redis. */
  readonly sentinels: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly subject: Pick<Subject, 'argsOf' | 'readyPath'>
}

export interface Build {
  readonly parts: readonly Part[]
  /** Parts of single instances beside those of all. */
  readonly ownParts: Readonly<Partial<Record<number, readonly Part[]>>>
  readonly env: Readonly<Record<string, string>>
}

export interface Fleet {
  readonly ports: readonly number[]
  /** Which process answers for an instance now, or did last. */
  processOf(instance: number): string
  /** Starts what does not run and replaces what runs another build; resolves when all are ready. */
  ensure(build: Build): Promise<void>
  /** Whether a load balancer would send requests there: it runs and has said that it is ready. */
  isServing(instance: number): boolean
  /** Resolves when it is gone. */
  exited(instance: number): Promise<unknown>
  signal(instance: number, signal: NodeJS.Signals): void
  /** Resolves when it stands still, by SIGSTOP from whomever. */
  stopped(instance: number): Promise<unknown>
  /** Lets requests finish, as a rolling deployment does. */
  stop(instance: number): Promise<void>
  start(instance: number): Promise<void>
  close(): Promise<void>
}

interface Running {
  readonly process: GuardedProcess
  readonly id: string
  readonly build: Build
  ready: boolean
}

export function createFleet({ stack, ports, sentinels, env, subject }: FleetOptions): Fleet {
  const instances = ports.map((port, index) => ({ name: `api-${index + 1}`, port, sentinels: sentinels[index] ?? '' }))
  const running = new Map<number, Running>()
  let build: Build = { parts: [], ownParts: {}, env: {} }
  let generation = 0

  function launch(instance: number): void {
    const found = instances[instance]
    if (!found) throw new RangeError(`no instance ${instance}`)
    const { name, port } = found
    const log = createWriteStream(path.join(stack.logDir, `${name}.log`), { flags: 'a' })
    let lastWords = ''
    const parts = [...build.parts, ...(build.ownParts[instance] ?? [])]
    const process_ = stack.run({
      name,
      command: process.execPath,
      args: [...subject.argsOf(parts)],
      env: {
        ...env,
        ...build.env,
        REDIS_SENTINELS: found.sentinels,
        PORT: String(port),
        [BUILD_VARIABLE]: parts.join(','),
      },
      stopSignal: 'SIGTERM',
      output: {
        onData(chunk) {
          log.write(chunk)
          lastWords = (lastWords + chunk).slice(-LAST_WORDS)
        },
      },
    })
    void process_.exited.then(({ code }) => {
      log.end()
      // Nothing that is done to it makes it end like this; whatever did is a fault of its own.
      if (code) console.error(`[drill] ${name} ended by itself with ${code}:\n${lastWords}`)
    })
    running.set(instance, { process: process_, id: `${name}#${++generation}`, build, ready: false })
  }

  async function ready(instance: number): Promise<void> {
    const url = `http://127.0.0.1:${instances[instance]?.port}${subject.readyPath}`
    await waitUntil(
      `instance ${instance + 1} is ready`,
      async () => (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok,
      {
        timeoutMs: 30_000,
      },
    )
    const found = running.get(instance)
    if (found) found.ready = true
  }

  const isRunning = (instance: number) => running.get(instance)?.process.isRunning() === true

  async function stop(instance: number): Promise<void> {
    const found = running.get(instance)
    if (!found || !isRunning(instance)) return
    found.ready = false
    await found.process.stop(STOP_GRACE_MS)
  }

  async function start(instance: number): Promise<void> {
    if (!isRunning(instance)) launch(instance)
    await ready(instance)
  }

  return {
    ports,
    processOf: (instance) => running.get(instance)?.id ?? '',
    async ensure(wanted) {
      build = wanted
      const differs = (instance: number) => JSON.stringify(running.get(instance)?.build) !== JSON.stringify(wanted)
      await Promise.all(instances.map((_, instance) => (differs(instance) ? stop(instance) : undefined)))
      await Promise.all(instances.map((_, instance) => start(instance)))
    },
    isServing: (instance) => isRunning(instance) && running.get(instance)?.ready === true,
    exited: async (instance) => running.get(instance)?.process.exited,
    signal: (instance, signal) => running.get(instance)?.process.signal(signal),
    stopped: (instance) =>
      waitUntil(`instance ${instance + 1} stands still`, async () => isStopped(running.get(instance)?.process.pid), {
        timeoutMs: 30_000,
      }),
    stop,
    start,
    async close() {
      await Promise.all(instances.map((_, instance) => stop(instance)))
    },
  }
}

function isStopped(pid: number | undefined): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim().startsWith('T')
}
