/** The service as a process of its own, as it is deployed, beside the stack of the tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Abandoned, waitUntil } from '../../src/local/wait-until.ts'
import { freePort } from './free-port.ts'
import { redisEnvironment } from './stack.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const READY_WITHIN_MS = 30_000

export interface ServiceProcess {
  readonly child: ChildProcess
  readonly port: number
  readonly url: string
  /** Its exit code. */
  readonly exited: Promise<number | null>
  /** Everything that it wrote so far. */
  said(): string
  /** Of a probe; 0 while it does not listen. */
  status(path: string): Promise<number>
  ready(): Promise<void>
  /** Ends it if it still runs. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/**
 * @param environment `DATABASE_URL` and the issuer at least; the rest has values
 * @param under command words that start it, where it is not to run as the test does
 */
export async function spawnService(
  environment: Readonly<Record<string, string>>,
  under: readonly string[] = [],
): Promise<ServiceProcess> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const [command = '', ...args] = [...under, process.execPath, main]
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      ...redisEnvironment(),
      NODE_ENV: 'development',
      HOST: '127.0.0.1',
      PORT: String(port),
      CACHE_PREFIX: `test:${randomBytes(4).toString('hex')}:`,
      CURSOR_SECRET: randomBytes(32).toString('hex'),
      ...environment,
    },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const status = (path: string) =>
    fetch(url + path).then(
      (answer) => answer.status,
      () => 0,
    )
  return {
    child,
    port,
    url,
    exited,
    said: () => said,
    status,
    async ready() {
      const answers = async () => {
        if (child.exitCode !== null) throw new Abandoned(new Error(`the service ended: ${said}`))
        return (await status('/readyz')) === 200
      }
      await waitUntil('the service is ready', answers, { timeoutMs: READY_WITHIN_MS })
    },
    async stop(signal = 'SIGKILL') {
      child.kill(signal)
      await exited
    },
  }
}
