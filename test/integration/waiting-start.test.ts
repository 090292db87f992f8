/** What is applied at once starts in any order: the API waits for the migrations, the migrations for the database's name. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { spawnWithNames } from '../k8s/support/container.ts'
import { namespaceCommand } from '../k8s/support/tools.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { becomes } from '../support/becomes.ts'
import { spawnService } from '../support/service-process.ts'
import { dropDatabase, emptyDatabase } from '../support/stack.ts'

const migrate = fileURLToPath(new URL('../../src/cli/migrate.ts', import.meta.url))
const names = namespaceCommand()

let databaseUrl: string
let folder: string
beforeEach(async () => {
  databaseUrl = await emptyDatabase()
  folder = mkdtempSync(path.join(tmpdir(), 'portcullis-waiting-'))
})
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true })
  await dropDatabase(databaseUrl)
})

function heard(child: ChildProcess) {
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return { child, exited, said: () => said }
}

async function startApi(environment: Readonly<Record<string, string>> = {}) {
  const issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  const api = await spawnService({
    DATABASE_URL: databaseUrl,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
    ...environment,
  })
  onTestFinished(() => api.stop())
  return api
}

const runMigrate = (args: readonly string[]) =>
  heard(spawn(process.execPath, [migrate, ...args], { env: { PATH: process.env.PATH, DATABASE_URL: databaseUrl } }))

describe('the API beside a database that is not migrated yet', () => {
  it('lives, is not ready, says why, and goes on when the migrations have run', async () => {
    const api = await startApi()
    await expect.poll(api.said, { timeout: 20_000 }).toContain('waiting for the migrations')
    expect(api.said()).toContain('the database lacks 20261124000000_first_light')
    expect([await api.status('/livez'), await api.status('/readyz')]).toEqual([200, 503])
    expect(await runMigrate([]).exited).toBe(0)
    await becomes(() => api.status('/readyz'), 200, 20_000)
    expect(api.child.exitCode).toBeNull()
    expect(api.said().split('waiting for the migrations')).toHaveLength(2)
  })

  it('ends after MIGRATION_WAIT_MS with what is missing', async () => {
    const api = await startApi({ MIGRATION_WAIT_MS: '1500' })
    expect(await api.exited).toBe(1)
    expect(api.said().trimEnd().split('\n').at(-1)).toMatch(/^the database lacks .*; apply with `npm run migrate`/)
  })
})

describe.skipIf(!names)('migrate beside a database whose name does not resolve yet', () => {
  const hostsFile = () => path.join(folder, 'hosts')
  const resolve = (lines: string) => writeFileSync(hostsFile(), `127.0.0.1 localhost\n${lines}`)

  function runWithNames(args: readonly string[]) {
    const url = new URL(databaseUrl)
    url.hostname = 'database.test'
    const resolvFile = path.join(folder, 'resolv.conf')
    writeFileSync(resolvFile, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
    const table = { namespace: names ?? [], hostsFile: hostsFile(), resolvFile }
    const environment = { PATH: process.env.PATH, DATABASE_URL: url.href }
    return heard(spawnWithNames(table, [process.execPath, migrate, ...args], environment))
  }

  it('waits, says why once, and applies when it does', async () => {
    resolve('')
    const waiting = runWithNames(['--wait', '60'])
    await expect
      .poll(waiting.said, { timeout: 20_000 })
      .toMatch(/Waiting up to 60 s for the database: .*database\.test/)
    resolve('127.0.0.1 database.test\n')
    expect(await waiting.exited).toBe(0)
    expect(waiting.said()).toContain('Applied: 20261124000000_first_light')
    expect(waiting.said().split('Waiting up to')).toHaveLength(2)
  })

  it('gives up when the time is over, with the reason', async () => {
    resolve('')
    const waiting = runWithNames(['--wait', '2'])
    expect(await waiting.exited).toBe(1)
    expect(waiting.said()).toMatch(/Migration failed: .*database\.test/)
  })
})
