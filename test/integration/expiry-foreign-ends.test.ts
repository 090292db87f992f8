/** Ends that only a writer behind the API can give: long ago, endlessly long ago, to the microsecond, for very many at once. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { becomes } from '../support/becomes.ts'
import { type Expiring, startExpiring } from '../support/expiring.ts'
import { PATIENT, startService } from '../support/service.ts'

let world: Expiring
beforeAll(async () => {
  world = await startExpiring()
})
afterAll(() => world?.close())
beforeEach(async () => {
  await world.letJobGo()
  await world.begin()
})

const names = async (id: string, service = world.service) => (await service.visible(id)).map(({ name }) => name)
const countOf = async (id: string) => (await world.service.portcullis.reads.counts(id as UserId, {})).resources
const endGrants = (end: string, group = 'other') =>
  world.sql.query(`UPDATE grants SET expires_at = ${end} WHERE group_id = (SELECT id FROM groups WHERE name = $1)`, [
    group,
  ])
const overdue = async () => {
  const { body } = await world.metrics.render()
  return Number(/^portcullis_access_ends_overdue_seconds (\S+)$/m.exec(body)?.[1] ?? 0)
}

describe('an end that was over when it was given', () => {
  it.each(["now() - interval '1 hour'", "'-infinity'", "'0044-03-15 BC'", 'clock_timestamp()'])(
    'takes the access at once, is announced, and is gone: %s',
    async (end) => {
      expect(await names('dee')).toEqual(['elsewhere'])
      await endGrants(end)
      await becomes(() => names('dee'), [])
      await becomes(
        async () => (await world.auditOf('grant:other:elsewhere')).map(({ action }) => action),
        ['endAccess'],
      )
      expect(await world.countOf('grants')).toBeGreaterThan(0)
      expect(await world.rows('SELECT FROM grants WHERE expires_at IS NOT NULL')).toEqual([])
      await becomes(overdue, 0)
    },
  )

  it.each(["now() - interval '1 hour'", "'-infinity'"])(
    'is in no answer while its row is there, and a PUT gives it again: %s',
    async (end) => {
      await world.holdJob()
      await endGrants(end)
      await becomes(() => names('dee'), [])
      expect(await countOf('dee')).toBe(0)
      expect((await world.call('GET /groups/name:other/grants')).body.data).toEqual([])
      expect((await world.call('GET /users/dee/resources/name:elsewhere/explain')).body.paths).toEqual([])
      const again = { permission: 'read' }
      expect(await world.call('PUT /groups/name:other/grants/name:elsewhere', again)).toMatchObject({
        status: 201,
        body: { expiresAt: null },
      })
      await becomes(() => names('dee'), ['elsewhere'])
    },
  )

  it.each(["now() - interval '1 hour'", "'-infinity'"])(
    'has ended for an instance that loads the catalogue again: %s',
    async (end) => {
      await world.holdJob()
      await endGrants(end)
      await becomes(() => names('dee'), [])
      const other = await startService({ databaseUrl: world.databaseUrl, environment: PATIENT })
      expect(await names('dee', other)).toEqual([])
      await other.close()
    },
  )
})

describe('an end to the microsecond', () => {
  it('is kept to the millisecond, and comes there', async () => {
    await endGrants("date_trunc('second', clock_timestamp()) + interval '1.2345678 seconds'")
    const { body } = await world.call('GET /groups/name:other/grants')
    const [{ expiresAt }] = body.data
    expect(expiresAt).toMatch(/\.235Z$/)
    await world.passed(expiresAt)
    expect(await names('dee')).toEqual([])
  })
})

describe('an end one millisecond ahead', () => {
  it('is taken or refused, and is over when it is answered', async () => {
    const statuses = new Set<number>()
    for (let turn = 0; turn < 20; turn++) {
      const expiresAt = world.hence(1 + (turn % 4))
      const { status } = await world.call('PUT /groups/name:other/members/eve', { expiresAt })
      statuses.add(status)
      await world.passed(expiresAt)
      expect(await names('eve')).toEqual([])
    }
    for (const status of statuses) expect([201, 422]).toContain(status)
  })
})

describe('a membership that ends for everybody in the same instant', () => {
  const MANY = 3000

  it('takes what each had, and nobody has more', async () => {
    await world.sql.query(`INSERT INTO users (id) SELECT 'many-' || n FROM generate_series(1, $1::int) n`, [MANY])
    await world.sql.query(
      `INSERT INTO memberships (user_id, group_id, expires_at)
       SELECT u.id, g.id, date_trunc('milliseconds', now()) + interval '4 seconds' FROM users u, groups g
       WHERE u.id LIKE 'many-%' AND g.name = 'other'`,
    )
    const some = ['many-1', 'many-1500', `many-${MANY}`]
    for (const id of some) await becomes(() => names(id), ['elsewhere'])
    const [row] = await world.rows<{ end: Date }>('SELECT min(expires_at) AS end FROM memberships')
    await world.passed(row?.end.toISOString() ?? '')
    for (const id of some) expect([await names(id), await countOf(id)]).toEqual([[], 0])
    expect(await names('dee')).toEqual(['elsewhere'])
    const { body } = await world.call('GET /groups/name:other/members')
    expect(body.data.map(({ userId }: { userId: string }) => userId)).toEqual(['dee'])
  })
})

describe('ends at two levels of a tree', () => {
  const permissionOf = async (id: string, name: string) =>
    (await world.service.visible(id)).find((resource) => resource.name === name)?.permission ?? null
  const groupsOf = async (id: string) =>
    (await world.service.portcullis.reads.effectiveGroups(id as UserId, {})).groups.map(({ name }) => name).sort()

  it.each([
    ['the child’s first', 1500, 3000],
    ['the parent’s first', 3000, 1500],
    ['both in the same instant', 1500, 1500],
  ])('take what each brought: %s', async (_, childMs, parentMs) => {
    await world.holdJob()
    const [child, parent] = [world.hence(childMs), world.hence(parentMs)]
    await world.sql.query(
      `INSERT INTO memberships (user_id, group_id) SELECT 'cid', id FROM groups WHERE name = 'dept';
       UPDATE memberships SET expires_at = CASE g.name WHEN 'dept' THEN '${parent}'::timestamptz ELSE '${child}' END
       FROM groups g WHERE g.id = group_id AND user_id = 'cid';
       UPDATE grants SET expires_at = CASE g.name WHEN 'dept' THEN '${parent}'::timestamptz ELSE '${child}' END
       FROM groups g, resources r WHERE g.id = group_id AND r.id = resource_id AND r.name = 'handbook'`,
    )
    const expected = (now: string) => {
      const [hasChild, hasParent] = [now < child, now < parent]
      return {
        // Ben is in the child: its grant is the higher one.
        ben: hasChild ? 'admin' : hasParent ? 'read' : null,
        // Cid is in both.
        cid: hasParent ? 'read' : null,
        groups: [...(hasChild || hasParent ? ['dept'] : []), ...(hasChild ? ['dept/blue'] : [])],
        agrees: true,
      }
    }
    const seen = async () => ({
      ben: await permissionOf('ben', 'handbook'),
      cid: await permissionOf('cid', 'handbook'),
      groups: await groupsOf('cid'),
      agrees: (await names('cid')).join() === (await world.service.truth('cid')).map(({ name }) => name).join(),
    })
    const isRight = async () => JSON.stringify(await seen()) === JSON.stringify(expected(world.hence(0)))
    await becomes(isRight, true)
    for (const end of [child, parent].sort()) {
      await world.passed(end)
      // On a busy machine the next end may come while it is looked at.
      let [before, found, after] = [expected(world.hence(0)), await seen(), expected(world.hence(0))]
      while (before.groups.length !== after.groups.length)
        [before, found, after] = [expected(world.hence(0)), await seen(), expected(world.hence(0))]
      expect(found).toEqual(after)
    }
  })
})

describe('ten thousand ends of one user', () => {
  const MANY = 10_000

  it('come one after the other: pages, counts and SQL agree, and a cursor goes on behind what ended', async () => {
    await world.holdJob()
    await world.sql.query(
      `WITH made AS (INSERT INTO resources (name, kind)
         SELECT 'r' || lpad(n::text, 5, '0'), 'many' FROM generate_series(1, $1::int) n RETURNING id, name)
       INSERT INTO grants (group_id, resource_id, permission, expires_at)
       SELECT g.id, made.id, 'read', clock_timestamp() + interval '3 seconds' + substr(made.name, 2)::int * interval '0.4 milliseconds'
       FROM made, groups g WHERE g.name = 'other'`,
      [MANY],
    )
    // As after every load of many rows: with the statistics from before, lists by SQL may be planned for a handful of them.
    await world.sql.query('ANALYZE')
    const page = async (cursor?: string) => {
      const query = { limit: 200, kind: 'many', ...(cursor !== undefined && { cursor }) }
      const { body, nextCursor } = await world.service.portcullis.reads.visibleResources('dee' as UserId, query, {})
      const { data } = JSON.parse(body.toString()) as { data: { name: string }[] }
      return { names: data.map(({ name }) => name), nextCursor }
    }
    await becomes(async () => (await page()).names[0], 'r00001')
    const seen: string[] = []
    const startedMs = performance.now()
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const found = await page(cursor)
      seen.push(...found.names)
      cursor = found.nextCursor
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
    expect(performance.now() - startedMs, 'ends came between the pages').toBeGreaterThan(3000)
    expect(seen).toEqual([...new Set(seen)].sort())
    // Each ends after those before it: what has not ended at the last page was seen.
    const { names: left } = await page()
    expect(seen.at(-1)).toBe(`r${MANY}`)
    for (const name of left) expect(seen).toContain(name)
    const before = (await world.service.truth('dee')).length
    const counted = await countOf('dee')
    const after = (await world.service.truth('dee')).length
    expect(counted).toBeLessThanOrEqual(before)
    expect(counted).toBeGreaterThanOrEqual(after)
  })
})
