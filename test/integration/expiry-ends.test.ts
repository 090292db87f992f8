/** What happens when an end comes: the feed and the audit trail say so at once, and the row goes. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/domain/api.ts'
import type { UserId } from '../../src/domain/model.ts'
import { createEndedAccess } from '../../src/postgres/ended-access.ts'
import { createInvalidationLog } from '../../src/postgres/invalidation-log.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { becomes } from '../support/becomes.ts'
import { type Expiring, startExpiring } from '../support/expiring.ts'
import { findPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const MEMBER = 'PUT /groups/name:other/members/eve'
const GRANT = 'PUT /groups/name:other/grants/name:handbook'
const MEMBERSHIP_TARGET = 'membership:other:eve'
const GRANT_TARGET = 'grant:other:handbook'
const ANNOUNCED_WITHIN_MS = 1000
/** Rows of each table that the job removes in one transaction. */
const BATCH = 50

let world: Expiring
beforeAll(async () => {
  world = await startExpiring()
})
afterAll(() => world?.close())
beforeEach(() => world.begin())
afterEach(() => world.letJobGo())

const endsOf = async (target: string) => (await world.auditOf(target)).filter(({ action }) => action === 'endAccess')

/** What a follower of the feed is told, until it is closed. */
async function follow(lastEventId?: string) {
  const stream = await world.service.portcullis.changes.open(lastEventId)
  const changes: Change[] = []
  let last = ''
  const reading = (async () => {
    for (let events = await stream.next(); events !== null; events = await stream.next())
      for (const { id, change } of events) {
        last = id
        if (change) changes.push(change)
      }
  })()
  await becomes(() => last !== '', true)
  return {
    ends: () => changes.filter(({ event }) => event === 'endAccess'),
    lastEventId: () => last,
    async close() {
      stream.close()
      await reading
    },
  }
}

describe('an end', () => {
  it.each([
    ['membership', MEMBER, {}, MEMBERSHIP_TARGET],
    ['grant', GRANT, { permission: 'read' }, GRANT_TARGET],
  ])(
    'of a %s is in the feed and in the audit trail within a second, and the row is gone',
    async (what, put, body, target) => {
      const feed = await follow()
      const expiresAt = world.hence(800)
      await world.call(put, { ...body, expiresAt })
      expect(feed.ends()).toEqual([])
      await becomes(() => feed.ends().length, 1)
      const [change] = feed.ends()
      const delayMs = Date.parse(change?.at ?? '') - Date.parse(expiresAt)
      expect(delayMs).toBeGreaterThanOrEqual(0)
      expect(delayMs).toBeLessThan(ANNOUNCED_WITHIN_MS)
      console.info(`the end of a ${what} was announced ${delayMs} ms after it`)
      if (put === MEMBER) expect(change).toMatchObject({ users: ['eve'], grants: [], resources: [] })
      else expect([change?.users, Object.values(change?.names ?? {}).sort()]).toEqual([[], ['handbook', 'other']])
      expect(await endsOf(target)).toMatchObject([
        {
          actor: 'system:expiry',
          action: 'endAccess',
          before: { expiresAt },
          after: null,
        },
      ])
      expect(await world.rows(`SELECT FROM ${what}s WHERE expires_at IS NOT NULL`)).toEqual([])
      await feed.close()
    },
  )

  it('is told to a follower who was away when it came', async () => {
    const before = await follow()
    const expiresAt = world.hence(400)
    await world.call(MEMBER, { expiresAt })
    const lastEventId = before.lastEventId()
    await before.close()
    await becomes(() => world.countOf('memberships'), smallOrganisation.memberships.length)
    const after = await follow(lastEventId)
    await becomes(() => after.ends().length, 1)
    await after.close()
  })

  it('that a writer behind the API gives is noticed too, though no instance was told', async () => {
    const feed = await follow()
    const { rows } = await world.sql.query<{ end: Date }>(
      `UPDATE memberships SET expires_at = clock_timestamp() + interval '300 milliseconds' WHERE user_id = 'dee'
       RETURNING expires_at AS end`,
    )
    await becomes(() => feed.ends().length, 1)
    expect(Date.parse(feed.ends()[0]?.at ?? '') - (rows[0]?.end.getTime() ?? 0)).toBeLessThan(ANNOUNCED_WITHIN_MS)
    await feed.close()
  })

  it('that is moved before it comes is announced when it comes in the end, and not before', async () => {
    const feed = await follow()
    const [first, second] = [world.hence(600), world.hence(1600)]
    await world.call(MEMBER, { expiresAt: first })
    await world.call(MEMBER, { expiresAt: second })
    await world.passed(first)
    await becomes(() => feed.ends().length, 1)
    expect(Date.parse(feed.ends()[0]?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(second))
    await feed.close()
  })

  it('is counted, and what is overdue is exported', async () => {
    const metric = async (name: string) => {
      const line = (await world.metrics.render()).body.split('\n').find((each) => each.startsWith(`${name} `))
      return line === undefined ? null : Number(line.split(' ')[1])
    }
    const ended = (await metric('portcullis_access_ended_total{what="membership"}')) ?? 0
    await world.holdJob()
    await world.call(MEMBER, { expiresAt: world.hence(300) })
    await expect.poll(() => metric('portcullis_access_ends_overdue_seconds')).toBeGreaterThan(0)
    await world.letJobGo()
    await becomes(() => metric('portcullis_access_ended_total{what="membership"}'), ended + 1)
    await becomes(() => metric('portcullis_access_ends_overdue_seconds'), 0)
    expect(await metric('portcullis_access_ending_failures_total')).toBe(0)
  })
})

describe('until the row is gone, what ended', () => {
  /** Memberships and grants that ended while nobody removes their rows. */
  async function ended() {
    await world.holdJob()
    const expiresAt = world.hence(1500)
    await world.call('PUT /groups/name:other/members/eve', { role: 'maintainer', expiresAt })
    await world.call(GRANT, { permission: 'admin', expiresAt })
    expect((await world.callAs('eve', 'GET /groups/name:other/members')).status).toBe(200)
    expect(
      (await world.callAs('dee', 'DELETE /resources/name:handbook', undefined, { 'if-match': '"x"' })).status,
    ).toBe(412)
    await world.passed(expiresAt)
    expect(await world.rows('SELECT FROM memberships WHERE expires_at IS NOT NULL')).toHaveLength(1)
    expect(await world.rows('SELECT FROM grants WHERE expires_at IS NOT NULL')).toHaveLength(1)
    return expiresAt
  }

  it('is in no answer and allows nothing', async () => {
    await ended()
    const { body: members } = await world.call('GET /groups/name:other/members')
    expect(members.data.map(({ userId }: { userId: string }) => userId)).toEqual(['dee'])
    const { body: grants } = await world.call('GET /groups/name:other/grants')
    expect(grants.data.map(({ resourceName }: { resourceName: string }) => resourceName)).toEqual(['elsewhere'])
    expect((await world.call('GET /users/eve/resources/name:elsewhere/explain')).body).toMatchObject({
      permission: null,
      paths: [],
    })
    const { body: access } = await world.call('GET /resources/name:handbook/access')
    expect(access.data.map(({ userId }: { userId: string }) => userId)).toEqual(['ann', 'ben', 'cid'])
    expect((await world.call('GET /users/eve/groups')).body.data).toEqual([])
    expect((await world.callAs('eve', 'GET /groups/name:other/members')).status).toBe(403)
    expect(
      (await world.callAs('dee', 'DELETE /resources/name:handbook', undefined, { 'if-match': '"x"' })).status,
    ).toBe(404)
  })

  it('is not there to be removed: 404, and its end is not announced by that', async () => {
    await ended()
    const before = await world.countOf('audit_log')
    expect((await world.call('DELETE /groups/name:other/members/eve')).status).toBe(404)
    expect((await world.call('DELETE /groups/name:other/grants/name:handbook')).status).toBe(404)
    expect((await world.call(MEMBER, {}, { 'if-match': '*' })).status).toBe(412)
    expect(await world.countOf('audit_log')).toBe(before)
  })

  it('is given again by a PUT: 201, the end is announced first, and what is new has none of what was', async () => {
    await ended()
    expect(await world.call(MEMBER, {}, { 'if-none-match': '*' })).toMatchObject({
      status: 201,
      body: { role: 'member', expiresAt: null },
    })
    expect(await world.call(GRANT, { permission: 'read' })).toMatchObject({ status: 201 })
    const said = async (target: string) =>
      (await world.auditOf(target)).map(({ action, before }) => [action, before !== null])
    expect(await said(MEMBERSHIP_TARGET)).toEqual([
      ['addUserToGroup', false],
      ['endAccess', true],
      ['addUserToGroup', false],
    ])
    expect(await said(GRANT_TARGET)).toEqual([
      ['putGrant', false],
      ['endAccess', true],
      ['putGrant', false],
    ])
    const events = await world.rows<{ event: string }>('SELECT event FROM invalidation_log ORDER BY id DESC LIMIT 4')
    expect(events.map(({ event }) => event)).toEqual(['putGrant', 'endAccess', 'addUserToGroup', 'endAccess'])
  })

  it('is added by a whole list that names it, and nothing is lost by one that does not', async () => {
    await ended()
    const members = { members: [{ user: 'dee' }, { user: 'eve' }] }
    expect((await world.call('PUT /groups/name:other/members', members)).body).toMatchObject({
      added: 1,
      changed: 0,
      removed: 0,
    })
    const grants = { grants: [{ resource: 'name:elsewhere', permission: 'maintain' }] }
    const tag = (await world.call('GET /groups/name:other/grants')).etag ?? ''
    expect((await world.call('PUT /groups/name:other/grants', grants, { 'if-match': tag })).body).toMatchObject({
      added: 0,
      changed: 0,
      removed: 0,
    })
    expect((await world.call('GET /groups/name:other/members')).body.data).toMatchObject([
      { userId: 'dee', role: 'member', expiresAt: null },
      { userId: 'eve', role: 'member', expiresAt: null },
    ])
    // The list changed nothing; that the grant ended is said all the same.
    expect(await endsOf(GRANT_TARGET)).toHaveLength(1)
    const events = await world.rows<{ event: string }>('SELECT event FROM invalidation_log ORDER BY id DESC LIMIT 3')
    expect(events.map(({ event }) => event)).toEqual(['endAccess', 'replaceMembers', 'endAccess'])
  })

  it('is left alone by an import that names others, which does not wait for a writer who holds it', async () => {
    await ended()
    const holder = new pg.Client({ connectionString: world.databaseUrl })
    await holder.connect()
    try {
      await holder.query('BEGIN')
      for (const table of ['memberships', 'grants'])
        await holder.query(`SELECT FROM ${table} WHERE expires_at IS NOT NULL FOR UPDATE`)
      const imported = await world.call('POST /import', {
        memberships: [{ group: 'other', user: 'ann' }],
        grants: [{ group: 'other', resource: 'red-plan', permission: 'read' }],
      })
      expect(imported).toMatchObject({
        status: 200,
        body: { memberships: { created: 1, updated: 0 }, grants: { created: 1, updated: 0 } },
      })
    } finally {
      await holder.end()
    }
    expect([await endsOf(MEMBERSHIP_TARGET), await endsOf(GRANT_TARGET)]).toEqual([[], []])
  })

  it('is created by an import that names it', async () => {
    await ended()
    const imported = await world.call('POST /import', {
      memberships: [{ group: 'other', user: 'eve' }],
      grants: [{ group: 'other', resource: 'handbook', permission: 'read' }],
    })
    expect(imported.body).toMatchObject({ memberships: { created: 1, updated: 0 }, grants: { created: 1, updated: 0 } })
    expect(await endsOf(MEMBERSHIP_TARGET)).toHaveLength(1)
    expect((await world.call('GET /groups/name:other/members')).body.data).toContainEqual(
      expect.objectContaining({ userId: 'eve', role: 'member', expiresAt: null }),
    )
  })
})

describe('that a row which ended is removed', () => {
  const listOf = async (id: string) => {
    const { body, cache } = await world.service.portcullis.reads.visibleResources(id as UserId, { limit: 50 }, {})
    const { data } = JSON.parse(body.toString()) as { data: { name: string }[] }
    return { names: data.map(({ name }) => name), cache: cache.kind }
  }

  it('drops no entry and brings nothing to the catalogue, which hears of it for the feed alone', async () => {
    const log = createInvalidationLog({ url: world.databaseUrl, notify: false })
    const feed = await follow()
    await world.holdJob()
    const expiresAt = world.hence(700)
    await world.call(MEMBER, { expiresAt })
    await world.call(GRANT, { permission: 'read', expiresAt })
    expect((await listOf('dee')).names).toEqual(['elsewhere', 'handbook'])
    expect((await listOf('eve')).names).toEqual(['elsewhere', 'handbook'])
    await world.passed(expiresAt)
    expect(await listOf('dee')).toEqual({ names: ['elsewhere'], cache: 'hit' })
    expect((await listOf('eve')).names).toEqual([])
    const { position } = await log.readPast()
    await world.letJobGo()
    await becomes(() => feed.ends().length, 1)
    expect(await listOf('dee')).toEqual({ names: ['elsewhere'], cache: 'hit' })
    expect(await listOf('eve')).toEqual({ names: [], cache: 'hit' })
    expect(await log.readSince(position.snapshot)).toMatchObject({ rows: [{ tags: [] }], changes: [] })
    expect(await world.rows('SELECT FROM grants WHERE expires_at IS NOT NULL')).toEqual([])
    // As after the clock was set back by an hour: what was removed then has not ended.
    await world.sql.query(
      `INSERT INTO invalidation_log (tags, event, actor, created_at)
       VALUES ('{u:eve}', 'endAccess', 'system:expiry', now() + interval '1 hour')`,
    )
    const { rows } = await log.readSince(position.snapshot)
    expect(rows.map(({ tags }) => tags)).toEqual([[], ['u:eve']])
    await feed.close()
    await log.close()
  })

  it('is no obstacle to what is given again, by a call or behind the API', async () => {
    for (const give of [
      () => world.call(GRANT, { permission: 'write' }),
      () =>
        world.sql.query(`INSERT INTO grants (group_id, resource_id, permission)
          SELECT g.id, r.id, 'write' FROM groups g, resources r WHERE g.name = 'other' AND r.name = 'handbook'`),
    ]) {
      await world.begin()
      const expiresAt = world.hence(400)
      await world.call(GRANT, { permission: 'read', expiresAt })
      expect((await listOf('dee')).names).toEqual(['elsewhere', 'handbook'])
      await becomes(async () => (await world.rows('SELECT FROM grants WHERE expires_at IS NOT NULL')).length, 0)
      expect((await listOf('dee')).names).toEqual(['elsewhere'])
      await give()
      await becomes(async () => (await listOf('dee')).names.join(), 'elsewhere,handbook')
    }
  })
})

describe('very many ends at once', () => {
  const GRANTS = 250
  const MEMBERSHIPS = 1000
  const MANY = GRANTS + MEMBERSHIPS

  it('go fifty of each kind at a time, each with its audit row, and none is left', async () => {
    await world.holdJob()
    const before = await world.countOf('audit_log')
    await world.sql.query(
      `WITH groups_made AS (
         INSERT INTO groups (name) SELECT 'many/' || n FROM generate_series(1, $1::int) n RETURNING id
       )
       INSERT INTO memberships (user_id, group_id, expires_at) SELECT 'eve', id, now() FROM groups_made`,
      [MEMBERSHIPS],
    )
    await world.sql.query(
      `INSERT INTO grants (group_id, resource_id, permission, expires_at)
       SELECT g.id, r.id, 'read', now() FROM (SELECT id FROM groups WHERE name LIKE 'many/%' ORDER BY name LIMIT $1) g
       CROSS JOIN (SELECT id FROM resources WHERE name = 'handbook') r`,
      [GRANTS],
    )
    await world.sql.query('TRUNCATE invalidation_log')
    await world.letJobGo()
    await becomes(async () => (await world.countOf('audit_log')) - before, MANY, 20_000)
    const counts = await world.rows<{ count: number }>(
      `SELECT count(*)::int AS count FROM audit_log WHERE action = 'endAccess' GROUP BY xmin`,
    )
    expect(Math.max(...counts.map(({ count }) => count))).toBe(2 * BATCH)
    expect(await world.rows(`SELECT FROM invalidation_log WHERE event = 'endAccess'`)).toHaveLength(MEMBERSHIPS / BATCH)
    expect(await world.rows('SELECT FROM memberships WHERE expires_at IS NOT NULL')).toEqual([])
  })
})

describe('the job', () => {
  it('is taken over within a second when the instance that runs it dies', async () => {
    const dying = new pg.Client({ connectionString: world.databaseUrl })
    dying.on('error', () => {})
    await dying.connect()
    const { rows } = await dying.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    // As it does: the lock belongs to its transaction.
    await dying.query('BEGIN')
    await dying.query('SELECT pg_advisory_xact_lock($1)', [0x656e6473])
    const expiresAt = world.hence(300)
    await world.call(MEMBER, { expiresAt })
    await world.passed(expiresAt)
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(await endsOf(MEMBERSHIP_TARGET)).toEqual([])
    const diedAt = performance.now()
    await world.sql.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
    await becomes(async () => (await endsOf(MEMBERSHIP_TARGET)).length, 1)
    expect(performance.now() - diedAt).toBeLessThan(1000)
  })

  it('does each end once, however many instances there are', async () => {
    const others = await Promise.all(
      [1, 2].map(() => startService({ databaseUrl: world.databaseUrl, prefix: world.service.prefix })),
    )
    const expiresAt = world.hence(500)
    await world.call(MEMBER, { expiresAt })
    await world.call(GRANT, { permission: 'read', expiresAt })
    await becomes(async () => (await endsOf(GRANT_TARGET)).length, 1)
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(await endsOf(MEMBERSHIP_TARGET)).toHaveLength(1)
    expect(await endsOf(GRANT_TARGET)).toHaveLength(1)
    await Promise.all(others.map((each) => each.close()))
  })

  it.skipIf(findPgBouncer() === undefined)('runs behind a pooler in transaction mode, one at a time', async () => {
    const databaseUrl = await freshDatabase()
    const bouncer = await startPgBouncer({ mode: 'transaction', databaseUrl, poolSize: 4 })
    const url = bouncer.databaseUrl
    const database = createDatabase({ url, pooler: 'transaction', poolMax: 8, queueMax: 10, statementTimeoutMs: 5000 })
    const sql = new pg.Client({ connectionString: databaseUrl })
    await sql.connect()
    await sql.query(
      `WITH g AS (INSERT INTO groups (name) VALUES ('g') RETURNING id),
         u AS (INSERT INTO users (id) SELECT 'u' || n FROM generate_series(1, 1500) n RETURNING id)
       SELECT FROM g, u`,
    )
    await sql.query(
      `INSERT INTO memberships (user_id, group_id, expires_at) SELECT u.id, g.id, now() FROM users u, groups g`,
    )
    const job = createEndedAccess(database, { notify: true })
    expect(await job.overdueMs()).toBeGreaterThan(0)
    const turns = await Promise.all(Array.from({ length: 8 }, () => job.end()))
    const done = turns.flatMap((each) => (each === null ? [] : [each.memberships]))
    expect(done.reduce((sum, each) => sum + each, 0)).toBe(Math.min(done.length * BATCH, 1500))
    while ((await job.overdueMs()) !== null) await job.end()
    const { rows } = await sql.query<{ count: number }>('SELECT count(*)::int AS count FROM audit_log')
    expect(rows[0]?.count).toBe(1500)
    await sql.end()
    await database.close()
    await bouncer.close()
    await dropDatabase(databaseUrl)
  })
})
