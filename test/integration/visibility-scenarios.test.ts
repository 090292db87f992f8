/** The seventeen scenarios for visibility that other systems got wrong, by number: 1 to 7. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Mutations, OrganisationImport } from '../../src/domain/api.ts'
import { asRoot, named, startVisibilityFleet, user, type VisibilityFleet } from './visibility-fleet.ts'

let fleet: VisibilityFleet
let mutations: Mutations
beforeAll(async () => {
  fleet = await startVisibilityFleet()
  mutations = fleet.mutations
})
afterAll(() => fleet?.close())

/** A small organisation with names of its own, so that no scenario knows of another. */
async function organisation(parts: Partial<OrganisationImport>): Promise<void> {
  const nothing = { users: [], groups: [], memberships: [], resources: [], grants: [] }
  await mutations.importOrganisation({ ...nothing, ...parts }, asRoot)
}
const member = (group: string, id: string) => ({ group, user: id, role: 'member' as const })
const document = (name: string) => ({ name, kind: 'document' })

describe('visibility', () => {
  it('1: a user removed from a group loses its resources on every instance, from warm caches', async () => {
    await organisation({
      users: [{ id: 's1.ann' }, { id: 's1.ben' }],
      groups: [{ name: 's1' }],
      memberships: [member('s1', 's1.ann'), member('s1', 's1.ben')],
      resources: [document('s1/a')],
      grants: [{ group: 's1', resource: 's1/a', permission: 'read' }],
    })
    await fleet.warm('s1.ann', 's1.ben')
    await mutations.removeUserFromGroup({ group: named('s1'), userId: user('s1.ann') }, asRoot)
    await fleet.expectSeen('s1.ann', [])
    await fleet.expectSeen('s1.ben', ['s1/a=read'])
  })

  it('2: a grant taken from a group is lost by all its members, cached or not', async () => {
    await organisation({
      users: [{ id: 's2.cached' }, { id: 's2.new' }, { id: 's2.below' }],
      groups: [{ name: 's2' }, { name: 's2/below', parent: 's2' }],
      memberships: [member('s2', 's2.cached'), member('s2', 's2.new'), member('s2/below', 's2.below')],
      resources: [document('s2/a')],
      grants: [{ group: 's2', resource: 's2/a', permission: 'write' }],
    })
    await fleet.warm('s2.cached', 's2.below')
    await mutations.removeGrant({ group: named('s2'), resource: named('s2/a') }, asRoot)
    for (const id of ['s2.cached', 's2.new', 's2.below']) await fleet.expectSeen(id, [])
  })

  it('3: of two paths the higher permission wins, one revoked falls back, the second removes it', async () => {
    await organisation({
      users: [{ id: 's3.ann' }],
      groups: [{ name: 's3/x' }, { name: 's3/y' }],
      memberships: [member('s3/x', 's3.ann'), member('s3/y', 's3.ann')],
      resources: [document('s3/a')],
      grants: [
        { group: 's3/x', resource: 's3/a', permission: 'admin' },
        { group: 's3/y', resource: 's3/a', permission: 'triage' },
      ],
    })
    await fleet.warm('s3.ann')
    await fleet.expectSeen('s3.ann', ['s3/a=admin'])
    await mutations.removeGrant({ group: named('s3/x'), resource: named('s3/a') }, asRoot)
    await fleet.expectSeen('s3.ann', ['s3/a=triage'])
    await mutations.removeGrant({ group: named('s3/y'), resource: named('s3/a') }, asRoot)
    await fleet.expectSeen('s3.ann', [])
  })

  it('4: a reader with the token of a grant sees it at once, on the instance that did not make it', async () => {
    await organisation({
      users: [{ id: 's4.ann' }],
      groups: [{ name: 's4' }],
      memberships: [member('s4', 's4.ann')],
      resources: [document('s4/a')],
    })
    await fleet.warm('s4.ann')
    const { consistencyToken } = await mutations.putGrant(
      { group: named('s4'), resource: named('s4/a'), permission: 'read' },
      asRoot,
    )
    const page = await fleet.instances[1].portcullis.reads.visibleResources(
      user('s4.ann'),
      { limit: 50 },
      { after: consistencyToken },
    )
    expect(page.body.toString()).toContain('"s4/a"')
  })

  it('5: a deleted group, resource or user leaves nothing to the next of the same name', async () => {
    const parts: Partial<OrganisationImport> = {
      users: [{ id: 's5.ann' }],
      groups: [{ name: 's5' }],
      memberships: [member('s5', 's5.ann')],
      resources: [document('s5/a')],
      grants: [{ group: 's5', resource: 's5/a', permission: 'read' }],
    }
    await organisation(parts)
    await fleet.warm('s5.ann')
    await mutations.deleteGroup({ group: named('s5') }, asRoot)
    await fleet.expectSeen('s5.ann', [])
    await mutations.createGroup({ name: 's5' }, asRoot)
    await mutations.addUserToGroup({ group: named('s5'), userId: user('s5.ann'), role: 'member' }, asRoot)
    await fleet.expectSeen('s5.ann', [])

    await organisation(parts)
    await fleet.warm('s5.ann')
    await mutations.deleteResource({ resource: named('s5/a') }, asRoot)
    await mutations.createResource({ name: 's5/a', kind: 'document' }, asRoot)
    await fleet.expectSeen('s5.ann', [])

    await organisation(parts)
    await fleet.warm('s5.ann')
    await mutations.deleteUser({ id: user('s5.ann') }, asRoot)
    await fleet.expectSeen('s5.ann', [])
    await mutations.putUser({ id: user('s5.ann') }, asRoot)
    await fleet.expectSeen('s5.ann', [])
  })

  it('6: in a tree, a subtree that moves takes its members along; a cycle is refused', async () => {
    await organisation({
      users: [{ id: 's6.low' }],
      groups: [
        { name: 's6/top' },
        { name: 's6/middle', parent: 's6/top' },
        { name: 's6/low', parent: 's6/middle' },
        { name: 's6/elsewhere' },
      ],
      memberships: [member('s6/low', 's6.low')],
      resources: [document('s6/a'), document('s6/b')],
      grants: [
        { group: 's6/top', resource: 's6/a', permission: 'read' },
        { group: 's6/elsewhere', resource: 's6/b', permission: 'read' },
      ],
    })
    await fleet.warm('s6.low')
    await fleet.expectSeen('s6.low', ['s6/a=read'])
    await mutations.updateGroup({ group: named('s6/middle'), changes: { parent: named('s6/elsewhere') } }, asRoot)
    await fleet.expectSeen('s6.low', ['s6/b=read'])
    await expect(
      mutations.updateGroup({ group: named('s6/elsewhere'), changes: { parent: named('s6/low') } }, asRoot),
    ).rejects.toMatchObject({ code: 'group-cycle' })
    await fleet.expectSeen('s6.low', ['s6/b=read'])
    await mutations.updateGroup({ group: named('s6/middle'), changes: { parent: null } }, asRoot)
    await fleet.expectSeen('s6.low', [])
  })

  it.each([0, 1, 49, 50, 51, 199, 200, 201, 10_000])(
    '7: a list of %i items is complete, ordered, without a double',
    async (count) => {
      const names = Array.from({ length: count }, (_, index) => `s7-${count}/${String(index).padStart(5, '0')}`)
      const group = `s7-${count}`
      await organisation({
        users: [{ id: group }],
        groups: [{ name: group }],
        memberships: [member(group, group)],
        resources: names.map(document),
        grants: names.map((resource) => ({ group, resource, permission: 'read' })),
      })
      // From the loading instance, and from the other one that reads the pages out of Redis.
      for (const instance of fleet.instances) {
        const seen = (await instance.visible(group, { limit: 200 })).map(({ name }) => name)
        expect(seen).toEqual(names)
      }
      const first = await fleet.instances[1].visible(group, { limit: 50 })
      expect(first.length).toBe(count)
    },
  )
})
