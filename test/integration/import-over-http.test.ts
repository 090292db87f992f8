/** Large imports over HTTP, with all that happens to long requests: they repeat, meet, are hung up on, and outlive their instance. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { type ServiceProcess, spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const MEMBERSHIPS = 60_000
const GROUPS = 60

interface Membership {
  group: string
  user: string
}

/** Four megabytes: far beyond what is read at once. */
function organisation(alter: (memberships: Membership[]) => void = () => {}): Buffer {
  const users = MEMBERSHIPS / GROUPS
  const memberships = Array.from({ length: MEMBERSHIPS }, (_, n) => ({
    group: `group-${Math.floor(n / users)}`,
    user: `user-${n % users}`,
    role: 'member',
  }))
  alter(memberships)
  return Buffer.from(
    JSON.stringify({
      users: Array.from({ length: users }, (_, n) => ({ id: `user-${n}` })),
      groups: Array.from({ length: GROUPS }, (_, n) => ({ name: `group-${n}` })),
      memberships,
    }),
  )
}

let folder: string
let databaseUrl: string
let service: ServiceProcess
let client: pg.Client
let authorization: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'portcullis-import-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(async () => {
  databaseUrl = await freshDatabase()
  const issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  authorization = `Bearer ${await issuer.issue({ subject: 'root', roles: ['admin'], ttlSeconds: 600 })}`
  service = await spawnService({
    DATABASE_URL: databaseUrl,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
  })
  await service.ready()
  client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
})
afterEach(async () => {
  await client.end()
  await service.stop()
  await dropDatabase(databaseUrl)
})

const memberships = async () =>
  (await client.query<{ count: number }>('SELECT count(*)::int AS count FROM memberships')).rows[0]?.count

/** An import that has reached the tables: its transaction has an id. */
const underWay = async () =>
  (
    await client.query(
      `SELECT FROM pg_stat_activity WHERE application_name = 'portcullis' AND query LIKE '%INSERT INTO memberships%' AND backend_xid IS NOT NULL`,
    )
  ).rowCount

function post(
  body: Buffer,
  headers: Record<string, string> = {},
  send: (sent: ReturnType<typeof request>) => void = (sent) => sent.end(body),
) {
  const length = headers['transfer-encoding'] ? {} : { 'content-length': String(body.length) }
  const sent = request(`${service.url}/import`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...length, ...headers },
  })
  const answer = new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) }),
      )
    })
  })
  answer.catch(() => {})
  send(sent)
  return { sent, answer }
}

describe('a large import', { timeout: 60_000 }, () => {
  it('is the same with its length, in chunks and compressed; repeated under a key it is one', async () => {
    const body = organisation()
    const key = { 'idempotency-key': 'one' }
    const first = await post(body, key).answer
    expect(first).toMatchObject({ status: 200, body: { memberships: { total: MEMBERSHIPS, created: MEMBERSHIPS } } })
    expect(await post(body, key).answer).toEqual(first)
    expect(await post(gzipSync(body), { ...key, 'content-encoding': 'gzip' }).answer).toEqual(first)
    const other = organisation((all) => all.pop())
    expect((await post(other, key).answer).body).toMatchObject({
      type: 'urn:portcullis:problem:idempotency-other-body',
    })
    const chunked = await post(body, { 'transfer-encoding': 'chunked' }).answer
    expect(chunked).toMatchObject({ status: 200, body: { changed: false, memberships: { total: MEMBERSHIPS } } })
  })

  it('names every problem by its place, and writes nothing', async () => {
    const badly = organisation((all) => {
      Object.assign(all[54_321]!, { role: 'king' })
    })
    expect(await post(badly).answer).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '#/memberships/54321/role', detail: 'must be one of member, maintainer' }] },
    })
    const nowhere = organisation((all) => {
      all[41_000] = { group: 'no-such-group', user: 'user-1' }
      all[59_999] = { ...all[5]! }
      all[43_000] = { group: 'group-1', user: 'nobody' }
    })
    expect(await post(nowhere).answer).toMatchObject({
      status: 400,
      body: {
        errors: [
          { pointer: '#/memberships/59999', detail: 'is the same as /memberships/5' },
          { pointer: '#/memberships/41000/group' },
          { pointer: '#/memberships/43000/user' },
        ],
      },
    })
    expect(await memberships()).toBe(0)
  })

  it('goes on where the client hangs up once the body is there, and is nothing where it hangs up before', async () => {
    const body = organisation()
    const cut = post(body, {}, (sent) => sent.write(body.subarray(0, body.length / 2), () => sent.destroy()))
    await expect(cut.answer).rejects.toThrow()
    const { sent } = post(body)
    await expect.poll(underWay, { timeout: 20_000, interval: 5 }).toBe(1)
    expect(await memberships()).toBe(0)
    sent.destroy()
    await expect.poll(memberships, { timeout: 20_000 }).toBe(MEMBERSHIPS)
    expect(await service.status('/readyz')).toBe(200)
    expect(service.said()).not.toContain('request failed')
  })

  it('and another at the same time are both carried out, or one is told to come again', async () => {
    const both = [organisation(), organisation((all) => all.pop())].map((body) => post(body).answer)
    const answers = await Promise.all(both)
    for (const { status, body } of answers)
      if (status !== 200) expect(body).toMatchObject({ type: 'urn:portcullis:problem:database-locked', status: 503 })
    expect(answers.map(({ status }) => status)).toContain(200)
    expect(await memberships()).toBeGreaterThanOrEqual(MEMBERSHIPS - 1)
  })

  it('is finished by an instance that is told to end, and leaves nothing of itself where that is killed', async () => {
    const body = organisation()
    const killed = post(body)
    await expect.poll(underWay, { timeout: 20_000, interval: 5 }).toBe(1)
    await service.stop('SIGKILL')
    await expect(killed.answer).rejects.toThrow()
    expect(await memberships()).toBe(0)

    const environment = { DATABASE_URL: databaseUrl, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE }
    service = await spawnService({ ...environment, JWT_PUBLIC_KEY_FILE: path.join(folder, 'public.jwks.json') })
    await service.ready()
    const finished = post(body)
    await once(finished.sent, 'finish')
    service.child.kill('SIGTERM')
    expect(await finished.answer).toMatchObject({ status: 200 })
    expect(await service.exited).toBe(0)
    expect(await memberships()).toBe(MEMBERSHIPS)
  })
})
