/** Passwords of Redis and Sentinel that change while the service runs: rotated, or tokens that a sidecar renews. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findRedis } from '../../src/local/redis-binary.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { becomes } from '../support/becomes.ts'
import { freePort } from '../support/free-port.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { asRoot, outcomeOf, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const toolsDir = fileURLToPath(new URL('../../.portcullis/tools', import.meta.url))

let folder: string
let databaseUrl: string
let server: RedisServer
let sentinel: ChildProcess
/** Of the Sentinel, for the test itself. */
let asker: Redis
let service: Service

const file = (name: string) => path.join(folder, name)

async function startSentinel(port: number): Promise<ChildProcess> {
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor rotating 127.0.0.1 ${server.port} 1`,
  ]
  writeFileSync(file('sentinel.conf'), `${lines.join('\n')}\n`)
  const { command, argv0, env } = await findRedis({ toolsDir, log: () => {} })
  const options = { ...(argv0 && { argv0 }), ...(env && { env }), stdio: 'ignore' as const }
  return spawn(command, [file('sentinel.conf'), '--sentinel'], options)
}

/** As a managed service does it when a token ends: the former one is worth nothing, and its connections are closed. */
async function replace(admin: Redis, user: string, password: string): Promise<void> {
  await admin.call('ACL', 'SETUSER', user, 'on', 'resetpass', `>${password}`, '~*', '&*', '+@all')
  await admin.call('CLIENT', 'KILL', 'USER', user)
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'redis-credentials-'))
  databaseUrl = await freshDatabase()
  server = await startRedisServer()
  const port = await freePort()
  sentinel = await startSentinel(port)
  asker = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 })
  asker.on('error', () => {})
  await waitUntil('Sentinel answers', async () => asker.status === 'ready', { timeoutMs: 10_000 })
  await replace(server.admin, 'app', 'first')
  await replace(asker, 'asker', 'first')
  for (const name of ['redis', 'sentinel']) writeFileSync(file(name), 'first\n')
  const environment = {
    ...PATIENT,
    REDIS_SENTINELS: `127.0.0.1:${port}`,
    REDIS_MASTER_NAME: 'rotating',
    REDIS_USERNAME: 'app',
    REDIS_PASSWORD_FILE: file('redis'),
    SENTINEL_USERNAME: 'asker',
    SENTINEL_PASSWORD_FILE: file('sentinel'),
  }
  service = await startService({ databaseUrl, environment })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
})
afterAll(async () => {
  await service?.close()
  asker?.disconnect()
  sentinel?.kill('SIGKILL')
  if (sentinel) await once(sentinel, 'exit')
  await server?.close()
  await dropDatabase(databaseUrl)
  rmSync(folder, { recursive: true, force: true })
})

const connected = () => becomes(async () => (await outcomeOf(service, 'ann')) === 'hit', true, 10_000)
const status = async () =>
  (await service.portcullis.cache.status()) as { redis: { connected: boolean; errors: object[] } }

describe('passwords in files', () => {
  it('are read again for each new connection, and no request fails meanwhile', async () => {
    await connected()
    let running = true
    let answers = 0
    const reading = (async () => {
      for (; running; answers++) expect(await service.visible('ann')).toHaveLength(1)
    })()

    for (const password of ['second', 'third']) {
      // The old one ends before the new one is there: Redis is away for the service until then, which answers all the same.
      await replace(asker, 'asker', password)
      await replace(server.admin, 'app', password)
      await becomes(async () => (await status()).redis.connected, false)
      for (const name of ['redis', 'sentinel']) writeFileSync(file(name), `${password}\n`)
      await becomes(async () => (await status()).redis.connected, true, 10_000)
      await becomes(async () => (await status()).redis.errors, [], 10_000)
    }
    await connected()
    running = false
    await reading
    expect(answers).toBeGreaterThan(20)
  }, 60_000)

  it('are read again by the subscriptions at Sentinels, too, while the connection to Redis stays', async () => {
    writeFileSync(file('sentinel'), 'fourth\n')
    await replace(asker, 'asker', 'fourth')
    const subscribed = async () =>
      /user=asker .*\bsub=[1-9]|\bsub=[1-9].* user=asker/.test(String(await asker.client('LIST')))
    await becomes(subscribed, true, 10_000)
    expect(await status()).toMatchObject({ redis: { connected: true, errors: [] } })
  })

  it('that are unchanged and still accepted when connections end cost a new connection', async () => {
    await server.admin.call('CLIENT', 'KILL', 'USER', 'app')
    await connected()
  })
})
