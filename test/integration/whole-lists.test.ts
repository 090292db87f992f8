/** Members and grants as whole lists: all or nothing, one invalidation, and the list is what remains. */
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Mutations } from '../../src/domain/api.ts'
import { DomainError } from '../../src/domain/errors.ts'
import type { Permission, UserId } from '../../src/domain/model.ts'
import { problemOf } from '../../src/http/problem.ts'
import { becomes } from '../support/becomes.ts'
import {
  allEntriesInRedis,
  asRoot,
  entriesInRedis,
  PATIENT,
  type Service,
  smallOrganisation,
  startService,
} from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const id = (user: string) => user as UserId
const RED = { name: 'dept/red' }

let databaseUrl: string
let service: Service
let mutations: Mutations
let sql: pg.Client

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: PATIENT })
  mutations = service.portcullis.mutations
  sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
})
afterAll(async () => {
  await sql?.end()
  await service?.close()
  await dropDatabase(databaseUrl)
})
beforeEach(async () => {
  await mutations.importOrganisation(smallOrganisation, asRoot)
  await replaceMembers('ben')
  await mutations.replaceGrants(
    {
      group: RED,
      grants: [
        { resource: { name: 'red-plan' }, permission: 'write' },
        { resource: { name: 'handbook' }, permission: 'admin' },
      ],
      condition: '*',
    },
    asRoot,
  )
})

const membersOf = (...users: string[]) => ({ group: RED, members: users.map((user) => ({ userId: id(user) })) })

function replaceMembers(...users: string[]) {
  return mutations.replaceMembers({ ...membersOf(...users), condition: '*' }, asRoot)
}

async function membersOfRed(): Promise<string[]> {
  const { rows } = await sql.query<{ member: string }>(
    `SELECT m.user_id || ' ' || m.role AS member FROM memberships m JOIN groups g ON g.id = m.group_id
     WHERE g.name = 'dept/red' ORDER BY 1`,
  )
  return rows.map(({ member }) => member)
}

async function grantsOfRed(): Promise<string[]> {
  const { rows } = await sql.query<{ grant: string }>(
    `SELECT r.name || ' ' || x.permission AS grant FROM grants x JOIN groups g ON g.id = x.group_id
     JOIN resources r ON r.id = x.resource_id WHERE g.name = 'dept/red' ORDER BY 1`,
  )
  return rows.map(({ grant }) => grant)
}

async function countOf(table: 'invalidation_log' | 'audit_log'): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)
  return rows[0]?.count ?? 0
}

async function refusalOf(attempt: Promise<unknown>) {
  const error = await attempt.then(
    () => null,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(DomainError)
  return problemOf(error)
}

describe('a list of members', () => {
  it('becomes the whole membership, with one invalidation that spares members whose role stays the same', async () => {
    for (const user of ['ann', 'ben', 'cid', 'dee', 'eve']) await service.visible(user)
    const before = await allEntriesInRedis(service.prefix, ['ann', 'ben', 'cid', 'dee', 'eve'])
    const rows = await countOf('invalidation_log')
    const outcome = await mutations.replaceMembers(
      {
        group: RED,
        members: [{ userId: id('ben') }, { userId: id('cid'), role: 'maintainer' }, { userId: id('dee') }],
      },
      asRoot,
    )
    expect(outcome.value).toEqual({ total: 3, added: 2, changed: 0, removed: 0 })
    expect(await membersOfRed()).toEqual(['ben member', 'cid maintainer', 'dee member'])
    expect(await countOf('invalidation_log')).toBe(rows + 1)
    const after = await entriesInRedis(service.prefix)
    expect(before.filter((key) => !after.includes(key)).sort()).toEqual([
      'resources:{cid}',
      'resources:{dee}',
      'user:groups:{cid}',
      'user:groups:{dee}',
    ])
    for (const user of ['ann', 'ben', 'cid', 'dee', 'eve'])
      expect(await service.visible(user), user).toEqual(await service.truth(user))
    const swapped = await replaceMembers('cid', 'eve')
    expect(swapped.value).toEqual({ total: 2, added: 1, changed: 0, removed: 2 })
    expect(await membersOfRed()).toEqual(['cid maintainer', 'eve member'])
  })

  it('that changes nothing invalidates and audits nothing', async () => {
    const [rows, audited] = [await countOf('invalidation_log'), await countOf('audit_log')]
    expect((await replaceMembers('ben')).value).toEqual({ total: 1, added: 0, changed: 0, removed: 0 })
    expect([await countOf('invalidation_log'), await countOf('audit_log')]).toEqual([rows, audited])
  })

  it('of a thousand with one unknown user writes nothing and says which one', async () => {
    const users = Array.from({ length: 1000 }, (_, number) => `bulk-${number}`)
    await mutations.importOrganisation(
      { users: users.map((user) => ({ id: user })), groups: [], memberships: [], resources: [], grants: [] },
      asRoot,
    )
    const rows = await countOf('invalidation_log')
    const refusal = await refusalOf(replaceMembers(...users.with(617, 'nobody')))
    expect([refusal.status, refusal.body.type]).toEqual([422, 'urn:portcullis:problem:unknown-user'])
    expect(refusal.body.errors).toEqual([{ pointer: '#/members/617/user', detail: 'does not exist' }])
    expect([await membersOfRed(), await countOf('invalidation_log')]).toEqual([['ben member'], rows])

    const startedAt = performance.now()
    expect((await replaceMembers(...users)).value).toEqual({ total: 1000, added: 1000, changed: 0, removed: 1 })
    console.info(`1,000 members replaced in ${Math.round(performance.now() - startedAt)} ms`)
    expect(await countOf('invalidation_log')).toBe(rows + 1)
    expect(await service.visible('bulk-999')).toEqual(await service.truth('bulk-999'))
    expect((await service.visible('bulk-999')).length).toBe(2)
  })

  it('names everybody once', async () => {
    const refusal = await refusalOf(replaceMembers('ben', 'cid', 'ben'))
    expect(refusal.status).toBe(400)
    expect(refusal.body.errors).toEqual([{ pointer: '#/members/2/user', detail: 'is the same as /members/0/user' }])
  })

  it('is what remains when two lists are written at once, never a mixture', async () => {
    // Both have worked out what to do before either may: holding this row stops both.
    await sql.query('BEGIN')
    await sql.query(`SELECT 1 FROM memberships WHERE user_id = 'ben' FOR UPDATE`)
    const both = [replaceMembers('cid'), replaceMembers('dee')]
    await becomes(waitingForLocks, 2)
    await sql.query('COMMIT')
    await Promise.all(both)
    const remaining = await membersOfRed()
    expect([['cid member'], ['dee member']]).toContainEqual(remaining)
    for (const user of ['ben', 'cid', 'dee']) expect(await service.visible(user)).toEqual(await service.truth(user))
  })
})

describe('a list that is replaced blindly', () => {
  const readMembers = async () => (await service.portcullis.reads.membersOf(RED, { limit: 1 }))?.state ?? ''
  const readGrants = async () => (await service.portcullis.reads.grantsOf(RED, { limit: 1 }))?.state ?? ''

  it('may only add: what another has put there is not removed by a caller that has not seen it', async () => {
    expect((await mutations.replaceMembers(membersOf('ben', 'cid'), asRoot)).value.added).toBe(1)
    const rows = await countOf('invalidation_log')
    const refusal = await refusalOf(mutations.replaceMembers(membersOf('ben'), asRoot))
    expect([refusal.status, refusal.body.type]).toEqual([428, 'urn:portcullis:problem:precondition-required'])
    expect(refusal.body.detail).toContain('change 0 and remove 1')
    const grants = [{ resource: { name: 'red-plan' }, permission: 'read' as const }]
    expect((await refusalOf(mutations.replaceGrants({ group: RED, grants }, asRoot))).body.detail).toContain(
      'change 1 and remove 1',
    )
    expect([await membersOfRed(), await grantsOfRed()]).toEqual([
      ['ben member', 'cid member'],
      ['handbook admin', 'red-plan write'],
    ])
    expect(await countOf('invalidation_log')).toBe(rows)
  })

  it('goes where it was read, and nowhere once it is another list', async () => {
    const [members, grants] = [await readMembers(), await readGrants()]
    await mutations.replaceMembers({ ...membersOf('cid'), condition: [members] }, asRoot)
    const stale = await refusalOf(mutations.replaceMembers({ ...membersOf('dee'), condition: [members] }, asRoot))
    expect([stale.status, await membersOfRed()]).toEqual([412, ['cid member']])
    await mutations.replaceMembers({ ...membersOf('dee'), condition: [members, await readMembers()] }, asRoot)
    expect(await membersOfRed()).toEqual(['dee member'])
    expect(await readGrants()).toBe(grants)
    await mutations.replaceGrants({ group: RED, grants: [], condition: [grants] }, asRoot)
    expect(
      (await refusalOf(mutations.replaceGrants({ group: RED, grants: [], condition: [grants] }, asRoot))).status,
    ).toBe(412)
  })

  it('of two who have read the same, one is told that it has changed', async () => {
    const condition = [await readMembers()]
    // Both have read and neither may go on: holding this row keeps both from writing.
    await sql.query('BEGIN')
    await sql.query(`SELECT 1 FROM memberships WHERE user_id = 'ben' FOR UPDATE`)
    const both = ['cid', 'dee'].map((user) => mutations.replaceMembers({ ...membersOf(user), condition }, asRoot))
    await becomes(waitingForLocks, 2)
    await sql.query('COMMIT')
    const outcomes = await Promise.allSettled(both)
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const lost = outcomes.find((outcome) => outcome.status === 'rejected')
    expect(problemOf(lost?.reason).status).toBe(412)
  })
})

describe('one membership', () => {
  it('put again without a role keeps the one it has', async () => {
    const put = (role?: 'member' | 'maintainer') =>
      mutations.addUserToGroup({ group: RED, userId: id('eve'), ...(role && { role }) }, asRoot)
    expect((await put()).value.membership.role).toBe('member')
    await put('maintainer')
    expect((await put()).value).toMatchObject({ created: false, membership: { role: 'maintainer' } })
    expect((await put('member')).value.membership.role).toBe('member')
  })
})

describe('a list of grants', () => {
  const replaceGrants = (...grants: [name: string, permission: Permission][]) =>
    mutations.replaceGrants(
      { group: RED, grants: grants.map(([name, permission]) => ({ resource: { name }, permission })), condition: '*' },
      asRoot,
    )

  it('becomes all that the group is granted, with one invalidation', async () => {
    const rows = await countOf('invalidation_log')
    const outcome = await replaceGrants(['handbook', 'read'], ['elsewhere', 'triage'])
    expect(outcome.value).toEqual({ total: 2, added: 1, changed: 1, removed: 1 })
    expect(await grantsOfRed()).toEqual(['elsewhere triage', 'handbook read'])
    expect(await countOf('invalidation_log')).toBe(rows + 1)
    for (const user of ['ann', 'ben', 'dee']) expect(await service.visible(user)).toEqual(await service.truth(user))
    expect((await service.visible('ben')).map(({ name, permission }) => [name, permission])).toEqual([
      ['elsewhere', 'triage'],
      ['handbook', 'read'],
    ])
  })

  it('with two resources that do not exist names both and writes nothing', async () => {
    const refusal = await refusalOf(replaceGrants(['nowhere', 'read'], ['handbook', 'read'], ['nothing', 'admin']))
    expect([refusal.status, refusal.body.type]).toEqual([422, 'urn:portcullis:problem:unknown-resource'])
    expect(refusal.body.errors?.map(({ pointer }) => pointer)).toEqual(['#/grants/0/resource', '#/grants/2/resource'])
    expect(await grantsOfRed()).toEqual(['handbook admin', 'red-plan write'])
  })

  it('sees one resource under its name and its id', async () => {
    const handbook = await service.portcullis.reads.resource({ name: 'handbook' })
    const refusal = await refusalOf(
      mutations.replaceGrants(
        {
          group: RED,
          grants: [
            { resource: { name: 'handbook' }, permission: 'read' },
            { resource: { id: handbook!.id }, permission: 'admin' },
          ],
        },
        asRoot,
      ),
    )
    expect(refusal.body.errors).toEqual([
      { pointer: '#/grants/1/resource', detail: 'is the same as /grants/0/resource' },
    ])
  })
})

describe('a body that refers to what does not exist', () => {
  it('is unprocessable, by pointer: parents and first grants', async () => {
    const parent = { name: 'no-such-group' }
    const created = await refusalOf(mutations.createGroup({ name: 'orphan', parent }, asRoot))
    const moved = await refusalOf(mutations.updateGroup({ group: RED, changes: { parent } }, asRoot))
    const granted = await refusalOf(
      mutations.createResource(
        { name: 'orphan', kind: 'document', grants: [{ group: parent, permission: 'read' }] },
        asRoot,
      ),
    )
    expect([created, moved, granted].map(({ status, body }) => [status, body.errors?.[0]?.pointer])).toEqual([
      [422, '#/parent'],
      [422, '#/parent'],
      [422, '#/grants/0/group'],
    ])
  })
})

async function waitingForLocks(): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  )
  return rows[0]?.count ?? 0
}
