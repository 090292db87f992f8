/** A container as the kubelet runs one: a script of the manifests as its first process, started again when it dies. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ContainerSpec extends NameTable {
  readonly name: string
  readonly script: string
  readonly preStop: string
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
  /** Waits before the first, second … restart; always half a second where absent. */
  readonly backOffMs?: readonly number[]
}

export interface Container {
  readonly restarts: number
  readonly running: boolean
  start(): void
  /** SIGKILL; the kubelet starts it again after `restartDelayMs`, or not at all when the pod goes with it. */
  kill(): void
  pause(): void
  resume(): void
  /** Runs a script of the pod beside the container, as `kubectl exec` and the probes do; returns its exit code. */
  exec(script: string, ...args: string[]): Promise<number>
  preStop(): Promise<number>
  /** No further restarts: SIGTERM, then SIGKILL after the grace period. */
  terminate(graceMs: number): Promise<void>
  /** No further restarts: SIGKILL at once. */
  destroy(): Promise<void>
}

const RESTART_DELAY_MS = 500
/** What the kubelet was seen to wait at the first, second … crash of one container; it forgets after ten quiet minutes. */
export const KUBELET_BACK_OFF_MS: readonly number[] = [3000, 22_000, 29_000, 49_000]

export interface NameTable {
  /** Command words that give a process a name table of its own. */
  readonly namespace: readonly string[]
  readonly hostsFile: string
  readonly resolvFile: string
}

// The death of the test kills what it started: nothing is left behind however it ends.
const ENTER =
  'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec setpriv --pdeathsig KILL "$@"'

/** Starts a program that resolves names as the table says, in a process group of its own. */
export function spawnWithNames(table: NameTable, words: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const [command, ...options] = table.namespace as [string, ...string[]]
  const args = [...options, 'sh', '-c', ENTER, 'sh', table.hostsFile, table.resolvFile, ...words]
  return spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
}

export function createContainer(spec: ContainerSpec): Container {
  let child: ChildProcess | undefined
  let wanted = false
  let restarts = 0
  let exited: Promise<void> = Promise.resolve()
  mkdirSync(path.dirname(spec.logFile), { recursive: true })

  const spawnScript = (script: string, args: readonly string[]): ChildProcess => {
    const process = spawnWithNames(spec, ['sh', script, ...args], spec.env)
    const log = createWriteStream(spec.logFile, { flags: 'a' })
    process.stdout?.pipe(log, { end: false })
    process.stderr?.pipe(log, { end: false })
    process.once('close', () => log.end())
    return process
  }
  const signal = (name: NodeJS.Signals): void => {
    if (child?.pid === undefined) return
    // The group: a container's death takes all its processes.
    spawnSync('kill', ['-s', name.replace('SIG', ''), '--', `-${child.pid}`], { stdio: 'ignore' })
  }
  const run = (): void => {
    const started = spawnScript(spec.script, [])
    child = started
    exited = new Promise((resolve) => {
      started.once('exit', () => {
        if (child === started) signal('SIGKILL')
        if (child === started) child = undefined
        resolve()
        if (!wanted) return
        const delayMs = spec.backOffMs?.[Math.min(restarts, spec.backOffMs.length - 1)] ?? RESTART_DELAY_MS
        restarts++
        setTimeout(() => wanted && !child && run(), delayMs)
      })
    })
  }
  const exec = (script: string, ...args: string[]): Promise<number> =>
    new Promise((resolve) => spawnScript(script, args).once('exit', (code) => resolve(code ?? 137)))

  return {
    get restarts() {
      return restarts
    },
    get running() {
      return child !== undefined
    },
    start() {
      wanted = true
      if (!child) run()
    },
    kill: () => signal('SIGKILL'),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    exec,
    preStop: () => exec(spec.preStop),
    async terminate(graceMs) {
      wanted = false
      signal('SIGTERM')
      const timeout = new AbortController()
      await Promise.race([exited, sleep(graceMs, undefined, { signal: timeout.signal }).catch(() => {})])
      timeout.abort()
      signal('SIGKILL')
      await exited
    },
    async destroy() {
      wanted = false
      signal('SIGKILL')
      await exited
    },
  }
}
