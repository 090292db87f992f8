/** A second checkout of this project with a data folder of its own, to start the local stack in as a person would. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findFreeBase } from '../../src/local/ports.ts'
import { readState, type StackState } from '../../src/local/stack-state.ts'
import { waitUntil } from '../../src/local/wait-until.ts'

const root = path.resolve(import.meta.dirname, '../..')
const WITHIN_MS = 120_000

export interface Checkout {
  readonly folder: string
  /** The environment of a person who has chosen free ports and nothing else. */
  readonly ports: { readonly PORT: string; readonly LOCAL_PORT_BASE: string }
  start(options?: { args?: readonly string[]; env?: NodeJS.ProcessEnv; uid?: number }): Started
  /** One of the commands of `src/cli`, to its end. */
  cli(
    script: string,
    args: readonly string[],
    env?: NodeJS.ProcessEnv,
  ): { status: number; stdout: string; stderr: string }
  state(): StackState | null
  remove(): void
}

export interface Started {
  readonly process: ChildProcess
  output(): string
  says(text: string | RegExp): Promise<void>
  stop(): Promise<number | null>
}

export async function makeCheckout(): Promise<Checkout> {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'portcullis-checkout-')))
  for (const part of ['src', 'prisma', 'package.json'])
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  const base = await findFreeBase({ count: 8, from: 17_000, to: 31_000 })
  const ports = { PORT: String(base + 7), LOCAL_PORT_BASE: String(base) }
  const clean = cleanEnvironment()
  return {
    folder,
    ports,
    start({ args = [], env = {}, uid } = {}) {
      const child = spawn(process.execPath, ['src/cli/start.ts', ...args], {
        cwd: folder,
        env: { ...clean, ...ports, ...env },
        ...(uid !== undefined && { uid, gid: uid }),
      })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)))
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
      return {
        process: child,
        output: () => output,
        says: (text) =>
          waitUntil(
            `it says ${text}`,
            async () => {
              if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output}`)
              return typeof text === 'string' ? output.includes(text) : text.test(output)
            },
            { timeoutMs: WITHIN_MS },
          ).then(
            () => {},
            (error: Error) => Promise.reject(new Error(`${error.message}\n${output}`)),
          ),
        stop() {
          child.kill('SIGTERM')
          return ended
        },
      }
    },
    cli(script, args, env = {}) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [`src/cli/${script}.ts`, ...args], {
        cwd: folder,
        env: { ...clean, ...env },
        encoding: 'utf8',
      })
      return { status: status ?? -1, stdout, stderr }
    },
    state: () => readState(path.join(folder, '.portcullis')),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Without what the test run itself was started with. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, TMPDIR } = process.env
  return { PATH, HOME, ...(LANG && { LANG }), ...(TMPDIR && { TMPDIR }) }
}
