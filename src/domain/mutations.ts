/** Every mutation as its correctness: what it locks, what goes stale, what it writes. */
import { mutation as declare } from '../cache/index.ts'
import type { ImportCounts, Mutations, OrganisationImport } from './api.ts'
import { DomainError } from './errors.ts'
import { checkImport } from './import-check.ts'
import {
  allResources,
  everything,
  everythingOfMembersBelow,
  resourcesOfMembersBelow,
  userGroups,
  userResources,
} from './invalidation-rules.ts'
import { mergePatch } from './merge-patch.ts'
import type { Grant, Group, GroupId, Membership, Ref, Resource, ResourceId, User } from './model.ts'
import type { Transaction } from './transaction.ts'

type Input<Name extends keyof Mutations> = Parameters<Mutations[Name]>[0]

/** Levels of the group tree at most. */
export const MAX_DEPTH = 32

const mutation = <In>(name: string) => declare<Transaction, In>(name)

export const createResource = mutation<Input<'createResource'>>('createResource')
  .locking((tx) => tx.lock.treeShape())
  .locking(async (tx, { grants = [] }) =>
    tx.lock.grantsOf(
      await groupIds(
        tx,
        grants.map(({ group }) => group),
      ),
    ),
  )
  .invalidates(allResources(async ({ name }, tx) => idsOf(await tx.resources.find({ name }))))
  .invalidates(
    resourcesOfMembersBelow(({ grants = [] }, tx) =>
      groupIds(
        tx,
        grants.map(({ group }) => group),
      ),
    ),
  )
  .audited(
    ({ name }) => `resource:${name}`,
    (tx, { name }) => describeResource(tx, { name }),
  )
  .write(async (tx, { name, kind, description = null, attributes = {}, grants = [] }): Promise<Resource> => {
    if (await tx.resources.find({ name })) throw new DomainError('already-exists', `a resource named ${name} exists`)
    const resource = await tx.resources.create({ name, kind, description, attributes })
    for (const { group, permission } of grants) {
      const { id } = await required(tx.groups.find(group), 'unknown-group', group)
      await tx.grants.put({ groupId: id, resourceId: resource.id, permission })
    }
    return resource
  })

export const updateResource = mutation<Input<'updateResource'>>('updateResource')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { resource }) => lockResource(tx, resource))
  .invalidates(allResources(async ({ resource }, tx) => idsOf(await tx.resources.find(resource))))
  .invalidates(resourcesOfMembersBelow(({ resource }, tx) => groupsGranted(tx, resource)))
  .audited(
    ({ resource }) => `resource:${named(resource)}`,
    (tx, { resource }) => describeResource(tx, resource),
  )
  .write(async (tx, { resource, changes, ifVersion }): Promise<Resource> => {
    const found = await required(tx.resources.find(resource), 'not-found', resource)
    checkVersion(found.version, ifVersion)
    if (changes.name !== undefined && changes.name !== found.name && (await tx.resources.find({ name: changes.name })))
      throw new DomainError('already-exists', `a resource named ${changes.name} exists`)
    const { attributes, ...rest } = changes
    const patched =
      attributes === undefined ? {} : { attributes: attributes ? mergePatch(found.attributes, attributes) : {} }
    return tx.resources.update(found.id, { ...rest, ...patched })
  })

export const deleteResource = mutation<Input<'deleteResource'>>('deleteResource')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { resource }) => lockResource(tx, resource))
  .invalidates(allResources(async ({ resource }, tx) => idsOf(await tx.resources.find(resource))))
  .invalidates(resourcesOfMembersBelow(({ resource }, tx) => groupsGranted(tx, resource)))
  .audited(
    ({ resource }) => `resource:${named(resource)}`,
    (tx, { resource }) => describeResource(tx, resource),
  )
  .write(async (tx, { resource, ifVersion }): Promise<null> => {
    const found = await required(tx.resources.find(resource), 'not-found', resource)
    checkVersion(found.version, ifVersion)
    await tx.resources.remove(found.id)
    return null
  })

export const putUser = mutation<Input<'putUser'>>('putUser')
  .locking((tx, { id }) => tx.lock.user(id))
  .invalidates(userResources(({ id }) => id))
  .invalidates(userGroups(({ id }) => id))
  .audited(
    ({ id }) => `user:${id}`,
    (tx, { id }) => tx.users.find(id),
  )
  .write(async (tx, input): Promise<{ user: User; created: boolean }> => {
    const before = await tx.users.find(input.id)
    return { user: await tx.users.put(input), created: before === null }
  })

export const deleteUser = mutation<Input<'deleteUser'>>('deleteUser')
  .locking((tx, { id }) => tx.lock.user(id))
  .invalidates(userResources(({ id }) => id))
  .invalidates(userGroups(({ id }) => id))
  .audited(
    ({ id }) => `user:${id}`,
    (tx, { id }) => tx.users.find(id),
  )
  .write(async (tx, { id }): Promise<null> => {
    if (!(await tx.users.find(id))) throw new DomainError('not-found', `there is no user ${id}`)
    await tx.users.remove(id)
    return null
  })

export const createGroup = mutation<Input<'createGroup'>>('createGroup')
  .locking((tx) => tx.lock.treeChange())
  .invalidates(everythingOfMembersBelow(async ({ name }, tx) => (await tx.groups.find({ name }))?.id ?? null))
  .audited(
    ({ name }) => `group:${name}`,
    (tx, { name }) => tx.groups.find({ name }),
  )
  .write(async (tx, { name, parent }): Promise<Group> => {
    if (await tx.groups.find({ name })) throw new DomainError('already-exists', `a group named ${name} exists`)
    const parentId = parent ? (await required(tx.groups.find(parent), 'unknown-group', parent)).id : null
    if (parentId && (await tx.groups.lineage(parentId)).length >= MAX_DEPTH) throw tooDeep()
    return tx.groups.create({ name, parentId })
  })

export const updateGroup = mutation<Input<'updateGroup'>>('updateGroup')
  .locking((tx, { changes }) => (changes.parent === undefined ? tx.lock.treeShape() : tx.lock.treeChange()))
  .locking(async (tx, { group }) => tx.lock.grantsOf(await groupIds(tx, [group])))
  .invalidates(everythingOfMembersBelow(async ({ group }, tx) => (await tx.groups.find(group))?.id ?? null))
  .audited(
    ({ group }) => `group:${named(group)}`,
    (tx, { group }) => tx.groups.find(group),
  )
  .write(async (tx, { group, changes: { name, parent }, ifVersion }): Promise<Group> => {
    const found = await required(tx.groups.find(group), 'not-found', group)
    checkVersion(found.version, ifVersion)
    if (name !== undefined && name !== found.name && (await tx.groups.find({ name })))
      throw new DomainError('already-exists', `a group named ${name} exists`)
    const parentId = parent && (await required(tx.groups.find(parent), 'unknown-group', parent)).id
    if (parentId) await checkMove(tx, found.id, parentId)
    return tx.groups.update(found.id, {
      ...(name !== undefined && { name }),
      ...(parentId !== undefined && { parentId }),
    })
  })

/** Child groups become top-level groups: they lose what they inherited and nobody gains anything. */
export const deleteGroup = mutation<Input<'deleteGroup'>>('deleteGroup')
  .locking((tx) => tx.lock.treeChange())
  .locking(async (tx, { group }) => tx.lock.grantsOf(await groupIds(tx, [group])))
  .invalidates(
    allResources(async ({ group }, tx) => {
      const found = await tx.groups.find(group)
      return found && tx.grants.resourcesOf(found.id)
    }),
  )
  .invalidates(everythingOfMembersBelow(async ({ group }, tx) => (await tx.groups.find(group))?.id ?? null))
  .audited(
    ({ group }) => `group:${named(group)}`,
    (tx, { group }) => tx.groups.find(group),
  )
  .write(async (tx, { group, ifVersion }): Promise<null> => {
    const found = await required(tx.groups.find(group), 'not-found', group)
    checkVersion(found.version, ifVersion)
    await tx.groups.remove(found.id)
    return null
  })

export const addUserToGroup = mutation<Input<'addUserToGroup'>>('addUserToGroup')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { group }) => lockMembers(tx, group))
  .invalidates(userGroups(({ userId }) => userId))
  .invalidates(userResources(({ userId }) => userId))
  .audited(({ group, userId }) => `membership:${named(group)}:${userId}`, describeMembership)
  .write(async (tx, { group, userId, role }): Promise<{ membership: Membership; created: boolean }> => {
    const { id: groupId } = await required(tx.groups.find(group), 'not-found', group)
    if (!(await tx.users.find(userId))) throw new DomainError('unknown-user', `there is no user ${userId}`)
    const before = await tx.memberships.find({ userId, groupId })
    return { membership: await tx.memberships.put({ userId, groupId, role }), created: before === null }
  })

export const removeUserFromGroup = mutation<Input<'removeUserFromGroup'>>('removeUserFromGroup')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { group }) => lockMembers(tx, group))
  .invalidates(userGroups(({ userId }) => userId))
  .invalidates(userResources(({ userId }) => userId))
  .audited(({ group, userId }) => `membership:${named(group)}:${userId}`, describeMembership)
  .write(async (tx, { group, userId }): Promise<null> => {
    const { id: groupId } = await required(tx.groups.find(group), 'not-found', group)
    if (!(await tx.memberships.find({ userId, groupId })))
      throw new DomainError('not-found', `${userId} is no direct member of this group`)
    await tx.memberships.remove({ userId, groupId })
    return null
  })

export const putGrant = mutation<Input<'putGrant'>>('putGrant')
  .locking((tx) => tx.lock.treeShape())
  .locking(async (tx, { group }) => tx.lock.grantsOf(await groupIds(tx, [group])))
  .invalidates(allResources(async ({ resource }, tx) => idsOf(await tx.resources.find(resource))))
  .invalidates(resourcesOfMembersBelow(({ group }, tx) => groupIds(tx, [group])))
  .audited(({ group, resource }) => `grant:${named(group)}:${named(resource)}`, describeGrant)
  .write(async (tx, { group, resource, permission }): Promise<{ grant: Grant; created: boolean }> => {
    const key = await grantKey(tx, group, resource)
    const before = await tx.grants.find(key)
    return { grant: await tx.grants.put({ ...key, permission }), created: before === null }
  })

export const removeGrant = mutation<Input<'removeGrant'>>('removeGrant')
  .locking((tx) => tx.lock.treeShape())
  .locking(async (tx, { group }) => tx.lock.grantsOf(await groupIds(tx, [group])))
  .invalidates(allResources(async ({ resource }, tx) => idsOf(await tx.resources.find(resource))))
  .invalidates(resourcesOfMembersBelow(({ group }, tx) => groupIds(tx, [group])))
  .audited(({ group, resource }) => `grant:${named(group)}:${named(resource)}`, describeGrant)
  .write(async (tx, { group, resource }): Promise<null> => {
    const key = await grantKey(tx, group, resource)
    if (!(await tx.grants.find(key))) throw new DomainError('not-found', 'the group has no grant on this resource')
    await tx.grants.remove(key)
    return null
  })

export const importOrganisation = mutation<OrganisationImport>('importOrganisation')
  .locking((tx) => tx.lock.treeChange())
  .invalidates(everything())
  .audited(
    () => 'organisation',
    async () => null,
  )
  .write(
    async (tx, organisation): Promise<ImportCounts> => {
      await checkImport(tx, organisation)
      const counts = await tx.importOrganisation(organisation)
      const deepest = await tx.groups.deepest()
      if (deepest > MAX_DEPTH) throw tooDeep()
      return counts
    },
    ({ changed }) => changed,
  )

async function lockResource(tx: Transaction, ref: Ref<ResourceId>): Promise<void> {
  const found = await tx.resources.find(ref)
  if (!found) return
  // The groups before the resource: the order in which every other mutation takes them.
  await tx.lock.grantsOf(await tx.grants.groupsOf(found.id))
  await tx.lock.resource(found.id)
}

async function lockMembers(tx: Transaction, ref: Ref<GroupId>): Promise<void> {
  const found = await tx.groups.find(ref)
  if (found) await tx.lock.membersOf(found.id)
}

async function checkMove(tx: Transaction, group: GroupId, parent: GroupId): Promise<void> {
  const lineage = await tx.groups.lineage(parent)
  if (lineage.includes(group)) throw new DomainError('group-cycle', 'a group cannot be moved below itself')
  if (lineage.length + (await tx.groups.height(group)) > MAX_DEPTH) throw tooDeep()
}

function tooDeep(): DomainError {
  return new DomainError('group-too-deep', `the tree would have a cycle or more than ${MAX_DEPTH} levels`)
}

function checkVersion(version: number, expected: number | undefined): void {
  if (expected !== undefined && expected !== version)
    throw new DomainError('version-mismatch', `the current version is ${version}, the request expects ${expected}`)
}

async function required<T>(
  finding: Promise<T | null>,
  code: 'not-found' | 'unknown-group' | 'unknown-resource',
  ref: Ref<string>,
): Promise<T> {
  const found = await finding
  if (found === null) throw new DomainError(code, `${named(ref)} does not exist`)
  return found
}

async function grantKey(
  tx: Transaction,
  group: Ref<GroupId>,
  resource: Ref<ResourceId>,
): Promise<{ groupId: GroupId; resourceId: ResourceId }> {
  const { id: groupId } = await required(tx.groups.find(group), 'not-found', group)
  const { id: resourceId } = await required(tx.resources.find(resource), 'unknown-resource', resource)
  return { groupId, resourceId }
}

async function groupIds(tx: Transaction, refs: readonly Ref<GroupId>[]): Promise<GroupId[]> {
  const ids: GroupId[] = []
  for (const ref of refs) {
    const found = await tx.groups.find(ref)
    if (found) ids.push(found.id)
  }
  return ids
}

async function groupsGranted(tx: Transaction, ref: Ref<ResourceId>): Promise<GroupId[] | null> {
  const found = await tx.resources.find(ref)
  return found && tx.grants.groupsOf(found.id)
}

function idsOf(resource: Resource | null): ResourceId[] | null {
  return resource && [resource.id]
}

function named(ref: Ref<string>): string {
  return 'id' in ref ? ref.id : ref.name
}

async function describeResource(tx: Transaction, ref: Ref<ResourceId>): Promise<unknown> {
  return tx.resources.find(ref)
}

async function describeMembership(tx: Transaction, { group, userId }: { group: Ref<GroupId>; userId: User['id'] }) {
  const found = await tx.groups.find(group)
  return found && tx.memberships.find({ userId, groupId: found.id })
}

async function describeGrant(tx: Transaction, { group, resource }: { group: Ref<GroupId>; resource: Ref<ResourceId> }) {
  const holder = await tx.groups.find(group)
  const granted = await tx.resources.find(resource)
  return holder && granted && tx.grants.find({ groupId: holder.id, resourceId: granted.id })
}
