/**
 * What a mutation asks of PostgreSQL: how many statements and in how many round trips, counted on the connections of the
 * pool. BEGIN travels with the first statement and COMMIT with the last, so most are two round trips.
 */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createInvalidationIndex, createMutationRunner, type EntryStore, type Mutation } from '../../src/cache/index.ts'
import type { MutationContext } from '../../src/domain/api.ts'
import { flushCache } from '../../src/domain/flush.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import type { UserId } from '../../src/domain/model.ts'
import * as mutations from '../../src/domain/mutations/index.ts'
import type { Transaction } from '../../src/domain/transaction.ts'
import { createDatabase, type Database } from '../../src/postgres/pool.ts'
import { createUnitOfWork } from '../../src/postgres/unit-of-work.ts'
import { smallOrganisation } from '../support/small-organisation.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let database: Database
let observer: pg.Client
const counted: { text: string; roundTrip: number }[] = []

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  database = createDatabase({ url: databaseUrl, poolMax: 2, queueMax: 10, statementTimeoutMs: 5000 })
  database.pool.on('connect', countStatements)
  observer = new pg.Client({ connectionString: databaseUrl })
  await observer.connect()
  await run(mutations.importOrganisation, smallOrganisation)
})
afterAll(async () => {
  await observer?.end()
  await database?.close()
  await dropDatabase(databaseUrl)
})

/** A statement that is sent while others are under way shares their round trip. */
function countStatements(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (config: string | pg.QueryConfig) => Promise<unknown>
  let underWay = 0
  let roundTrip = 0
  client.query = (async (config: string | pg.QueryConfig) => {
    if (underWay++ === 0) roundTrip++
    counted.push({ text: typeof config === 'string' ? config : config.text, roundTrip })
    try {
      return await query(config)
    } finally {
      underWay--
    }
  }) as typeof client.query
}

const store = { invalidate: async () => 0, replaceGenerations: async () => {} } as unknown as EntryStore
const root: MutationContext = { actor: 'root' as UserId }

async function run<Input, Result>(
  mutation: Mutation<Transaction, Input, Result>,
  input: Input,
  context = root,
): Promise<{ statements: number; roundTrips: number }> {
  counted.length = 0
  const unitOfWork = createUnitOfWork({ database, affectedMax: 100, timeoutMs: 5000, notify: true })
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 100 })
  await createMutationRunner({ layers: LAYERS, unitOfWork, store, index }).run(mutation, input, context)
  // The wake-up goes behind the commit, and no caller waits for it.
  const asked = counted.filter(({ text }) => !/^(BEGIN|COMMIT|SELECT pg_notify)/.test(text))
  const roundTrips = new Set(
    counted.filter(({ text }) => !text.startsWith('SELECT pg_notify')).map((each) => each.roundTrip),
  )
  return { statements: asked.length, roundTrips: roundTrips.size }
}

const counts = async () =>
  (
    await observer.query(
      'SELECT (SELECT count(*) FROM invalidation_log) AS log, (SELECT count(*) FROM audit_log) AS audit',
    )
  ).rows[0]

const group = { name: 'dept/red' }
const userId = 'eve' as UserId

/** In this order: each relies on what those before it have left. */
describe('besides BEGIN and COMMIT', () => {
  it.each([
    [
      'PATCH of a resource',
      3,
      2,
      mutations.updateResource,
      { resource: { name: 'handbook' }, changes: { kind: 'page' } },
    ],
    ['a member added', 3, 2, mutations.addUserToGroup, { group, userId }],
    ['a member given another role', 3, 2, mutations.addUserToGroup, { group, userId, role: 'maintainer' }],
    ['a member removed', 3, 2, mutations.removeUserFromGroup, { group, userId }],
    ['a grant given', 3, 2, mutations.putGrant, { group, resource: { name: 'elsewhere' }, permission: 'read' }],
    ['a grant changed', 3, 2, mutations.putGrant, { group, resource: { name: 'elsewhere' }, permission: 'write' }],
    ['a grant taken', 3, 2, mutations.removeGrant, { group, resource: { name: 'elsewhere' } }],
    ['a list of members', 3, 2, mutations.replaceMembers, { group, members: [{ userId }], condition: '*' }],
    ['a list of grants', 3, 2, mutations.replaceGrants, { group, grants: [], condition: '*' }],
    ['a resource created', 1, 1, mutations.createResource, { name: 'new', kind: 'document' }],
    [
      'a resource created with grants',
      3,
      3,
      mutations.createResource,
      { name: 'granted', kind: 'document', grants: [{ group, permission: 'read' }] },
    ],
    ['a resource deleted', 3, 2, mutations.deleteResource, { resource: { name: 'granted' } }],
    ['a group created', 1, 1, mutations.createGroup, { name: 'top' }],
    ['a group created below another', 2, 2, mutations.createGroup, { name: 'below', parent: group }],
    ['a group renamed', 3, 2, mutations.updateGroup, { group: { name: 'below' }, changes: { name: 'renamed' } }],
    [
      'a group moved',
      4,
      3,
      mutations.updateGroup,
      { group: { name: 'renamed' }, changes: { parent: { name: 'top' } } },
    ],
    ['a group deleted', 4, 3, mutations.deleteGroup, { group: { name: 'renamed' } }],
    ['a user created', 2, 2, mutations.putUser, { id: 'zoe' as UserId }],
    ['a user changed', 2, 2, mutations.putUser, { id: 'zoe' as UserId, displayName: 'Zoe' }],
    ['a user deleted', 2, 2, mutations.deleteUser, { id: 'zoe' as UserId }],
    ['an import', 12, 12, mutations.importOrganisation, { ...smallOrganisation, users: [{ id: 'newcomer' }] }],
    ['a flush', 1, 1, flushCache, { scope: 'all' }],
  ] as [string, number, number, Mutation<Transaction, unknown, unknown>, unknown][])(
    '%s asks %i statements in %i round trips at most',
    async (_what, statements, roundTrips, mutation, input) => {
      const [before, asked, after] = [await counts(), await run(mutation, input), await counts()]
      expect(asked.statements).toBeLessThanOrEqual(statements)
      expect(asked.roundTrips).toBeLessThanOrEqual(roundTrips)
      expect([after.log - before.log, after.audit - before.audit]).toEqual([1, 1])
    },
  )

  it('a resource created under an idempotency key asks four more', async () => {
    const context = { ...root, idempotency: { key: 'k', fingerprint: 'f' } }
    const input = { name: 'once', kind: 'document' }
    // COMMIT waits for the answer that is kept.
    expect(await run(mutations.createResource, input, context)).toEqual({ statements: 5, roundTrips: 5 })
    expect(await run(mutations.createResource, input, context)).toEqual({ statements: 1, roundTrips: 2 })
  })
})

describe('a request that changes nothing', () => {
  it.each([
    ['PATCH of a resource', mutations.updateResource, { resource: { name: 'handbook' }, changes: { kind: 'page' } }],
    ['PATCH of a group', mutations.updateGroup, { group, changes: { name: 'dept/red', parent: { name: 'dept' } } }],
    ['a member put again', mutations.addUserToGroup, { group, userId }],
    [
      'a grant put again',
      mutations.putGrant,
      { group: { name: 'dept' }, resource: { name: 'handbook' }, permission: 'read' },
    ],
    ['a user put again', mutations.putUser, { id: 'ann' as UserId }],
  ] as [string, Mutation<Transaction, unknown, unknown>, unknown][])(
    '%s writes no version, no log row and no audit row',
    async (_what, mutation, input) => {
      await run(mutation, input)
      const state = async () => [
        await counts(),
        (await observer.query('SELECT sum(version) FROM resources')).rows,
        (await observer.query('SELECT sum(version) FROM groups')).rows,
        (await observer.query('SELECT max(updated_at) FROM users')).rows,
      ]
      const before = await state()
      await run(mutation, input)
      expect(await state()).toEqual(before)
    },
  )
})
