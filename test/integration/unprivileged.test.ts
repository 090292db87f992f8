/** As clusters run it: a user id that no file knows (OpenShift), a root file system that nobody can write, no rights. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const UNPRIVILEGED = [
  'setpriv',
  '--reuid=1000650000',
  '--regid=0',
  '--clear-groups',
  '--no-new-privs',
  '--bounding-set=-all',
]
const UNDER = ['unshare', '--mount', 'sh', '-c', 'mount -o remount,bind,ro / && exec "$@"', 'sh', ...UNPRIVILEGED]
/** Whether this machine allows it, and that user may read this checkout. */
const isPossible = (): boolean => {
  const [command = '', ...args] = [
    ...UNDER,
    'sh',
    '-c',
    `! touch ${tmpdir()}/x 2>/dev/null && test -r ${import.meta.filename} && test -x ${process.execPath}`,
  ]
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

it.skipIf(!isPossible())('the service runs, reads and changes', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'portcullis-unprivileged-'))
  const databaseUrl = await freshDatabase()
  const issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  chmodSync(folder, 0o755)
  const key = { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile }
  const service = await spawnService({ DATABASE_URL: databaseUrl, HOST: '::', ...key }, UNDER)
  onTestFinished(async () => {
    await service.stop()
    rmSync(folder, { recursive: true })
    await dropDatabase(databaseUrl)
  })
  await service.ready()
  const authorization = `Bearer ${await issuer.issue({ subject: 'ann', roles: ['admin'], ttlSeconds: 600 })}`
  const ask = (where: string, init: RequestInit = {}) =>
    fetch(service.url + where, { ...init, headers: { authorization, 'content-type': 'application/json' } })
  expect((await ask('/users/ann', { method: 'PUT', body: '{}' })).status).toBe(201)
  for (const _ of [1, 2]) expect((await ask('/resources')).status).toBe(200)
  expect((await ask('/resources')).headers.get('cache-status')).toContain('hit')
  await service.stop('SIGTERM')
  expect(await service.exited).toBe(0)
})
