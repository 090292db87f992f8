/** The database checks the rules: no mutation may declare less than the triggers find that it changed. */
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Mutations } from '../../src/domain/api.ts'
import type { GroupId } from '../../src/domain/model.ts'
import { MUTATION_CALLS, type MutationCall } from '../support/mutation-calls.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

async function idOf(name: string): Promise<GroupId> {
  const { rows } = await client.query<{ id: GroupId }>('SELECT id FROM groups WHERE name = $1', [name])
  return (rows[0] as { id: GroupId }).id
}

let databaseUrl: string
let service: Service
let client: pg.Client
const exercised = new Set<string>()

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

async function changeBy({ call }: MutationCall): Promise<Change> {
  const memberships = async () =>
    (await client.query<{ m: string }>(`SELECT user_id || ' ' || group_id AS m FROM memberships`)).rows.map(
      ({ m }) => m,
    )
  const before = await memberships()
  await call(service.portcullis.mutations, idOf)
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

describe.each(Object.keys(MUTATION_CALLS) as (keyof Mutations)[])('%s', (name) => {
  it.each(MUTATION_CALLS[name].map((each, index) => ({ ...each, index })))(
    'declares all that the triggers find ($index)',
    async (each) => {
      const change = await changeBy(each)
      expect(change.rows.filter(({ event }) => event === name)).toHaveLength(1)
      expect(change.rows.some(({ event }) => event.startsWith('sql:'))).toBe(true)
      expect(undeclared(change)).toEqual([])
      exercised.add(name)
    },
  )
})

it.each([
  ['t:', 'deleteGroup', MUTATION_CALLS.deleteGroup[0]],
  ['u:', 'removeUserFromGroup', MUTATION_CALLS.removeUserFromGroup[0]],
  ['g:', 'updateResource', MUTATION_CALLS.updateResource[0]],
  ['c:', 'createResource', MUTATION_CALLS.createResource[0]],
  ['r:', 'putGrant', MUTATION_CALLS.putGrant[0]],
] as const)('would notice a rule that names no %s tags in %s', async (kind, name, call) => {
  const { rows, ...memberships } = await changeBy(call as MutationCall)
  const less = rows.map(({ event, tags }) => ({
    event,
    tags: event === name ? tags.filter((tag) => !tag.startsWith(kind)) : tags,
  }))
  expect(undeclared({ rows: less, ...memberships }).some((tag) => tag.startsWith(kind))).toBe(true)
})

it('was asked about every mutation there is', () => {
  expect([...exercised].sort()).toEqual(Object.keys(service.portcullis.mutations).sort())
})
