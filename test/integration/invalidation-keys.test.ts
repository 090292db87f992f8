/** P6: an invalidation touches exactly the keys of the table; other users' entries survive. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Mutations } from '../../src/domain/api.ts'
import { bucketOf, catalogueBucketKey } from '../../src/domain/keys.ts'
import type { UserId } from '../../src/domain/model.ts'
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

const USERS = ['ann', 'ben', 'cid', 'dee', 'eve']
const id = (user: string) => user as UserId

let databaseUrl: string
let service: Service
let mutations: Mutations

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: PATIENT })
  mutations = service.portcullis.mutations
  await mutations.importOrganisation(smallOrganisation, asRoot)
})
afterAll(async () => {
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

const lists = (...users: string[]) => users.map((user) => `resources:{${user}}`)
const groups = (...users: string[]) => users.map((user) => `user:groups:{${user}}`)

async function catalogueOf(...names: string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => service.portcullis.reads.resource({ name })))
  return ['resources:all', ...new Set(found.flatMap((each) => (each ? [catalogueBucketKey(bucketOf(each.id))] : [])))]
}

const expectExactly = (removed: string[], expected: string[]) => expect(removed.sort()).toEqual([...expected].sort())

describe('each event removes exactly', () => {
  beforeEach(() => service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot))

  it('a member added: that user', async () => {
    const removed = await removedBy(() =>
      mutations.addUserToGroup({ group: { name: 'other' }, userId: id('eve'), role: 'member' }, asRoot),
    )
    expectExactly(removed, [...groups('eve'), ...lists('eve')])
    await mutations.removeUserFromGroup({ group: { name: 'other' }, userId: id('eve') }, asRoot)
  })

  it('a member removed: that user', async () => {
    const removed = await removedBy(() =>
      mutations.removeUserFromGroup({ group: { name: 'dept/red' }, userId: id('ben') }, asRoot),
    )
    expectExactly(removed, [...groups('ben'), ...lists('ben')])
  })

  it('a grant given to a parent: the catalogue, and the lists of members of it and of its descendants', async () => {
    const removed = await removedBy(() =>
      mutations.putGrant({ group: { name: 'dept' }, resource: { name: 'elsewhere' }, permission: 'read' }, asRoot),
    )
    expectExactly(removed, [...(await catalogueOf('elsewhere')), ...lists('ann', 'ben', 'cid')])
  })

  it('a grant taken from a child: never the members of its parent or sibling', async () => {
    const removed = await removedBy(() =>
      mutations.removeGrant({ group: { name: 'dept/blue' }, resource: { name: 'blue-plan' } }, asRoot),
    )
    expectExactly(removed, [...(await catalogueOf('blue-plan')), ...lists('cid')])
  })

  it('a resource updated: the catalogue, and everybody who sees it', async () => {
    const removed = await removedBy(() =>
      mutations.updateResource(
        { resource: { name: 'handbook' }, changes: { description: `at ${Date.now()}` } },
        asRoot,
      ),
    )
    expectExactly(removed, [...(await catalogueOf('handbook')), ...lists('ann', 'ben', 'cid')])
  })

  it('a resource created with a grant, then deleted: the catalogue and the members of the group', async () => {
    const create = () =>
      mutations.createResource(
        { name: 'fresh', kind: 'document', grants: [{ group: { name: 'other' }, permission: 'read' }] },
        asRoot,
      )
    const removed = await removedBy(create)
    expectExactly(removed, [...(await catalogueOf('fresh')), ...lists('dee')])
    const expected = [...(await catalogueOf('fresh')), ...lists('dee')]
    expectExactly(await removedBy(() => mutations.deleteResource({ resource: { name: 'fresh' } }, asRoot)), expected)
  })

  it('a group moved: both entries of members of it and of its descendants', async () => {
    const removed = await removedBy(() =>
      mutations.updateGroup({ group: { name: 'dept' }, changes: { parent: { name: 'other' } } }, asRoot),
    )
    expectExactly(removed, [...groups('ann', 'ben', 'cid'), ...lists('ann', 'ben', 'cid')])
    await mutations.updateGroup({ group: { name: 'dept' }, changes: { parent: null } }, asRoot)
  })

  it('a group created: nobody', async () => {
    expectExactly(await removedBy(() => mutations.createGroup({ name: 'empty' }, asRoot)), [])
  })

  it('a group deleted: both entries of members below, and the catalogue of what was granted to it', async () => {
    await mutations.createGroup({ name: 'dept/green', parent: { name: 'dept' } }, asRoot)
    await mutations.addUserToGroup({ group: { name: 'dept/green' }, userId: id('eve'), role: 'member' }, asRoot)
    await mutations.putGrant(
      { group: { name: 'dept/green' }, resource: { name: 'red-plan' }, permission: 'read' },
      asRoot,
    )
    const catalogue = await catalogueOf('red-plan')
    const removed = await removedBy(() => mutations.deleteGroup({ group: { name: 'dept/green' } }, asRoot))
    expectExactly(removed, [...catalogue, ...groups('eve'), ...lists('eve')])
  })

  it('a user deleted: that user', async () => {
    await mutations.putUser({ id: id('eve') }, asRoot)
    expectExactly(await removedBy(() => mutations.deleteUser({ id: id('eve') }, asRoot)), [
      ...groups('eve'),
      ...lists('eve'),
    ])
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
    expectExactly(removed, [...groups('cid'), ...lists('cid')])
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
    expect(shown.value).toMatchObject({ dryRun: true, keys: null, layers: ['user-resources'] })
    const removed = await removedBy(() => flush(false))
    // What a layer's flush makes worthless is swept in the background.
    expectExactly(
      removed.filter((key) => key.startsWith('resources:all') || key.startsWith('user:')),
      expected,
    )
    for (const user of USERS) await service.visible(user)
    const { entries } = (await service.portcullis.cache.userEntries(id('eve'))) as { entries: { present: boolean }[] }
    expect(entries[1]?.present).toBe(true)
  })

  it('a dry run of a flush: nothing, though it names what would go', async () => {
    const flush = () =>
      service.portcullis.cache.flush({ scope: 'user', user: id('cid') }, { reason: 'test', dryRun: true }, asRoot)
    expectExactly(await removedBy(flush), [])
    const { value } = await flush()
    expect(value.keys).toEqual([`${service.prefix}user:groups:{cid}`, `${service.prefix}resources:{cid}`])
  })
})
