/** One Idempotency-Key, one effect, however often and wherever it is repeated, and whatever happened to the connection. */
import net from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogRetention } from '../../src/postgres/log-retention.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import type { Answer } from '../security/http-client.ts'
import { replayOf, storm } from '../security/retry-storm.ts'
import { type ServedFleet, serveFleet } from '../security/served-fleet.ts'
import { createTruth, type Truth } from '../security/visibility-truth.ts'
import { becomes } from '../support/becomes.ts'
import { dropDatabase, freshDatabase, redisEnvironment } from '../support/stack.ts'

let databaseUrl: string
let fleet: ServedFleet
let truth: Truth

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  fleet = await serveFleet({ databaseUrl, redis: redisEnvironment(), count: 2 })
  truth = await createTruth(databaseUrl)
})
afterAll(async () => {
  await truth?.close()
  await fleet?.close()
  await dropDatabase(databaseUrl)
})

async function headersOf(key: string, subject = 'root'): Promise<Record<string, string>> {
  const authorization = await fleet.authorization(subject, { roles: ['admin', 'cache-admin'] })
  return { authorization, 'content-type': 'application/json', 'idempotency-key': key }
}

async function create(name: string, key: string, { instance = 0, subject = 'root' } = {}): Promise<Answer> {
  const headers = await headersOf(key, subject)
  return fleet.instances[instance]!.client.send({
    method: 'POST',
    path: '/groups',
    headers,
    body: JSON.stringify({ name }),
  })
}

const groupsNamed = async (name: string) =>
  (await truth.query<{ count: number }>('SELECT count(*)::int AS count FROM groups WHERE name = $1', [name]))[0]?.count
const waiting = async () =>
  (
    await truth.query<{
      count: number
    }>(`SELECT count(*)::int AS count FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE NOT l.granted AND d.datname = current_database()`)
  )[0]?.count ?? 0

/** While the work runs no group can be created, so a request that tries is held in the middle. */
async function whileGroupsAreHeld(work: (release: () => Promise<void>) => Promise<void>): Promise<void> {
  const holder = new pg.Client({ connectionString: databaseUrl })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('LOCK TABLE groups IN EXCLUSIVE MODE')
  try {
    await work(async () => void (await holder.query('COMMIT')))
  } finally {
    await holder.end()
  }
}

describe('a request repeated under one key', () => {
  it('fifty at once, over two instances, has one effect and one answer', { timeout: 120_000 }, async () => {
    const keys = Number(process.env.STORM_KEYS ?? 20)
    const report = await storm({ fleet, truth, keys, parallel: 50, lanes: 4 })
    expect(report.wrong).toEqual([])
    expect(report.requests).toBeGreaterThanOrEqual(keys * 51)
    expect([...report.statuses.keys()].sort()).toEqual([201, 409, 422])
  })

  it('is told to come back while the first is under way, and then gets its answer', async () => {
    await whileGroupsAreHeld(async (release) => {
      const first = create('slowly', 'k-progress')
      await becomes(waiting, 1)
      const meanwhile = await create('slowly', 'k-progress', { instance: 1 })
      expect([meanwhile.status, meanwhile.headers['retry-after']]).toEqual([409, '1'])
      expect(JSON.parse(meanwhile.text).type).toBe('urn:portcullis:problem:idempotency-in-progress')
      await release()
      const done = await first
      expect(done.status).toBe(201)
      expect(replayOf(await create('slowly', 'k-progress', { instance: 1 }))).toBe(replayOf(done))
    })
    expect(await groupsNamed('slowly')).toBe(1)
  })

  it('after its connection was cut in the middle gets the answer of the one effect', async () => {
    await whileGroupsAreHeld(async (release) => {
      const body = JSON.stringify({ name: 'cut off' })
      const headers = { ...(await headersOf('k-cut')), host: 'test', 'content-length': String(body.length) }
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      const socket = net.connect(fleet.instances[0]!.port, '127.0.0.1')
      socket.write(`POST /groups HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
      await becomes(waiting, 1)
      socket.destroy()
      await release()
    })
    await becomes(() => groupsNamed('cut off'), 1)
    const answers = [await create('cut off', 'k-cut'), await create('cut off', 'k-cut', { instance: 1 })]
    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    expect(new Set(answers.map(replayOf)).size).toBe(1)
    expect(await groupsNamed('cut off')).toBe(1)
  })

  it("is a mistake with another body or another path, and nobody else's business", async () => {
    expect((await create('mine', 'k-own')).status).toBe(201)
    expect((await create('mine too', 'k-own')).status).toBe(422)
    const elsewhere = await fleet.instances[0]!.client.send({
      method: 'POST',
      path: '/resources',
      headers: await headersOf('k-own'),
      body: JSON.stringify({ name: 'mine' }),
    })
    expect(elsewhere.status).toBe(400)
    expect((await create("somebody else's", 'k-own', { subject: 'other-root' })).status).toBe(201)
    expect(await groupsNamed('mine too')).toBe(0)
  })

  it('has a new effect once the key has expired', async () => {
    const first = await create('first time', 'k-expired')
    await truth.query(`UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE key = 'k-expired'`)
    const second = await create('second time', 'k-expired')
    expect([first.status, second.status]).toEqual([201, 201])
    expect([await groupsNamed('first time'), await groupsNamed('second time')]).toEqual([1, 1])
    expect(replayOf(await create('second time', 'k-expired'))).toBe(replayOf(second))
  })

  it('is kept for a day and then forgotten', async () => {
    await create('kept', 'k-kept')
    await create('forgotten', 'k-forgotten')
    const lives = await truth.query(
      `SELECT abs(extract(epoch FROM expires_at - now()) - 86400) < 60 AS "aDay" FROM idempotency_keys WHERE key = 'k-kept'`,
    )
    expect(lives).toEqual([{ aDay: true }])
    await truth.query(`UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE key = 'k-forgotten'`)
    const database = createDatabase({ url: databaseUrl, poolMax: 1, queueMax: 1, statementTimeoutMs: 5000 })
    await createLogRetention({ database, retentionMs: 3_600_000 }).run()
    await database.close()
    const kept = await truth.query(`SELECT key FROM idempotency_keys WHERE key IN ('k-kept', 'k-forgotten')`)
    expect(kept).toEqual([{ key: 'k-kept' }])
  })

  it('that was refused is not remembered: the key is free for the corrected request', async () => {
    await create('taken', 'k-taken')
    expect((await create('taken', 'k-refused')).status).toBe(409)
    expect((await create('not taken', 'k-refused')).status).toBe(201)
  })
})
