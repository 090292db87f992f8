/** The API itself as a child of the local stack, with its log in a file and its warnings on the terminal. */
import { createWriteStream, type WriteStream } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Exit, GuardedProcess } from './guarded-processes.ts'
import type { LocalStack } from './stack.ts'
import { Abandoned, waitUntil } from './wait-until.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
/** pino's levels: words or numbers. */
const WORTH_SAYING: readonly (string | number | undefined)[] = ['warn', 'error', 'fatal', 40, 50, 60]
const READY_WITHIN_MS = 30_000

export interface ApiProcess {
  readonly url: string
  readonly logFile: string
  readonly process: GuardedProcess
}

export class ApiEndedError extends Error {
  readonly code = 'api-ended'
  constructor({ code, signal }: Exit, logFile: string) {
    super(`the API ended (${signal ?? `code ${code}`}); its log is ${logFile}`)
  }
}

/**
 * Starts src/main.ts and waits until it is ready; one that is started again only until it listens, for it may have to
 * wait for a PostgreSQL that is being started again itself.
 * @throws ApiEndedError when it ends before that; what it said is on the terminal by then
 */
export async function startApi(deps: {
  readonly stack: Pick<LocalStack, 'run' | 'logDir'>
  readonly port: number
  readonly env: NodeJS.ProcessEnv
  readonly warn: (line: string) => void
  readonly until: 'ready' | 'listening'
}): Promise<ApiProcess> {
  const logFile = path.join(deps.stack.logDir, 'api.log')
  const log = createWriteStream(logFile, { flags: 'a' })
  const url = `http://127.0.0.1:${deps.port}`
  const api = deps.stack.run({
    name: 'api',
    url,
    command: process.execPath,
    args: [main],
    // conda and csh set HOST to the machine's name, and a person's shell may set NODE_ENV: neither concerns this stack.
    env: { ...deps.env, NODE_ENV: 'development', HOST: '127.0.0.1', PORT: String(deps.port) },
    stopSignal: 'SIGTERM',
    output: { onData: readLines(log, deps.warn) },
  })
  await waitUntil(
    `the API is ${deps.until}`,
    async () => {
      if (!api.isRunning()) throw new Abandoned(new ApiEndedError(await api.exited, logFile))
      return (
        await fetch(`${url}/${deps.until === 'ready' ? 'readyz' : 'livez'}`, { signal: AbortSignal.timeout(2_000) })
      ).ok
    },
    { timeoutMs: READY_WITHIN_MS },
  ).catch(async (error) => {
    await api.stop(5_000)
    throw error
  })
  return { url, logFile, process: api }
}

/** Everything goes to the file; warnings, errors and lines that are not JSON (a crash) also to the terminal. */
function readLines(log: WriteStream, warn: (line: string) => void): (chunk: Buffer) => void {
  let rest = ''
  return (chunk) => {
    log.write(chunk)
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const worth = worthSaying(line)
      if (worth !== null) warn(worth)
    }
  }
}

/** A warning of the log as one short line, other text unchanged, and null for the rest. */
export function worthSaying(line: string): string | null {
  if (!line.startsWith('{')) return line.trim() === '' ? null : line
  try {
    const { level, msg, err } = JSON.parse(line) as {
      level?: string | number
      msg?: string
      err?: { message?: string }
    }
    if (!WORTH_SAYING.includes(level)) return null
    return [msg, err?.message].filter((text, index, all) => text && all.indexOf(text) === index).join(': ')
  } catch {
    return line
  }
}
