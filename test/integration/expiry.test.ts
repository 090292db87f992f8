/** Access that ends by itself, on every path of a composed service: exact to what PostgreSQL's clock allows. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { GroupId, UserId } from '../../src/domain/model.ts'
import { asRoot, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, startAllRedis, stopAllRedis, waitForHealthyCluster } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let sql: pg.Client

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
})
afterAll(async () => {
  await sql?.end()
  await dropDatabase(databaseUrl)
})
beforeEach(async () => {
  service = await startService({ databaseUrl, environment: PATIENT })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  // Whatever a test before this one has let end.
  await sql.query('UPDATE memberships SET expires_at = NULL; UPDATE grants SET expires_at = NULL')
  await settled()
})
afterEach(() => service?.close())

const user = (id: string) => id as UserId
const byName = (name: string) => ({ name })
const names = async (of: string, query = {}) => (await service.visible(of, query)).map(({ name }) => name)
const grantOf = (group: string, resource: string) =>
  `group_id = (SELECT id FROM groups WHERE name = '${group}') AND resource_id = (SELECT id FROM resources WHERE name = '${resource}')`
const endGrant = (group: string, resource: string, inMs: number) =>
  ending(
    `UPDATE grants SET expires_at = clock_timestamp() + $1 * interval '1 millisecond' WHERE ${grantOf(group, resource)}`,
    inMs,
  )
const endMembership = (id: string, inMs: number) =>
  ending(
    `UPDATE memberships SET expires_at = clock_timestamp() + $1 * interval '1 millisecond' WHERE user_id = '${id}'`,
    inMs,
  )

/** @returns when it ends, by PostgreSQL's clock */
async function ending(statement: string, inMs: number): Promise<number> {
  const { rows } = await sql.query<{ end: number }>(
    `${statement} RETURNING (extract(epoch FROM expires_at) * 1000)::float8 AS end`,
    [inMs],
  )
  await settled()
  return rows[0]!.end
}

/** What other writers changed is known to every instance within a poll; the notification wakes it long before. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 300))

const nowMs = async () =>
  (await sql.query<{ now: number }>('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now')).rows[0]!
    .now

/**
 * Asks again and again until a second after the end. Each answer before it says `before`, each that was asked for after
 * it says `after`; what was asked for around it may say either.
 */
async function expectEnd<T>(endMs: number, ask: () => Promise<T>, { before, after }: { before: T; after: T }) {
  const seen = { before: 0, after: 0 }
  for (;;) {
    const askedMs = await nowMs()
    const answer = await ask()
    const answeredMs = await nowMs()
    if (answeredMs < endMs) {
      expect(answer).toEqual(before)
      seen.before++
    }
    if (askedMs >= endMs) {
      expect(answer).toEqual(after)
      seen.after++
    }
    if (askedMs > endMs + 150) break
  }
  expect(Math.min(seen.before, seen.after)).toBeGreaterThan(0)
}

const paths: Record<string, () => Promise<unknown>> = {
  list: () => names('ben'),
  'further page': async () => {
    const page = await service.portcullis.reads.visibleResources(user('ben'), { limit: 1 }, {})
    return [JSON.parse(page.body.toString()).data.length, page.nextCursor === null]
  },
  filter: () => names('ben', { permission: 'write' }),
  'one resource': async () =>
    (await service.portcullis.reads.visibleResource(user('ben'), byName('red-plan'), {})).resource?.permission ?? null,
  counts: async () => (await service.portcullis.reads.counts(user('ben'), {})).resources,
  decision: async () =>
    (
      await service.portcullis.access.decisions(
        [{ user: user('ben'), action: 'write', resource: { kind: 'document', name: 'red-plan' } }],
        {},
      )
    ).decisions.map(({ decision }) => decision),
  'search for resources': async () =>
    (
      await service.portcullis.access.resources(
        { user: user('ben'), action: 'write', kind: 'document' },
        { scope: ['test'] },
        {},
      )
    ).results,
  'search for users': async () =>
    (
      await service.portcullis.access.users(
        { action: 'write', resource: { kind: 'document', name: 'red-plan' } },
        { scope: ['test'] },
        {},
      )
    ).results,
  explain: async () =>
    (await service.portcullis.reads.explain(user('ben'), byName('red-plan')))?.paths.map(
      ({ permission }) => permission,
    ),
  access: async () =>
    (await service.portcullis.reads.access(byName('red-plan'), { limit: 50, reader: user('root') }))?.data.map(
      ({ userId }) => userId,
    ),
  'SQL alone': async () => (await service.truth('ben')).map(({ name }) => name),
}

const endedGrant: Record<keyof typeof paths, [unknown, unknown]> = {
  list: [['handbook', 'red-plan'], ['handbook']],
  'further page': [
    [1, false],
    [1, true],
  ],
  filter: [['handbook', 'red-plan'], ['handbook']],
  'one resource': ['write', null],
  counts: [2, 1],
  decision: [[true], [false]],
  'search for resources': [['handbook', 'red-plan'], ['handbook']],
  'search for users': [['ben'], []],
  explain: [['write'], []],
  access: [['ben'], []],
  'SQL alone': [['handbook', 'red-plan'], ['handbook']],
}

describe('a grant that ends', () => {
  it.each(Object.keys(paths))('is seen until then and not after: %s', async (path) => {
    const [before, after] = endedGrant[path]!
    await paths.list!()
    const end = await endGrant('dept/red', 'red-plan', 700)
    await expectEnd(end, paths[path]!, { before, after })
  })

  it('leaves a lesser one', async () => {
    const end = await endGrant('dept/red', 'handbook', 700)
    const permission = async () =>
      (await service.visible('ben')).find(({ name }) => name === 'handbook')?.permission ?? null
    await expectEnd(end, permission, { before: 'admin', after: 'read' })
  })

  it('changes the validator of the list, so that no reader keeps it by a 304', async () => {
    const etag = async () => (await service.portcullis.reads.visibleResources(user('ben'), { limit: 50 }, {})).etag
    const end = await endGrant('dept/red', 'red-plan', 600)
    const first = await etag()
    while ((await nowMs()) < end) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await etag()).not.toBe(first)
  })

  it('is prolonged like any other change, and ends then', async () => {
    await endGrant('dept/red', 'red-plan', 600)
    const end = await endGrant('dept/red', 'red-plan', 1500)
    await expectEnd(end, paths.list!, { before: ['handbook', 'red-plan'], after: ['handbook'] })
    // Its row may be gone.
    await service.portcullis.mutations.putGrant(
      { group: byName('dept/red'), resource: byName('red-plan'), permission: 'read' },
      asRoot,
    )
    expect(await names('ben')).toEqual(['handbook', 'red-plan'])
  })
})

describe('a membership that ends', () => {
  it.each(['list', 'counts', 'decision', 'one resource'])('takes what it brought: %s', async (path) => {
    const none = { list: [], counts: 0, decision: [false], 'one resource': null }
    const end = await endMembership('ben', 700)
    await expectEnd(end, paths[path]!, { before: endedGrant[path]![0], after: none[path as 'list'] })
  })

  it('is no longer among the effective groups, which say until when', async () => {
    const end = await endMembership('ben', 700)
    const { groups } = await service.portcullis.reads.effectiveGroups(user('ben'), {})
    expect(groups.map(({ name, expiresAt }) => [name, expiresAt?.getTime()])).toEqual([
      ['dept', end],
      ['dept/red', end],
    ])
    const ask = async () => (await service.portcullis.reads.effectiveGroups(user('ben'), {})).groups.length
    await expectEnd(end, ask, { before: 2, after: 0 })
  })

  it('is no longer in the group’s list, nor its role', async () => {
    const end = await endMembership('ann', 700)
    const ask = async () => {
      const members = await service.portcullis.reads.membersOf(byName('dept'), { limit: 50, reader: user('root') })
      return [
        members?.data.length,
        await service.portcullis.reads.roleIn(user('ann'), byName('dept') as { name: string & GroupId }),
      ]
    }
    await expectEnd(end, ask, { before: [1, 'maintainer'], after: [0, null] })
  })
})

describe('with Redis away', () => {
  afterEach(async () => {
    await startAllRedis()
    await waitForHealthyCluster()
  })

  it('ends in the memory of the process too', async () => {
    await names('ben')
    await stopAllRedis('SIGTERM')
    const ask = () => names('ben')
    await ask()
    const end = await endGrant('dept/red', 'red-plan', 900)
    await expectEnd(end, ask, { before: ['handbook', 'red-plan'], after: ['handbook'] })
  })
})

describe('the database’s clock', () => {
  it('is known to a few milliseconds on one machine, and shown', async () => {
    const status = (await service.portcullis.cache.status()) as {
      log: { clock: { offsetMs: number; uncertaintyMs: number } }
    }
    expect(Math.abs(status.log.clock.offsetMs)).toBeLessThan(50)
    expect(status.log.clock.uncertaintyMs).toBeLessThan(50)
    expect(await service.health.verbose()).toMatchObject({ clock: { jumps: 0 } })
  })

  it('that is known worse than the bound: what ends is answered exactly and not kept; the rest is', async () => {
    await service.close()
    service = await startService({ databaseUrl, environment: { ...PATIENT, CLOCK_BOUND_MS: '1' } })
    await service.portcullis.cache.status()
    const end = await endGrant('dept/red', 'red-plan', 900)
    await expectEnd(end, paths.list!, { before: ['handbook', 'red-plan'], after: ['handbook'] })
  })
})
