/**
 * The process stands still for longer than any timeout (a stopped container, a frozen virtual machine): requests that
 * were under way are answered, because the answers they wait for are already in the sockets.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { AUDIENCE, ISSUER } from '../support/app.ts'
import { spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const PAUSE_MS = 4000
const REQUEST_BUDGET_MS = 2500
/** As many as the connections that are kept open. */
const REQUESTS = 4

let databaseUrl: string
let folder: string
beforeAll(async () => {
  databaseUrl = await freshDatabase()
  folder = mkdtempSync(path.join(tmpdir(), 'portcullis-pause-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await dropDatabase(databaseUrl)
})

async function startProcess() {
  const issuer = await createTokenIssuer({ keysDir: folder, issuer: ISSUER, audience: AUDIENCE })
  const service = await spawnService({
    LOG_LEVEL: 'error',
    REQUEST_BUDGET_MS: String(REQUEST_BUDGET_MS),
    DATABASE_URL: databaseUrl,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_PUBLIC_KEY_FILE: issuer.publicKeyFile,
  })
  await service.ready()
  const token = await issuer.issue({ subject: 'root', roles: ['admin'], ttlSeconds: 600 })
  return { ...service, headers: { authorization: `Bearer ${token}` } }
}

it('answers the requests that were under way when the process was stopped for four seconds', async () => {
  const { child, url, stop, headers } = await startProcess()
  const other = new pg.Client({ connectionString: databaseUrl })
  await other.connect()
  try {
    await other.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
    // Each asks PostgreSQL twice: whether the caller is enabled, then for the user. The second is asked after the pause.
    const startedMs = performance.now()
    const asked = Array.from({ length: REQUESTS }, (_, at) => fetch(`${url}/users/user-${at}`, { headers }))
    const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    await expect.poll(async () => (await other.query(waiting)).rows[0].n, { timeout: 2000 }).toBe(REQUESTS)
    child.kill('SIGSTOP')
    await other.query('COMMIT')
    await sleep(PAUSE_MS)
    child.kill('SIGCONT')
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(performance.now() - startedMs, 'the budget was over').toBeGreaterThan(REQUEST_BUDGET_MS)
    expect(statuses).toEqual(Array.from({ length: REQUESTS }, () => 404))
  } finally {
    child.kill('SIGCONT')
    await stop()
    await other.end()
  }
})

it('gives out no access that ended while the process was stopped', async () => {
  const { child, url, stop, headers } = await startProcess()
  const other = new pg.Client({ connectionString: databaseUrl })
  await other.connect()
  const names = async () => {
    const { data } = (await (await fetch(`${url}/resources`, { headers })).json()) as { data: { name: string }[] }
    return data.map(({ name }) => name)
  }
  try {
    await other.query(
      `WITH u AS (INSERT INTO users (id) VALUES ('root') RETURNING id), g AS (INSERT INTO groups (name) VALUES ('g') RETURNING id),
         m AS (INSERT INTO memberships (user_id, group_id) SELECT u.id, g.id FROM u, g),
         r AS (INSERT INTO resources (name, kind) VALUES ('stays', 'k'), ('ends', 'k') RETURNING id, name)
       INSERT INTO grants (group_id, resource_id, permission, expires_at)
       SELECT g.id, r.id, 'read', CASE r.name WHEN 'ends' THEN clock_timestamp() + interval '4 seconds' END FROM g, r`,
    )
    await expect.poll(names, { timeout: 3000 }).toEqual(['ends', 'stays'])
    child.kill('SIGSTOP')
    // In the socket before anything else that happened meanwhile.
    const asked = other
      .query(`SELECT pg_sleep_until(max(expires_at)) FROM grants`)
      .then(() => Promise.all([names(), names()]))
    await sleep(PAUSE_MS + 500)
    child.kill('SIGCONT')
    expect(await asked).toEqual([['stays'], ['stays']])
  } finally {
    child.kill('SIGCONT')
    await stop()
    await other.end()
  }
})

it('reads the answer to a statement that came while the process could not look', async () => {
  const database = createDatabase({ url: databaseUrl, poolMax: 1, queueMax: 1, statementTimeoutMs: 300 })
  try {
    await database.open()
    const answer = database.query<{ n: number }>({ name: 'pause', text: 'SELECT 1 AS n FROM pg_sleep($1)' }, [0.05])
    // Sent, and then nothing runs here for longer than the statement may take. After this phase of the event loop come
    // the timers, and only then the sockets.
    await new Promise((resolve) => setImmediate(resolve))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
    expect(await answer).toEqual([{ n: 1 }])
  } finally {
    await database.close()
  }
})

it('gives up a server that does not answer, and drops the connection', async () => {
  const database = createDatabase({ url: databaseUrl, poolMax: 1, queueMax: 1, statementTimeoutMs: 100 })
  try {
    // This transaction alone lets the server take longer than this side waits.
    const text = `BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_sleep(2)`
    const startedMs = performance.now()
    const gaveUp = database.admitted(() => database.pool.query(text))
    await expect(gaveUp).rejects.toMatchObject({ code: 'database-unavailable' })
    expect(performance.now() - startedMs).toBeLessThan(1500)
    const { rows } = await database.pool.query<{ n: number }>('SELECT 2 AS n')
    expect(rows).toEqual([{ n: 2 }])
  } finally {
    await database.close()
  }
})
