/** One Redis server of a test's own, without a Sentinel: for faults that the shared stack should not suffer. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { findRedis } from '../../src/local/redis-binary.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { freePort } from './free-port.ts'

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** A connection for the test itself, without the service's guard. */
  readonly admin: Redis
  /** SIGSTOP: connections stay, nothing is answered. */
  hang(): void
  resume(): void
  kill(): Promise<void>
  /** Starts it again on the same port with what it had saved. */
  restart(): Promise<void>
  close(): Promise<void>
}

const toolsDir = fileURLToPath(new URL('../../.portcullis/tools', import.meta.url))

/** @param settings further lines of configuration, such as `{ maxmemory: '10mb' }` */
export async function startRedisServer(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const binary = await findRedis({ toolsDir, log: () => {} })
  const port = settings.port ? Number(settings.port) : await freePort()
  const host = settings.bind ?? '127.0.0.1'
  const dir = mkdtempSync(path.join(tmpdir(), 'portcullis-redis-'))
  const admin = new Redis({
    port,
    host,
    lazyConnect: true,
    retryStrategy: () => 50,
    ...adminLogin(settings),
  })
  admin.on('error', () => {})
  let child: ChildProcess

  async function launch(): Promise<void> {
    const given = { port: `${port}`, dir, save: '', 'enable-debug-command': 'local', ...settings }
    const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value])
    child = spawn(binary.command, args, {
      ...(binary.argv0 && { argv0: binary.argv0 }),
      ...(binary.env && { env: binary.env }),
      stdio: 'ignore',
    })
    if (admin.status === 'wait') admin.connect().catch(() => {})
    await waitUntil('Redis answers', async () => admin.status === 'ready' && (await admin.ping()), {
      timeoutMs: 10_000,
    })
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  await launch()
  return {
    port,
    url: `redis://${host}:${port}`,
    admin,
    hang: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill,
    restart: launch,
    async close() {
      admin.disconnect()
      await kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function adminLogin({ requirepass }: Readonly<Record<string, string>>) {
  return requirepass ? { password: requirepass } : {}
}
