/** Redis and Sentinel as an installation with something to lose runs them: TLS, users with passwords, names, a database number. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aliceList, layer } from '../../src/cache/testing/index.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import { findRedis } from '../../src/local/redis-binary.ts'
import { createRedis, type RedisAdapter, type RedisDependencies } from '../../src/redis/index.ts'
import { becomes } from '../support/becomes.ts'
import { freePort } from '../support/free-port.ts'

const toolsDir = fileURLToPath(new URL('../../.portcullis/tools', import.meta.url))
const USERS = { redis: 'the-password-of-app', sentinel: 'the-password-of-asker' }
const DB = 3

const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

let dir: string
let ca: string
let redisPort: number
let settings: Pick<RedisDependencies, 'sentinels' | 'masterName'>
const opened: RedisAdapter[] = []
const stopping: (() => Promise<unknown>)[] = []

/** A certificate that names `localhost` and is its own authority, for a day. */
function createCertificate(): string {
  const files = ['-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, ...files], { stdio: 'ignore' })
  return path.join(dir, 'cert.pem')
}

const overTls = (port: number) => [
  'port 0',
  `tls-port ${port}`,
  `tls-cert-file ${path.join(dir, 'cert.pem')}`,
  `tls-key-file ${path.join(dir, 'key.pem')}`,
  `tls-ca-cert-file ${path.join(dir, 'cert.pem')}`,
  'tls-auth-clients no',
  'tls-replication yes',
  'bind 127.0.0.1',
]

async function launch(name: string, lines: readonly string[], ...more: string[]): Promise<void> {
  const file = path.join(dir, `${name}.conf`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  const binary = await findRedis({ toolsDir, log: () => {} })
  const child = spawn(binary.command, [file, ...more], {
    ...(binary.argv0 && { argv0: binary.argv0 }),
    ...(binary.env && { env: binary.env }),
    cwd: dir,
    stdio: 'ignore',
  })
  stopping.push(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
}

function open(more: Partial<RedisDependencies> = {}): RedisAdapter {
  const adapter = createRedis({
    layers: LAYERS,
    ...settings,
    ...{ username: 'app', password: USERS.redis, tls: true, tlsCa: ca, db: DB },
    ...{ sentinelUsername: 'asker', sentinelPassword: USERS.sentinel, sentinelTls: true, sentinelTlsCa: ca },
    prefix: 'secured:',
    budgetMs: 100,
    ...more,
  })
  opened.push(adapter)
  return adapter
}

describe.skipIf(!hasOpenssl)('a Redis behind a Sentinel, both with TLS, users and names', () => {
  beforeAll(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'portcullis-tls-'))
    ca = readFileSync(createCertificate(), 'utf8')
    const sentinelPort = await freePort()
    redisPort = await freePort()
    await launch('redis', [
      ...overTls(redisPort),
      `user app on >${USERS.redis} ~secured:* &* +@all`,
      'user default off',
    ])
    await launch(
      'sentinel',
      [
        ...overTls(sentinelPort),
        'sentinel resolve-hostnames yes',
        'sentinel announce-hostnames yes',
        `sentinel monitor secured localhost ${redisPort} 1`,
        'sentinel auth-user secured app',
        `sentinel auth-pass secured ${USERS.redis}`,
        `user asker on >${USERS.sentinel} ~* &* +@all`,
        'user default off',
      ],
      '--sentinel',
    )
    settings = { sentinels: [{ host: 'localhost', port: sentinelPort }], masterName: 'secured' }
  })
  afterAll(async () => {
    for (const adapter of opened) await adapter.close()
    for (const stop of stopping) await stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('is found, trusted and used, in its database', async () => {
    const redis = open()
    await becomes(redis.answers, true)
    expect(await redis.store.read([{ key: aliceList, layer }])).toEqual([{ kind: 'absent' }])
    const { topology, server } = await redis.status()
    expect(server).toMatchObject({ role: 'master' })
    expect(topology).toMatchObject({ master: { address: expect.stringMatching(/^localhost:/) }, agreed: true })
  })

  it.each([
    ['a wrong password for Redis', { password: 'former' }, 'redis-refused-access'],
    ['a wrong password for the Sentinel', { sentinelPassword: 'former' }, 'redis-refused-access'],
    ['an authority that did not sign', { tlsCa: undefined }, 'redis-unavailable'],
    ['no TLS towards the Sentinel', { sentinelTls: false }, 'redis-unavailable'],
  ] as const)('is not used with %s', async (_, wrong, detail) => {
    const redis = open(wrong)
    await becomes(() => redis.guard.state(), 'open')
    expect(redis.answers()).toBe(false)
    const failure = await redis.store.read([{ key: aliceList, layer }]).catch((error: unknown) => error)
    expect(failure).toMatchObject({ detail: 'breaker-open', cause: { detail } })
  })

  it.each([
    ['a wrong password for Redis', () => ({ password: 'former' }), 'master', 'refused-access', /WRONGPASS/],
    [
      'a wrong password for the Sentinel',
      () => ({ sentinelPassword: 'former' }),
      'sentinel',
      'refused-access',
      /WRONGPASS/,
    ],
    ['an authority that did not sign', () => ({ tlsCa: undefined }), 'master', 'certificate', /self-signed/],
    [
      'another name of the master',
      () => ({ masterName: 'other' }),
      'sentinel',
      'unknown-master',
      /No such master|no master named/,
    ],
    [
      'a certificate with another name, of the Sentinel',
      () => ({ sentinels: settings.sentinels?.map(({ port }) => ({ host: '127.0.0.1', port })) }),
      'sentinel',
      'certificate',
      /does not match certificate's altnames/,
    ],
    [
      'a certificate with another name, of Redis',
      () => ({ sentinels: undefined, url: `rediss://127.0.0.1:${redisPort}` }),
      'master',
      'certificate',
      /does not match certificate's altnames/,
    ],
    [
      'a Sentinel that is not there',
      () => ({ sentinels: [{ host: 'localhost', port: 1 }] }),
      'sentinel',
      'connection-refused',
      /ECONNREFUSED/,
    ],
  ] as const)('says why it is not used, where, and once: %s', async (_, wrong, connection, reason, message) => {
    const said: { connection?: string; address?: string; reason?: string; text: string }[] = []
    const counted: string[] = []
    const redis = open({
      ...wrong(),
      logger: { warn: (fields, text) => said.push({ ...fields, text }), info() {} },
      sink: { command() {}, breaker() {}, error: (...labels) => counted.push(labels.join(' ')) },
    })
    await becomes(() => counted.filter((each) => each === `${connection} ${reason}`).length > 2, true)
    const about = said.filter((each) => each.connection === connection && each.reason === reason)
    expect(about).toEqual([
      expect.objectContaining({ address: expect.stringMatching(/^[\w.]+:\d+$/), text: expect.stringMatching(message) }),
    ])
    const { errors } = await redis.status()
    expect(errors).toContainEqual(
      expect.objectContaining({
        connection,
        reason,
        address: about[0]?.address,
        message: expect.stringMatching(message),
      }),
    )
    expect(JSON.stringify([said, errors])).not.toMatch(/former|the-password/)
  })
})
