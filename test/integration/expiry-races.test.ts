/**
 * An end that comes while somebody writes: in front of the write, beside another writer, and under the job that removes
 * what ended. A statement is held where it is about to change rows, by a trigger that waits for a lock of the test.
 */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { becomes } from '../support/becomes.ts'
import { type Expiring, type Said, startExpiring } from '../support/expiring.ts'

const MEMBER = '/groups/name:other/members/eve'
const GRANT = '/groups/name:other/grants/name:handbook'
const LATER = '2099-06-30T12:00:00.000Z'
const HELD = 0x68656c64

let world: Expiring
let gate: pg.Client
beforeAll(async () => {
  world = await startExpiring()
  gate = new pg.Client({ connectionString: world.databaseUrl })
  await gate.connect()
  await world.sql.query(
    `CREATE FUNCTION wait_for_test() RETURNS TRIGGER LANGUAGE plpgsql AS $$
     BEGIN PERFORM pg_advisory_xact_lock_shared(${HELD}); RETURN NULL; END $$`,
  )
})
afterAll(async () => {
  await gate?.end()
  await world?.close()
})
beforeEach(async () => {
  await world.begin()
  await becomes(overdue, 0)
})
afterEach(async () => {
  await release()
  await world.letJobGo()
  await world.sql.query(
    `DO $$ DECLARE each RECORD; BEGIN
       FOR each IN SELECT tgname, tgrelid::regclass AS relation FROM pg_trigger WHERE tgname = 'held' LOOP
         EXECUTE format('DROP TRIGGER %I ON %s', each.tgname, each.relation);
       END LOOP;
     END $$`,
  )
})

/** Statements that do so wait, before they touch a row, until they are let go. */
async function hold(table: 'memberships' | 'grants' | 'audit_log'): Promise<void> {
  await world.sql.query(
    `CREATE TRIGGER held BEFORE INSERT OR UPDATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION wait_for_test()`,
  )
  await gate.query('SELECT pg_advisory_lock($1)', [HELD])
}
const release = async () => {
  await gate.query('ROLLBACK')
  await gate.query('SELECT pg_advisory_unlock_all()')
}

const waitingFor = async (...kinds: string[]) =>
  (await world.rows('SELECT FROM pg_locks WHERE NOT granted AND locktype = ANY ($1::text[])', [kinds])).length
const isHeld = () => becomes(() => waitingFor('advisory'), 1)
/** Another transaction has the row. */
const isBehindAnother = () => becomes(async () => (await waitingFor('transactionid', 'tuple')) > 0, true)
const overdue = async () => {
  const { body } = await world.metrics.render()
  return Number(/^portcullis_access_ends_overdue_seconds (\S+)$/m.exec(body)?.[1] ?? 0)
}
/** The job has found that something ended and has done what it does then: it has looked twice more. */
async function jobHasRun(): Promise<void> {
  await becomes(async () => (await overdue()) > 0, true)
  for (let looks = 0; looks < 2; looks++) {
    const last = await overdue()
    await becomes(async () => (await overdue()) !== last, true)
  }
}

const endsOf = async (target: string) => (await world.auditOf(target)).filter(({ action }) => action === 'endAccess')
const rowsOf = (table: string) =>
  world.rows<{ end: Date | null }>(`SELECT expires_at AS end FROM ${table} t JOIN groups g ON g.id = t.group_id
    WHERE g.name = 'other' AND t.expires_at IS NOT NULL`)

const KINDS = [
  { table: 'memberships', path: MEMBER, body: { role: 'member' }, target: 'membership:other:eve' },
  { table: 'grants', path: GRANT, body: { permission: 'read' }, target: 'grant:other:handbook' },
] as const

describe.each(KINDS)(
  'a prolongation of $table whose end comes between its lock and its write',
  ({ table, path, body, target }) => {
    it('holds: the job leaves the row alone', async () => {
      const expiresAt = world.hence(800)
      await world.call(`PUT ${path}`, { ...body, expiresAt })
      await hold(table)
      const prolonging = world.call(`PUT ${path}`, { ...body, expiresAt: LATER })
      await isHeld()
      await world.passed(expiresAt)
      await jobHasRun()
      await release()
      expect(await prolonging).toMatchObject({ status: 200, body: { expiresAt: LATER } })
      await becomes(overdue, 0)
      expect((await rowsOf(table)).map(({ end }) => end?.toISOString())).toEqual([LATER])
      expect(await endsOf(target)).toEqual([])
    })

    it('holds in a whole list, though the job has removed the row meanwhile', async () => {
      const expiresAt = world.hence(800)
      await world.call(`PUT ${path}`, { ...body, expiresAt })
      await hold(table)
      const list = path.replace(/\/[^/]+$/, '')
      const whole =
        table === 'memberships'
          ? { members: [{ user: 'dee' }, { user: 'eve', expiresAt: LATER }] }
          : {
              grants: [
                { resource: 'name:elsewhere', permission: 'maintain' },
                { resource: 'name:handbook', permission: 'read', expiresAt: LATER },
              ],
            }
      const prolonging = world.call(`PUT ${list}`, whole, { 'if-match': '*' })
      await isHeld()
      await world.passed(expiresAt)
      await becomes(async () => (await endsOf(target)).length, 1)
      expect(await rowsOf(table)).toEqual([])
      await release()
      expect(await prolonging).toMatchObject({ status: 200, body: { changed: 1 } })
      expect((await rowsOf(table)).map(({ end }) => end?.toISOString())).toEqual([LATER])
    })
  },
)

describe.each(KINDS)('an end of $table that is not moved', ({ table, path, body, target }) => {
  it('comes while the same PUT changes something else: the change is made, and the end is announced with it', async () => {
    const expiresAt = world.hence(800)
    await world.call(`PUT ${path}`, { ...body, expiresAt })
    await hold(table)
    const other = table === 'memberships' ? { role: 'maintainer' } : { permission: 'admin' }
    const changing = world.call(`PUT ${path}`, { ...other, expiresAt })
    await isHeld()
    await world.passed(expiresAt)
    await jobHasRun()
    await release()
    expect(await changing).toMatchObject({ status: 200, body: { ...other, expiresAt } })
    await becomes(async () => (await endsOf(target)).length, 1)
    expect((await endsOf(target))[0]?.before).toMatchObject({ ...other, expiresAt })
    expect(await rowsOf(table)).toEqual([])
  })
})

describe.each(KINDS)('over $table that ended', ({ table, path, body, target }) => {
  async function ended(): Promise<void> {
    await world.holdJob()
    const expiresAt = world.hence(500)
    await world.call(`PUT ${path}`, { ...body, expiresAt })
    await world.passed(expiresAt)
    expect(await rowsOf(table)).toHaveLength(1)
  }

  it('two clients at once: one gives it again, the other finds that, and it has ended once', async () => {
    await ended()
    await hold(table)
    const first = world.call(`PUT ${path}`, { ...body, expiresAt: LATER })
    await isHeld()
    const second = world.call(`PUT ${path}`, { ...body, expiresAt: null })
    await isBehindAnother()
    await release()
    const answers: Said[] = await Promise.all([first, second])
    expect(answers.map(({ status }) => status)).toEqual([201, 200])
    const said = (await world.auditOf(target)).map(({ action, before }) => [action, before === null])
    const put = table === 'memberships' ? 'addUserToGroup' : 'putGrant'
    expect(said).toEqual([
      [put, true],
      ['endAccess', false],
      [put, true],
      [put, false],
    ])
  })

  it('the job removes it while a client gives it again: it is new, and has ended once', async () => {
    await ended()
    await hold('audit_log')
    await world.letJobGo()
    await isHeld()
    const giving = world.call(`PUT ${path}`, { ...body, expiresAt: LATER })
    await isBehindAnother()
    await release()
    expect(await giving).toMatchObject({ status: 201, body: { expiresAt: LATER } })
    expect(await endsOf(target)).toHaveLength(1)
    expect((await rowsOf(table)).map(({ end }) => end?.toISOString())).toEqual([LATER])
  })

  it('a writer behind the API prolongs it while the job looks: it stays', async () => {
    await ended()
    await gate.query('BEGIN')
    await gate.query(`UPDATE ${table} SET expires_at = $1 WHERE expires_at IS NOT NULL`, [LATER])
    await world.letJobGo()
    await jobHasRun()
    await gate.query('COMMIT')
    await becomes(overdue, 0)
    expect((await rowsOf(table)).map(({ end }) => end?.toISOString())).toEqual([LATER])
    expect(await endsOf(target)).toEqual([])
  })
})
