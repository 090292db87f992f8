/** Child processes in sessions of their own, so that Ctrl-C reaches only us, and a watchdog for the case that we are killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { identifyProcess, type ProcessIdentity } from './process-identity.ts'

const watchdogFile = fileURLToPath(new URL('./watchdog.ts', import.meta.url))

export interface ProcessToStart {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The name by which a multi-call binary recognises its role. */
  readonly argv0?: string
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly account?: { readonly uid: number; readonly gid: number }
  readonly stopSignal: NodeJS.Signals
  /** The file that its output is appended to, or a reader of it. */
  readonly output: { readonly file: string } | { readonly onData: (chunk: Buffer) => void }
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface GuardedProcess {
  readonly name: string
  readonly pid: number
  readonly identity: ProcessIdentity
  readonly exited: Promise<Exit>
  isRunning(): boolean
  signal(signal: NodeJS.Signals): void
  /** Ends it with its own signal, or with SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<Exit>
}

export interface GuardedProcesses {
  start(what: ProcessToStart): GuardedProcess
  /** A path to delete if this process is killed before it can tidy up. */
  removeAfterCrash(path: string): void
  /** Ends the watchdog, which ends every process that still runs. */
  close(): Promise<void>
}

export function createGuardedProcesses(): GuardedProcesses {
  const watchdog = spawn(process.execPath, [watchdogFile], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  })
  const gone = new Promise<void>((resolve) => watchdog.once('exit', () => resolve()))
  watchdog.unref()
  // Without its watchdog the stack still works; a write to its closed pipe must not end it.
  watchdog.stdin.on('error', () => {})
  const tell = (...words: string[]) => void watchdog.stdin.write(`${words.join('\t')}\n`)

  return {
    start(what) {
      const child = spawnDetached(what)
      if (child.pid !== undefined) tell('+', String(child.pid), what.stopSignal)
      child.once('exit', () => tell('-', String(child.pid)))
      return guard(child, what)
    },
    removeAfterCrash: (path) => tell('rm', path),
    async close() {
      watchdog.stdin.end()
      watchdog.ref()
      await gone
    },
  }
}

function spawnDetached(what: ProcessToStart): ChildProcess {
  const file = 'file' in what.output ? openSync(what.output.file, 'a') : null
  const child = spawn(what.command, what.args, {
    detached: true,
    stdio: file === null ? ['ignore', 'pipe', 'pipe'] : ['ignore', file, file],
    ...(what.argv0 === undefined ? {} : { argv0: what.argv0 }),
    ...(what.cwd === undefined ? {} : { cwd: what.cwd }),
    ...(what.env === undefined ? {} : { env: what.env }),
    ...what.account,
  })
  if (file !== null) closeSync(file)
  if ('onData' in what.output) {
    child.stdout?.on('data', what.output.onData)
    child.stderr?.on('data', what.output.onData)
  }
  return child
}

function guard(child: ChildProcess, what: ProcessToStart): GuardedProcess {
  let running = child.pid !== undefined
  const exited = new Promise<Exit>((resolve) => {
    const end = (exit: Exit) => {
      running = false
      resolve(exit)
    }
    child.once('exit', (code, signal) => end({ code, signal }))
    child.once('error', () => end({ code: 127, signal: null }))
  })
  const pid = child.pid ?? -1
  const signal = (name: NodeJS.Signals) => {
    if (running) child.kill(name)
  }
  return {
    name: what.name,
    pid,
    identity: identifyProcess(pid) ?? { pid, startedAt: 'ended at once' },
    exited,
    isRunning: () => running,
    signal,
    async stop(graceMs) {
      signal(what.stopSignal)
      signal('SIGCONT')
      const insist = setTimeout(() => signal('SIGKILL'), graceMs)
      try {
        return await exited
      } finally {
        clearTimeout(insist)
      }
    },
  }
}
