/** P6: an invalidation touches exactly the keys of the table; other users' entries survive. */
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Mutations } from '../../src/domain/api.ts'
import { bucketOf, catalogueBucketKey } from '../../src/domain/keys.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import type { GroupId, UserId } from '../../src/domain/model.ts'
import { MUTATION_CALLS } from '../support/mutation-calls.ts'
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

const USERS = ['ann', 'ben', 'cid', 'dee', 'eve', 'new', 'off']
const id = (user: string) => user as UserId

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

/** Fills every entry, runs the mutation, and returns what it removed. */
async function removedBy(mutate: () => Promise<unknown>): Promise<string[]> {
  for (const user of USERS) await service.visible(user)
  const before = await allEntriesInRedis(service.prefix, USERS)
  await mutate()
  const after = new Set(await entriesInRedis(service.prefix))
  return before.filter((key) => !after.has(key))
}

const listsOf = (users: readonly string[]) => users.map((user) => `resources:{${user}}`)
const groupsOf = (users: readonly string[]) => users.map((user) => `user:groups:{${user}}`)

async function idOf(name: string): Promise<GroupId> {
  const group = await service.portcullis.reads.group({ name })
  return (group as { id: GroupId }).id
}

async function catalogueOf(...names: string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => service.portcullis.reads.resource({ name })))
  return ['resources:all', ...new Set(found.flatMap((each) => (each ? [catalogueBucketKey(bucketOf(each.id))] : [])))]
}

const expectExactly = (removed: string[], expected: string[]) => expect(removed.sort()).toEqual([...expected].sort())

describe('each event removes exactly', () => {
  beforeEach(async () => {
    await sql.query('TRUNCATE users, groups, resources CASCADE')
    await mutations.importOrganisation(smallOrganisation, asRoot)
  })

  it.each(
    Object.entries(MUTATION_CALLS).flatMap(([name, calls]) =>
      calls.flatMap(({ call, removes }, index) => (removes === 'layers' ? [] : [{ name, index, call, removes }])),
    ),
  )('$name ($index)', async ({ call, removes: { both = [], lists = [], catalogue = [] } }) => {
    const known = await catalogueOf(...catalogue)
    const removed = await removedBy(() => call(mutations, idOf))
    // A name is looked up on both sides: of a resource that comes, goes or is renamed, one of them has it.
    const buckets = catalogue.length > 0 ? [...known, ...(await catalogueOf(...catalogue))] : []
    expectExactly(removed, [...new Set([...buckets, ...groupsOf(both), ...listsOf([...both, ...lists])])])
  })

  it('a mutation that is refused: nothing', async () => {
    const removed = await removedBy(() =>
      mutations
        .updateResource({ resource: { name: 'handbook' }, changes: { description: 'x' }, ifVersion: 0 }, asRoot)
        .catch((error: { code: string }) => expect(error.code).toBe('version-mismatch')),
    )
    expectExactly(removed, [])
  })

  it('an import that changes nothing: nothing', async () => {
    expectExactly(await removedBy(() => mutations.importOrganisation(smallOrganisation, asRoot)), [])
  })

  it('a flush of one user: that user', async () => {
    const removed = await removedBy(() =>
      service.portcullis.cache.flush({ scope: 'user', user: id('cid') }, { reason: 'test', dryRun: false }, asRoot),
    )
    expectExactly(removed, [...groupsOf(['cid']), ...listsOf(['cid'])])
  })

  it('a flush of a resource: the catalogue by name, and the lists of everybody as a layer', async () => {
    const expected = await catalogueOf('handbook')
    const flush = (dryRun: boolean) =>
      service.portcullis.cache.flush(
        { scope: 'resource', resource: { name: 'handbook' } },
        { reason: 'test', dryRun },
        asRoot,
      )
    const shown = await flush(true)
    expect(shown.value).toMatchObject({ dryRun: true, keys: null, layers: LAYERS.closureOf('user-resources') })
    const removed = await removedBy(() => flush(false))
    // What a layer's flush makes worthless is swept in the background.
    expectExactly(
      removed.filter((key) => key.startsWith('resources:all') || key.startsWith('user:')),
      expected,
    )
    for (const user of USERS) await service.visible(user)
    const { entries } = (await service.portcullis.cache.userEntries(id('eve'))) as {
      entries: { key: string; present: boolean }[]
    }
    expect(entries.find(({ key }) => key.endsWith('resources:{eve}'))?.present).toBe(true)
  })

  it('a dry run of a flush: nothing, though it names what would go', async () => {
    const flush = () =>
      service.portcullis.cache.flush({ scope: 'user', user: id('cid') }, { reason: 'test', dryRun: true }, asRoot)
    expectExactly(await removedBy(flush), [])
    const { value } = await flush()
    const keys = LAYERS.closureOf('user-groups').map((layer) => service.prefix + LAYERS.keyOf(layer, id('cid')))
    expect(value.keys?.toSorted()).toEqual(keys.sort())
  })
})
