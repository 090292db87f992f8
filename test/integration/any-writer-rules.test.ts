/** The database checks the rules: no mutation may declare less than the triggers find that it changed. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Mutations } from '../../src/domain/api.ts'
import type { GroupId, JsonValue, UserId } from '../../src/domain/model.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const id = (user: string) => user as UserId
const group = (name: string) => ({ group: { name } })
const resource = (name: string) => ({ resource: { name } })
const read = { permission: 'read' } as const
const end = { expiresAt: new Date('2099-01-31T12:00:00Z') }

const patch = (attribute: string, value: JsonValue) => ({
  operations: [{ op: 'replace' as const, attribute, value }],
})
async function idOf(name: string): Promise<GroupId> {
  const { rows } = await client.query<{ id: GroupId }>('SELECT id FROM groups WHERE name = $1', [name])
  return (rows[0] as { id: GroupId }).id
}

let databaseUrl: string
let service: Service
let client: pg.Client
const exercised = new Set<string>()

/** Every mutation of the interface, with an input that changes something and some that touch much. */
const CALLS: { readonly [Name in keyof Mutations]: readonly ((mutations: Mutations) => Promise<unknown>)[] } = {
  putUser: [
    (m) => m.putUser({ id: id('new'), displayName: 'New' }, asRoot),
    (m) => m.putUser({ id: id('ann'), disabled: true }, asRoot),
  ],
  deleteUser: [(m) => m.deleteUser({ id: id('ann') }, asRoot)],
  createGroup: [(m) => m.createGroup({ name: 'dept/red/inner', parent: { name: 'dept/red' } }, asRoot)],
  updateGroup: [
    (m) => m.updateGroup({ ...group('dept'), changes: { name: 'department' } }, asRoot),
    (m) => m.updateGroup({ ...group('dept'), changes: { parent: { name: 'other' } } }, asRoot),
    (m) => m.updateGroup({ ...group('dept/red'), changes: { parent: { name: 'dept/blue' } } }, asRoot),
  ],
  deleteGroup: [(m) => m.deleteGroup(group('dept'), asRoot), (m) => m.deleteGroup(group('dept/red'), asRoot)],
  addUserToGroup: [
    (m) => m.addUserToGroup({ ...group('other'), userId: id('ann') }, asRoot),
    (m) => m.addUserToGroup({ ...group('dept'), userId: id('ann'), role: 'member' }, asRoot),
    (m) => m.addUserToGroup({ ...group('dept'), userId: id('ann'), ...end }, asRoot),
  ],
  removeUserFromGroup: [(m) => m.removeUserFromGroup({ ...group('dept'), userId: id('ann') }, asRoot)],
  replaceMembers: [
    (m) =>
      m.replaceMembers(
        { ...group('dept/red'), members: [{ userId: id('ann') }, { userId: id('eve') }], condition: '*' },
        asRoot,
      ),
    (m) => m.replaceMembers({ ...group('dept/red'), members: [{ userId: id('ben'), ...end }], condition: '*' }, asRoot),
  ],
  createResource: [
    (m) => m.createResource({ name: 'fresh', kind: 'document' }, asRoot),
    (m) =>
      m.createResource(
        {
          name: 'shared',
          kind: 'document',
          grants: [
            { ...group('dept'), ...read },
            { ...group('other'), ...read },
          ],
        },
        asRoot,
      ),
  ],
  updateResource: [
    (m) => m.updateResource({ ...resource('handbook'), changes: { description: 'changed' } }, asRoot),
    (m) => m.updateResource({ ...resource('handbook'), changes: { name: 'book', attributes: { a: 1 } } }, asRoot),
  ],
  deleteResource: [(m) => m.deleteResource(resource('handbook'), asRoot)],
  putGrant: [
    (m) => m.putGrant({ ...group('other'), ...resource('handbook'), ...read }, asRoot),
    (m) => m.putGrant({ ...group('dept'), ...resource('handbook'), permission: 'admin' }, asRoot),
    (m) => m.putGrant({ ...group('dept'), ...resource('handbook'), ...read, ...end }, asRoot),
  ],
  removeGrant: [(m) => m.removeGrant({ ...group('dept'), ...resource('handbook') }, asRoot)],
  replaceGrants: [
    (m) =>
      m.replaceGrants(
        {
          ...group('dept/red'),
          grants: [
            { ...resource('elsewhere'), ...read },
            { ...resource('handbook'), ...read },
          ],
          condition: '*',
        },
        asRoot,
      ),
    (m) =>
      m.replaceGrants(
        { ...group('dept'), grants: [{ ...resource('handbook'), ...read, ...end }], condition: '*' },
        asRoot,
      ),
  ],
  createScimUser: [
    (m) => m.createScimUser({ id: id('new'), attributes: { userName: 'new', active: true } }, asRoot),
    (m) => m.createScimUser({ id: id('off'), attributes: { userName: 'off', active: false } }, asRoot),
  ],
  updateScimUser: [
    (m) => m.updateScimUser({ id: id('ann'), changes: patch('active', false), idSource: 'userName' }, asRoot),
  ],
  createScimGroup: [
    (m) =>
      m.createScimGroup(
        { id: randomUUID() as string as GroupId, attributes: { displayName: 'new', members: [{ value: id('ann') }] } },
        asRoot,
      ),
  ],
  updateScimGroup: [
    async (m) => m.updateScimGroup({ id: await idOf('dept'), changes: patch('displayName', 'department') }, asRoot),
    async (m) =>
      m.updateScimGroup({ id: await idOf('dept/red'), changes: patch('members', [{ value: 'eve' }]) }, asRoot),
    async (m) =>
      m.updateScimGroup({ id: await idOf('dept'), changes: { replacement: { displayName: 'department' } } }, asRoot),
  ],
  importOrganisation: [
    (m) =>
      m.importOrganisation(
        {
          users: [{ id: id('fay') }],
          groups: [{ name: 'dept' }, { name: 'dept/red', parent: null }],
          memberships: [{ group: 'dept', user: 'fay', role: 'member' }],
          resources: [{ name: 'red-plan', kind: 'drawing' }],
          grants: [{ group: 'dept', resource: 'red-plan', permission: 'admin' }],
        },
        asRoot,
      ),
  ],
}

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl })
  client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await speakAlways()
})
afterAll(async () => {
  await client?.end()
  await service?.close()
  await dropDatabase(databaseUrl)
})
beforeEach(async () => {
  await client.query('TRUNCATE users, groups, resources CASCADE')
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  await client.query('TRUNCATE invalidation_log')
})

/** The statement triggers without the condition that keeps them silent in a transaction that declares its tags. */
async function speakAlways(): Promise<void> {
  const { rows } = await client.query<{ name: string; relation: string; definition: string }>(`
    SELECT tgname AS name, tgrelid::regclass::text AS relation, pg_get_triggerdef(oid) AS definition FROM pg_trigger
    WHERE tgname LIKE 'portcullis_%' AND tgqual IS NOT NULL AND tgname <> 'portcullis_replicated'`)
  expect(rows).toHaveLength(20)
  for (const { name, relation, definition } of rows) {
    await client.query(`DROP TRIGGER ${name} ON ${relation}`)
    await client.query(definition.replace(/ WHEN .* EXECUTE /, ' EXECUTE '))
  }
}

interface LogRow {
  readonly event: string
  readonly tags: string[]
}

interface Change {
  readonly rows: readonly LogRow[]
  /** Memberships that went and that came, as `user group`. */
  readonly left: readonly string[]
  readonly joined: readonly string[]
}

async function changeBy(call: (mutations: Mutations) => Promise<unknown>): Promise<Change> {
  const memberships = async () =>
    (await client.query<{ m: string }>(`SELECT user_id || ' ' || group_id AS m FROM memberships`)).rows.map(
      ({ m }) => m,
    )
  const before = await memberships()
  await call(service.portcullis.mutations)
  const after = await memberships()
  const { rows } = await client.query<LogRow>('SELECT event, tags FROM invalidation_log ORDER BY id')
  const without = (some: string[], others: string[]) => some.filter((each) => !others.includes(each))
  return { rows, left: without(before, after), joined: without(after, before) }
}

const LAYER_OF: Readonly<Record<string, string>> = {
  u: 'l:user-resources',
  t: 'l:user-resources',
  g: 'l:user-resources',
  c: 'l:resources',
  r: 'l:resources',
}

/**
 * What the triggers named and the mutation did not. Every entry that names a group's grants names its place too, and so
 * does every entry of a user for the groups that the user is in.
 */
function undeclared({ rows, left, joined }: Change): string[] {
  const from = (sql: boolean) =>
    rows.filter(({ event }) => event.startsWith('sql:') === sql).flatMap(({ tags }) => tags)
  const declared = new Set(from(false))
  const of = (user: string, changes: readonly string[]) => changes.filter((each) => each.startsWith(`${user} `))
  const onlyLeftGroupsDeclared = (user: string) =>
    of(user, joined).length === 0 &&
    of(user, left).length > 0 &&
    of(user, left).every((each) => declared.has(`t:${each.split(' ')[1]}`))
  const covered = (tag: string) =>
    declared.has(tag) ||
    declared.has(LAYER_OF[tag[0] as string] as string) ||
    (tag.startsWith('g:') && declared.has(`t:${tag.slice(2)}`)) ||
    (tag.startsWith('u:') && onlyLeftGroupsDeclared(tag.slice(2)))
  return [...new Set(from(true))].filter((tag) => !covered(tag))
}

describe.each(Object.keys(CALLS) as (keyof Mutations)[])('%s', (name) => {
  it.each(CALLS[name].map((call, index) => ({ call, index })))(
    'declares all that the triggers find ($index)',
    async ({ call }) => {
      const change = await changeBy(call)
      expect(change.rows.filter(({ event }) => event === name)).toHaveLength(1)
      expect(change.rows.some(({ event }) => event.startsWith('sql:'))).toBe(true)
      expect(undeclared(change)).toEqual([])
      exercised.add(name)
    },
  )
})

it.each([
  ['t:', 'deleteGroup', CALLS.deleteGroup[0]],
  ['u:', 'removeUserFromGroup', CALLS.removeUserFromGroup[0]],
  ['g:', 'updateResource', CALLS.updateResource[0]],
  ['c:', 'createResource', CALLS.createResource[0]],
  ['r:', 'putGrant', CALLS.putGrant[0]],
] as const)('would notice a rule that names no %s tags in %s', async (kind, name, call) => {
  const { rows, ...memberships } = await changeBy(call as (mutations: Mutations) => Promise<unknown>)
  const less = rows.map(({ event, tags }) => ({
    event,
    tags: event === name ? tags.filter((tag) => !tag.startsWith(kind)) : tags,
  }))
  expect(undeclared({ rows: less, ...memberships }).some((tag) => tag.startsWith(kind))).toBe(true)
})

it('was asked about every mutation there is', () => {
  expect([...exercised].sort()).toEqual(Object.keys(service.portcullis.mutations).sort())
})
