/** One transaction on one connection: what travels together is still one thing after the other, and all or nothing. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { MutationContext } from '../../src/domain/api.ts'
import { DomainError } from '../../src/domain/errors.ts'
import type { UserId } from '../../src/domain/model.ts'
import { createDatabase, type Database } from '../../src/postgres/pool.ts'
import { inTransaction, type Session } from '../../src/postgres/session.ts'
import { createUnitOfWork } from '../../src/postgres/unit-of-work.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let database: Database

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  // One connection: what is left behind on it shows at the next use.
  database = createDatabase({ url: databaseUrl, poolMax: 1, queueMax: 10, statementTimeoutMs: 2000 })
})
afterAll(async () => {
  await database?.close()
  await dropDatabase(databaseUrl)
})
afterEach(async () => {
  const [row] = await database.query<{ xid: string | null; declared: string }>(
    {
      name: 'left-behind',
      text: `SELECT pg_current_xact_id_if_assigned()::text AS xid, current_setting('portcullis.declared', true) AS declared`,
    },
    [],
  )
  expect([row?.xid, row?.declared || null]).toEqual([null, null])
})

const ONE = { name: 'one', text: 'SELECT 1 AS one' }
const insertUser = (id: string) => ({
  name: 'insert-test-user',
  parts: ['INSERT INTO users (id) VALUES ($1)'],
  values: [id],
})
const users = async () =>
  (await database.query<{ id: string }>({ name: 'all-users', text: 'SELECT id FROM users ORDER BY id' }, [])).map(
    ({ id }) => id,
  )
const backend = async () =>
  (await database.query<{ pid: number }>({ name: 'pid', text: 'SELECT pg_backend_pid() AS pid' }, []))[0]?.pid

const run = <T>(work: (session: Session) => Promise<T>, { timeoutMs = 2000, goesOn = false } = {}) =>
  inTransaction({ pool: database.pool, beginning: database.beginning, timeoutMs, goesOn }, work)

describe('a transaction', () => {
  it('declares that the service says itself what it changes', async () => {
    const [row] = await run((session) =>
      session.conclude<{ declared: string; xid: string | null }>(
        { name: 'declared', text: `SELECT current_setting('portcullis.declared', true) AS declared` },
        [],
      ),
    )
    expect(row?.declared).toBe('on')
  })

  it.each([{ goesOn: false }, { goesOn: true }])('writes with the statement that follows: %j', async ({ goesOn }) => {
    await run(
      async (session) => {
        session.write(insertUser(`ann ${goesOn}`))
        session.write(insertUser(`ben ${goesOn}`))
        expect(await session.conclude(ONE, [])).toEqual([{ one: 1 }])
      },
      { goesOn },
    )
    expect(await users()).toEqual(expect.arrayContaining([`ann ${goesOn}`, `ben ${goesOn}`]))
  })

  it('writes what nothing followed', async () => {
    await run(async (session) => session.write(insertUser('cid')))
    expect(await users()).toContain('cid')
  })

  it('reads behind the first of two what the first has waited for', async () => {
    const other = createDatabase({ url: databaseUrl, poolMax: 1, queueMax: 1, statementTimeoutMs: 2000 })
    const client = await other.pool.connect()
    await client.query(`BEGIN; LOCK TABLE users; INSERT INTO users (id) VALUES ('late')`)
    const counting = { name: 'late', text: `SELECT count(*)::int AS late FROM users WHERE id = 'late'` }
    const reading = run((session) =>
      session.both<{ one: number }, { late: number }>(
        [{ name: 'wait', text: 'SELECT 1 AS one FROM users FOR SHARE LIMIT 1' }, []],
        [counting, []],
      ),
    )
    const waits = { name: 'waits', text: 'SELECT 1 FROM pg_locks WHERE NOT granted' }
    await expect.poll(async () => (await client.query(waits)).rowCount).toBe(1)
    await client.query('COMMIT')
    client.release()
    expect((await reading)[1]).toEqual([{ late: 1 }])
    await other.close()
  })
})

describe('nothing is kept, and the connection goes on,', () => {
  it.each([
    ['when the work refuses', async () => Promise.reject(new DomainError('not-found', 'refused')), /refused/],
    ['when a statement fails', (s) => s.query({ name: 'wrong', text: 'SELECT 1 / 0' }, []), /division by zero/],
    [
      'when what travels ahead fails',
      (s) => {
        s.run('SELECT 1 / 0')
        return s.query(ONE, [])
      },
      /division by zero/,
    ],
    [
      'when what travels with COMMIT fails',
      async (s) => {
        s.write(insertUser('cid'))
        s.afterCommit('NOTIFY nobody')
        return s.conclude(ONE, [])
      },
      /duplicate key/,
    ],
  ] as [string, (session: Session) => Promise<unknown>, RegExp][])('%s', async (_when, work, message) => {
    const before = [await users(), await backend()]
    const attempt = run(async (session) => {
      session.write(insertUser('never'))
      await session.query(ONE, [])
      return work(session)
    })
    await expect(attempt).rejects.toThrow(message)
    expect([await users(), await backend()]).toEqual(before)
  })

  it('when it has taken too long', async () => {
    const before = [await users(), await backend()]
    const slow = run(
      async (session) => {
        session.write(insertUser('slow'))
        await session.query({ name: 'sleep', text: 'SELECT pg_sleep(0.2)' }, [])
        await session.query(ONE, [])
      },
      { timeoutMs: 100 },
    )
    await expect(slow).rejects.toMatchObject({ code: 'database-slow', retryAfterSeconds: 1 })
    expect([await users(), await backend()]).toEqual(before)
  })
})

describe('a connection that is lost', () => {
  const unit = () => createUnitOfWork({ database, affectedMax: 10, timeoutMs: 2000, notify: true })
  const root: MutationContext = { actor: 'root' as UserId }
  const END_ITSELF = { name: 'end', text: 'SELECT pg_terminate_backend(pg_backend_pid())' }

  it('is not used again, and the caller is told to come back', async () => {
    const before = await backend()
    const lost = unit().run(root, ({ session }) => session.query(END_ITSELF, []))
    await expect(lost).rejects.toMatchObject({ code: 'database-unavailable', retryAfterSeconds: 1 })
    expect(await backend()).not.toBe(before)
  })

  it('by a statement that takes longer than the server allows is kept: the server has answered', async () => {
    const before = await backend()
    const slow = unit().run(root, ({ session }) => session.query({ name: 'too-slow', text: 'SELECT pg_sleep(3)' }, []))
    await expect(slow).rejects.toMatchObject({ code: 'database-slow' })
    expect(await backend()).toBe(before)
  })
})

describe('what PostgreSQL ends for a deadlock', () => {
  it('is tried again, and after four times the caller is told to come back', async () => {
    const unitOfWork = createUnitOfWork({ database, affectedMax: 10, timeoutMs: 2000, notify: true })
    const deadlock = { name: 'deadlock', text: `DO $$ BEGIN RAISE EXCEPTION 'ended' USING ERRCODE = '40P01'; END $$` }
    let tried = 0
    const once = unitOfWork.run({ actor: 'root' as UserId }, async ({ session }) => {
      tried++
      if (tried < 4) await session.query({ ...deadlock, name: '' }, [])
      return tried
    })
    expect(await once).toBe(4)
    const never = unitOfWork.run({ actor: 'root' as UserId }, ({ session }) => {
      tried++
      return session.query({ ...deadlock, name: '' }, [])
    })
    await expect(never).rejects.toMatchObject({ code: 'database-locked', retryAfterSeconds: 1 })
    expect(tried).toBe(8)
  })
})
