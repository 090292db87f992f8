/** What PostgreSQL says by a known code is an answer of its own, never a 500; and people are told what is wrong since when. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { DomainError } from '../../src/domain/errors.ts'
import type { UserId } from '../../src/domain/model.ts'
import { PROBLEMS } from '../../src/http/problem.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, kill, restart } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let client: pg.Client

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: { DATABASE_STATEMENT_TIMEOUT_MS: '500' } })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  client = new pg.Client({ connectionString: databaseUrl })
  client.on('error', () => {})
  await client.connect()
})
afterAll(async () => {
  await client?.end().catch(() => {})
  await service?.close()
  await dropDatabase(databaseUrl)
})

const putUser = () => service.portcullis.mutations.putUser({ id: 'someone' as UserId }, asRoot)
const refusalOf = async (work: () => Promise<unknown>) =>
  work().then(
    () => 'done',
    (error: DomainError) => error.code,
  )

interface Described {
  readonly reachable: boolean
  readonly unreachableSince?: string
  readonly troubles: { readonly code: string; readonly since: string; readonly count: number }[]
}
const described = async () => (await service.health.verbose()).database as Described

describe('a change is refused with a reason', () => {
  afterEach(() => client.query('DROP FUNCTION IF EXISTS refuse CASCADE'))

  it.each([
    ['a full disk', '53100', 'database-full'],
    ['no memory', '53200', 'overloaded'],
    ['too many connections', '53300', 'overloaded'],
    ['a temporary file beyond its limit', '53400', 'overloaded'],
    ['a read-only server', '25006', 'database-read-only'],
    ['a missing privilege', '42501', 'database-misconfigured'],
    ['a failing disk', '58030', 'database-failing'],
    ['damaged data', 'XX001', 'database-failing'],
    ['a deadlock, each time', '40P01', 'database-locked'],
    ['a lock not had', '55P03', 'database-locked'],
    ['a shutdown', '57P01', 'database-unavailable'],
  ])('%s (%s)', async (_what, state, code) => {
    await client.query(`
      CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '${state}'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse()`)
    const refused = (await putUser().catch((error: unknown) => error)) as DomainError
    expect(refused).toMatchObject({ code, retryAfterSeconds: expect.any(Number) })
    expect(PROBLEMS[refused.code].status).toBe(503)
    expect(refused.message).not.toContain('secret')
    // The log is read all the time: where nothing could be asked, the next read ends it.
    if (code !== 'database-unavailable')
      expect((await described()).troubles.map((trouble) => trouble.code)).toContain(state)
  })

  it('a statement that takes too long', async () => {
    await client.query(`
      CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RETURN NEW; END $$;
      CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse()`)
    expect(await refusalOf(putUser)).toBe('database-slow')
  })

  it('a lock that another holds, for a read and for a change', async () => {
    await client.query('BEGIN; LOCK TABLE resources, users IN ACCESS EXCLUSIVE MODE')
    const refusals = await Promise.all([refusalOf(putUser), refusalOf(() => service.truth('ann'))])
    await client.query('ROLLBACK')
    expect(refusals).toEqual(['database-locked', 'database-locked'])
  })

  it('a table that is not there, as under the wrong schema', async () => {
    await client.query('ALTER TABLE resources RENAME TO elsewhere')
    const refused = await refusalOf(() => service.truth('ann'))
    await client.query('ALTER TABLE elsewhere RENAME TO resources')
    expect(refused).toBe('database-misconfigured')
    expect(await refusalOf(() => service.truth('ann'))).toBe('done')
  })

  it('nothing, where a migration changes what a prepared statement returns: it is prepared again', async () => {
    await service.truth('ann')
    const manyAtOnce = () => Promise.all(Array.from({ length: 40 }, () => refusalOf(putUser)))
    await manyAtOnce()
    await client.query('ALTER TABLE resources ALTER COLUMN description TYPE VARCHAR(2000)')
    await client.query('ALTER TABLE users ALTER COLUMN display_name TYPE VARCHAR(2000)')
    for (let connection = 0; connection < 10; connection++)
      expect(await refusalOf(() => service.truth('ann'))).toBe('done')
    expect(new Set([...(await manyAtOnce()), ...(await manyAtOnce())])).toEqual(new Set(['done']))
  })
})

describe('PostgreSQL away', () => {
  it('is told once, with since when; and so is its return', async () => {
    await expect.poll(async () => (await described()).reachable).toBe(true)
    const before = Date.now()
    await kill('postgres')
    try {
      for (let request = 0; request < 20; request++)
        expect(await refusalOf(() => service.truth('ann'))).toBe('database-unavailable')
      const { reachable, unreachableSince, troubles } = await described()
      expect(reachable).toBe(false)
      expect(Date.parse(unreachableSince ?? '')).toBeGreaterThanOrEqual(before - 1000)
      expect(troubles.length).toBeGreaterThan(0)
    } finally {
      await restart('postgres')
    }
    await expect.poll(() => refusalOf(() => service.truth('ann')), { timeout: 10_000 }).toBe('done')
    expect(await described()).toMatchObject({ reachable: true })
  })
})
