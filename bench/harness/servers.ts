/** Starts what is measured, each in a process of its own that never outlives the benchmark. */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LocalStack } from '../../src/local/stack.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import type { BenchStack } from './bench-stack.ts'
import { type Place, pinned } from './processor.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
/** As the image starts it (k8s/image/portcullis.sh). */
const NODE_OPTIONS = ['--max-semi-space-size=16', '--heap-growing-percent=50']
const READY_WITHIN_MS = 60_000
const STOP_WITHIN_MS = 10_000

export interface Server {
  readonly name: string
  readonly url: string
  readonly pid: number
  /** From the start of the process until it says that it can answer, in milliseconds. */
  readonly readyAfterMs: number
  stop(): Promise<void>
}

export interface ServiceOptions {
  readonly name?: string
  readonly databaseUrl: string
  /** Instances with the same prefix share what is cached. */
  readonly prefix: string
  readonly environment?: Readonly<Record<string, string>>
  /** For Node itself, such as a profiler's. */
  readonly nodeOptions?: readonly string[]
  /** A processor of its own unless told otherwise. */
  readonly place?: Place
}

/** The whole service as it runs anywhere: every middleware, log lines written, stamps and leases on. */
export function startService(stack: BenchStack, options: ServiceOptions): Promise<Server> {
  return start(stack, {
    name: options.name ?? 'portcullis',
    file: main,
    nodeOptions: [...NODE_OPTIONS, ...(options.nodeOptions ?? [])],
    readiness: '/readyz',
    place: options.place ?? 'server',
    env: {
      DATABASE_URL: options.databaseUrl,
      REDIS_SENTINELS: stack.local.sentinels.map(({ host, port }) => `${host}:${port}`).join(','),
      REDIS_MASTER_NAME: stack.local.masterName,
      CACHE_PREFIX: options.prefix,
      CURSOR_SECRET: stack.cursorSecret,
      ...options.environment,
    },
  })
}

export interface PeerOptions {
  readonly name: string
  readonly databaseUrl?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** One of the programs in `peers/`. */
export async function startPeer(
  stack: BenchStack,
  { name, databaseUrl = '', environment }: PeerOptions,
): Promise<Server> {
  const file = name.endsWith('.mjs') ? name : `${name}.ts`
  return start(stack, {
    name: name.replace('.mjs', ''),
    file: fileURLToPath(new URL(`../peers/${file}`, import.meta.url)),
    nodeOptions: [],
    readiness: '/',
    place: 'server',
    env: { DATABASE_URL: databaseUrl, REDIS_PORT: String(await stack.masterPort()), ...environment },
  })
}

interface Program {
  readonly name: string
  readonly file: string
  readonly nodeOptions: readonly string[]
  readonly readiness: string
  readonly place: Place
  readonly env: Readonly<Record<string, string>>
}

async function start(stack: BenchStack, { name, file, nodeOptions, readiness, place, env }: Program): Promise<Server> {
  const port = stack.nextPort()
  const url = `http://127.0.0.1:${port}`
  const startedMs = performance.now()
  const [command, args] = pinned(place, process.execPath, [...nodeOptions, file])
  const log = path.join(stack.local.logDir, `${name}-${port}.log`)
  closeSync(openSync(log, 'w'))
  const process_ = runIn(stack.local, {
    name,
    url,
    command,
    args,
    log,
    env: { ...base(stack), ...env, PORT: String(port) },
  })
  await waitUntil(
    `${name} answers`,
    async () => {
      if (!process_.isRunning()) throw new Error(`${name} ended; its log is ${log}`)
      const { status } = await fetch(url + readiness, { signal: AbortSignal.timeout(2000) })
      return readiness === '/' || status === 200
    },
    { timeoutMs: READY_WITHIN_MS },
  )
  const readyAfterMs = performance.now() - startedMs
  return { name, url, pid: process_.pid, readyAfterMs, stop: async () => void (await process_.stop(STOP_WITHIN_MS)) }
}

function runIn(
  local: LocalStack,
  what: { name: string; url: string; command: string; args: string[]; log: string; env: NodeJS.ProcessEnv },
) {
  const { name, url, command, args, env, log } = what
  return local.run({ name, url, command, args, env, stopSignal: 'SIGTERM', output: { file: log } })
}

function base({ issuer }: BenchStack): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return {
    PATH,
    HOME,
    HOST: '127.0.0.1',
    NODE_ENV: 'development',
    JWT_ISSUER: issuer.issuer,
    JWT_AUDIENCE: issuer.audience,
    JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
  }
}

export const newPrefix = (): string => `bench:${randomBytes(4).toString('hex')}:`
