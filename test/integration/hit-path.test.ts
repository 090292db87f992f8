/** How many files a hit runs through, from the socket to Redis and back. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTokenIssuer, type TokenIssuer } from '../../src/local/token-issuer.ts'
import { createHttpClient } from '../security/http-client.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { asRoot, smallOrganisation, startService } from '../support/service.ts'
import { type ServiceProcess, spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

/** Timers fire meanwhile, such as the poll of the log: what runs in every one of these hits belongs to a hit. */
const HITS = 20
/** All that a reader of the code must have open; a new one is worth a thought. */
const FILES_MAX = 24

let databaseUrl: string
let issuer: TokenIssuer
let service: ServiceProcess
const CALLED = 'files called: '
const folder = mkdtempSync(path.join(tmpdir(), 'portcullis-hit-path-'))

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  const loading = await startService({ databaseUrl })
  await loading.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  await loading.close()
  issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  service = await spawnService({
    DATABASE_URL: databaseUrl,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
    NODE_OPTIONS: `--import=${new URL('../support/called-files.ts', import.meta.url).href}`,
  })
  await service.ready()
})
afterAll(async () => {
  await service?.stop()
  rmSync(folder, { recursive: true })
  await dropDatabase(databaseUrl)
})

/** The files of `src` with a function that was called since the last time. */
async function filesCalled(): Promise<Set<string>> {
  const lines = () =>
    service
      .said()
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith(CALLED))
  const before = lines().length
  service.child.kill('SIGWINCH')
  await expect.poll(() => lines().length, { interval: 1, timeout: 5000 }).toBe(before + 1)
  return new Set(JSON.parse(lines().at(-1)?.slice(CALLED.length) ?? '[]') as string[])
}

it(`runs through at most ${FILES_MAX} files`, async () => {
  const headers = { authorization: `Bearer ${await issuer.issue({ subject: 'ann', roles: [], ttlSeconds: 600 })}` }
  const client = createHttpClient({ port: service.port })
  const hit = async () => (await client.send({ path: '/resources', headers })).headers['cache-status']
  await expect.poll(hit).toContain('hit; ttl')
  let files: Set<string> | undefined
  for (let count = 0; count < HITS; count++) {
    await filesCalled()
    expect(await hit()).toContain('hit; ttl')
    const called = await filesCalled()
    files = files?.intersection(called) ?? called
  }
  client.close()
  const named = [...(files ?? [])].sort()
  expect(named).toContain('cache/read-through.ts')
  expect(named).toContain('http/authentication.ts')
  expect(named.length, named.join('\n')).toBeLessThanOrEqual(FILES_MAX)
})
