/** `npm start` as it meets people's machines: polluted environments, other users, killed and hanging processes, a second terminal. */
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findRedis } from '../../src/local/redis-binary.ts'
import { becomes } from '../support/becomes.ts'
import { type Checkout, makeCheckout, type Started } from '../support/checkout.ts'

const isRoot = process.getuid?.() === 0
const LONG_MS = 240_000

const api = (checkout: Checkout) => `http://127.0.0.1:${checkout.ports.PORT}`
const ready = (checkout: Checkout) =>
  fetch(`${api(checkout)}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )
const processOf = (checkout: Checkout, name: string) => checkout.state()?.processes.find((each) => each.name === name)

describe('in an environment that is full of other things', { timeout: LONG_MS }, () => {
  let checkout: Checkout
  let started: Started
  beforeAll(async () => {
    checkout = await makeCheckout()
    started = checkout.start({
      env: {
        // As conda, csh, a psql user and a build server leave it behind.
        HOST: 'x86_64-conda-linux-gnu',
        PGSSLMODE: 'require',
        PGHOST: 'db.example.com',
        PGOPTIONS: '-c search_path=nowhere',
        NODE_ENV: 'production',
        JWT_ISSUER: 'https://another.example',
      },
    })
    await started.says('everything is up')
  }, LONG_MS)
  afterAll(async () => {
    await started?.stop()
    checkout?.remove()
  })

  it('starts, and says what it does not heed', async () => {
    expect(await ready(checkout)).toBe(true)
    expect(started.output()).toContain(
      'PGSSLMODE, PGHOST, PGOPTIONS in the environment are not for the local PostgreSQL',
    )
  })

  it('is found by a second terminal that knows neither its port nor its issuer', () => {
    const { status, stdout, stderr } = checkout.cli('portcullis', ['users', '--json'])
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout).data).toHaveLength(10)
    const token = checkout.cli('token', ['alice']).stdout.trim()
    expect(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()).iss).toBe('https://another.example')
  })

  it('starts an API that was killed again, and goes on beside it', async () => {
    const before = processOf(checkout, 'api')!
    process.kill(before.pid, 'SIGKILL')
    await started.says('api is back')
    expect(started.output()).toContain('api ended (SIGKILL); starting it again')
    await becomes(() => ready(checkout), true, 60_000)
    expect(processOf(checkout, 'api')!.pid).not.toBe(before.pid)
    expect(checkout.cli('portcullis', ['users']).status).toBe(0)
  })

  it('refuses arguments that it does not know, and explains itself with --help', () => {
    expect(checkout.cli('start', ['--reset-smaple'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Did you mean --reset-sample?'),
    })
    expect(checkout.cli('start', ['--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('PORT (3000)'),
    })
  })
})

describe('beside a Redis server that hangs while it starts', { timeout: LONG_MS }, () => {
  let checkout: Checkout
  let started: Started
  beforeAll(async () => {
    checkout = await makeCheckout()
    const { command } = await findRedis({ toolsDir: path.join(checkout.folder, '.portcullis/tools'), log: () => {} })
    const folder = path.join(checkout.folder, 'bin')
    const real = path.join(folder, 'real', 'redis-server')
    mkdirSync(path.dirname(real), { recursive: true })
    // Of a multi-call binary the name decides what it is.
    symlinkSync(command, real)
    // The first server that starts in redis-2 stops itself before it is one.
    const script = `#!/bin/sh
case $PWD in */redis-2) if [ ! -e hung ]; then : > hung; kill -STOP $$; fi ;; esac
exec ${real} "$@"
`
    writeFileSync(path.join(folder, 'redis-server'), script)
    chmodSync(path.join(folder, 'redis-server'), 0o755)
    started = checkout.start({ env: { PATH: `${folder}:${process.env.PATH}` } })
    await started.says('everything is up')
  }, LONG_MS)
  afterAll(async () => {
    await started?.stop()
    checkout?.remove()
  })

  it('starts without it, says so, and serves from the cache', async () => {
    expect(started.output()).toMatch(/going on without redis-2: redis-2 answers: not within \d+ ms/)
    expect(await ready(checkout)).toBe(true)
    const cache = JSON.parse(checkout.cli('portcullis', ['cache', '--json']).stdout)
    expect(cache.redis.breaker).toBe('closed')
  })

  it('takes it back when it wakes up', async () => {
    process.kill(processOf(checkout, 'redis-2')!.pid, 'SIGCONT')
    await started.says('redis-2 answers now')
    const replicas = () => JSON.parse(checkout.cli('portcullis', ['cache', '--json']).stdout).redis.topology.replicas
    await becomes(async () => replicas().filter((each: { linkUp: boolean }) => each.linkUp).length, 2, 60_000)
  })
})

describe('the sample', { timeout: LONG_MS }, () => {
  it('comes back as it was with --reset-sample, and only with that', async () => {
    const checkout = await makeCheckout()
    const users = () => JSON.parse(checkout.cli('portcullis', ['users', '--json']).stdout).data.length
    try {
      const first = checkout.start()
      await first.says('everything is up')
      expect(checkout.cli('portcullis', ['users', 'delete', 'alice', '--yes']).status).toBe(0)
      expect(await first.stop()).toBe(0)
      const second = checkout.start()
      await second.says('everything is up')
      expect(users()).toBe(9)
      expect(await second.stop()).toBe(0)
      const third = checkout.start({ args: ['--reset-sample'] })
      await third.says('everything is up')
      expect(users()).toBe(10)
      const seen = checkout.cli('portcullis', ['users', 'resources', 'alice', '--json'])
      expect(JSON.parse(seen.stdout).data.length).toBeGreaterThan(0)
      expect(await third.stop()).toBe(0)
    } finally {
      checkout.remove()
    }
  })

  it('is not reset in a database of somebody else', async () => {
    const checkout = await makeCheckout()
    const { status, stderr } = checkout.cli('start', ['--reset-sample'], { DATABASE_URL: 'postgresql://db.example/x' })
    checkout.remove()
    expect(status).toBe(1)
    expect(stderr).toContain('DATABASE_URL names another')
  })
})

describe('a DATABASE_URL that another project has left in the environment', { timeout: LONG_MS }, () => {
  it.each([
    ['nonsense', 'DATABASE_URL must be a URL that starts with postgresql://'],
    ['postgresql://u:p@127.0.0.1:1/x', 'the database that DATABASE_URL names cannot be used: connect ECONNREFUSED'],
  ])('is named where it cannot be used: %s', async (url, message) => {
    const checkout = await makeCheckout()
    const { status, stderr } = checkout.cli('start', [], { DATABASE_URL: url, ...checkout.ports })
    checkout.remove()
    expect([status, stderr]).toEqual([1, expect.stringContaining(message)])
  })
})

describe.skipIf(!isRoot)('as another user', { timeout: LONG_MS }, () => {
  it('starts as root under umask 077', async () => {
    const former = process.umask(0o077)
    let checkout: Checkout | undefined
    try {
      checkout = await makeCheckout()
      // What is installed is for root alone, too.
      chmodSync(checkout.folder, 0o700)
      const started = checkout.start()
      await started.says('everything is up')
      expect(await ready(checkout)).toBe(true)
      expect(await started.stop()).toBe(0)
    } finally {
      process.umask(former)
      checkout?.remove()
    }
  })

  it('starts with a user id that has no name', async () => {
    const uid = 54_321
    const checkout = await makeCheckout()
    for (const folder of ['.', 'src', 'prisma']) chownSync(path.join(checkout.folder, folder), uid, uid)
    try {
      const started = checkout.start({ uid, env: { HOME: checkout.folder } })
      await started.says('everything is up')
      expect(await started.stop()).toBe(0)
    } finally {
      checkout.remove()
    }
  })
})
