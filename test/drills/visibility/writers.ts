/** Processes that join the fleet, take one order and are killed between commit and delete (the drill's own build sees to that). */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUILD_VARIABLE, type Part, POINT_SIGNAL } from '../build/parts.ts'

const program = fileURLToPath(new URL('./crashing-writer.ts', import.meta.url))
const preload = new URL('../build/preload.ts', import.meta.url).href
const CRASH: Part = 'crash-point'

export type Order = { kind: 'leave'; group: string; user: string } | { kind: 'revoke'; group: string; resource: string }

export interface Writer {
  /** @throws when it ended in any other way than between commit and delete */
  killedBy(order: Order): Promise<void>
  /** Ends it without an order. */
  dismiss(): Promise<void>
}

/** Resolves when it has joined the fleet and waits for its order. */
export type StartWriter = () => Promise<Writer>

export interface WriterStarter {
  readonly start: StartWriter
  /** Ends the remaining processes. */
  close(): Promise<void>
}

/**
 * Most of a start is reading and compiling the program: the first writer ends without an order and leaves that behind
 * for the others, who start in half the time. A killed process leaves nothing.
 */
export async function createWriterStarter(environment: NodeJS.ProcessEnv): Promise<WriterStarter> {
  const compiled = mkdtempSync(path.join(tmpdir(), 'portcullis-compiled-'))
  const running = new Set<ChildProcess>()

  async function start(): Promise<Writer> {
    const child = spawn(process.execPath, ['--import', preload, program], {
      env: {
        ...process.env,
        ...environment,
        DATABASE_POOL_MAX: '1',
        NODE_COMPILE_CACHE: compiled,
        [BUILD_VARIABLE]: CRASH,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    running.add(child)
    const ended = new Promise<string>((resolve) =>
      child.once('exit', (code, signal) => {
        running.delete(child)
        resolve(String(signal ?? code))
      }),
    )
    const ready = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
    const tooEarly = ended.then((how) => Promise.reject(new Error(`a writer ended before its order: ${how}`)))
    tooEarly.catch(() => {})
    await Promise.race([ready, tooEarly])
    return writerOf(child, ended)
  }

  await (await start()).dismiss()
  return {
    start,
    async close() {
      for (const child of running) child.kill('SIGKILL')
      rmSync(compiled, { recursive: true, force: true })
    },
  }
}

function writerOf(child: ChildProcess, ended: Promise<string>): Writer {
  return {
    async killedBy(order) {
      child.kill(POINT_SIGNAL)
      child.stdin?.write(`${JSON.stringify(order)}\n`)
      const how = await ended
      if (how !== 'SIGKILL') throw new Error(`a writer ended with ${how}, not between commit and delete`)
    },
    async dismiss() {
      child.stdin?.end()
      await ended
    },
  }
}
