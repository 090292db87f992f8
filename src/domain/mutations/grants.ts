/** What a group may use, and how: one by one, or the whole list at once. */
import type { Replaced } from '../api.ts'
import { DomainError } from '../errors.ts'
import { allResources, resourcesOfMembersBelow } from '../invalidation-rules.ts'
import type { Grant, GroupId, Permission, Ref, ResourceId } from '../model.ts'
import type { Transaction } from '../transaction.ts'
import { type Input, mutation } from './declare.ts'
import { checkExistence, groupIds, idsOf, named, referred, required } from './references.ts'
import { checkCondition, countsOf, differenceOf, refuseDuplicates, touchedBy } from './replacement.ts'

export const putGrant = mutation<Input<'putGrant'>>('putGrant')
  .locking((tx) => tx.lock.treeShape())
  .locking(async (tx, { group }) => tx.lock.grantsOf(await groupIds(tx, [group])))
  .invalidates(allResources(async ({ resource }, tx) => idsOf(await tx.resources.find(resource))))
  .invalidates(resourcesOfMembersBelow(({ group }, tx) => groupIds(tx, [group])))
  .audited(({ group, resource }) => `grant:${named(group)}:${named(resource)}`, describeGrant)
  .write(async (tx, { group, resource, permission, mustExist }): Promise<{ grant: Grant; created: boolean }> => {
    const key = await grantKey(tx, group, resource)
    const before = await tx.grants.find(key)
    checkExistence(before, mustExist)
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

/** The list becomes everything the group itself is granted. */
export const replaceGrants = mutation<Input<'replaceGrants'>>('replaceGrants')
  .locking((tx) => tx.lock.treeShape())
  .locking(async (tx, { group }) => tx.lock.grantsOf(await groupIds(tx, [group])))
  .locking((tx, { grants }) => tx.lock.resourcesExist(grants.map(({ resource }) => resource)))
  .invalidates(allResources(async (input, tx) => touchedBy((await plan(tx, input))?.difference)))
  .invalidates(resourcesOfMembersBelow(({ group }, tx) => groupIds(tx, [group])))
  .audited(({ group }) => `grants:${named(group)}`, describeGrants)
  .write(
    async (tx, input): Promise<Replaced> => {
      const { id: groupId } = await required(tx.groups.find(input.group), input.group)
      checkGrants(await tx.resources.idsOf(input.grants.map(({ resource }) => resource)))
      const { wanted, difference } = (await plan(tx, input)) ?? nothing
      await checkCondition(input.condition, difference, () => tx.grants.stateOf(groupId))
      const put = [...difference.added, ...difference.changed]
      await tx.grants.putAll(
        put.map((resourceId) => ({ groupId, resourceId, permission: wanted.get(resourceId) ?? 'read' })),
      )
      await tx.grants.removeAll(groupId, difference.removed)
      return countsOf(wanted, difference)
    },
    ({ added, changed, removed }) => added + changed + removed > 0,
  )

const nothing = { wanted: new Map<ResourceId, Permission>(), difference: { added: [], changed: [], removed: [] } }

/** What there is to do; null where there is no such group. */
async function plan(tx: Transaction, { group, grants }: Input<'replaceGrants'>) {
  const found = await tx.groups.find(group)
  if (!found) return null
  const ids = await tx.resources.idsOf(grants.map(({ resource }) => resource))
  const current = new Map((await tx.grants.of(found.id)).map(({ resourceId, permission }) => [resourceId, permission]))
  const wanted = new Map<ResourceId, Permission>()
  for (const [position, { permission }] of grants.entries()) {
    const id = ids[position]
    if (id) wanted.set(id, permission)
  }
  return { wanted, difference: differenceOf(current, wanted) }
}

/** @throws DomainError with every problem by JSON pointer; nothing has been written yet */
function checkGrants(ids: readonly (ResourceId | null)[]): void {
  const pointerAt = (position: number) => `/grants/${position}/resource`
  const problems = ids.flatMap((id, position) =>
    id === null ? [{ path: pointerAt(position), message: 'does not exist' }] : [],
  )
  if (problems.length > 0)
    throw new DomainError('unknown-resource', 'some of these resources do not exist; nothing was written', { problems })
  // By id: one resource may be named in two ways.
  refuseDuplicates(ids.map(String), pointerAt)
}

async function grantKey(
  tx: Transaction,
  group: Ref<GroupId>,
  resource: Ref<ResourceId>,
): Promise<{ groupId: GroupId; resourceId: ResourceId }> {
  const { id: groupId } = await required(tx.groups.find(group), group)
  const { id: resourceId } = await referred(tx.resources.find(resource), 'unknown-resource', { ref: resource })
  return { groupId, resourceId }
}

async function describeGrant(tx: Transaction, { group, resource }: { group: Ref<GroupId>; resource: Ref<ResourceId> }) {
  const holder = await tx.groups.find(group)
  const granted = await tx.resources.find(resource)
  return holder && granted && tx.grants.find({ groupId: holder.id, resourceId: granted.id })
}

async function describeGrants(tx: Transaction, { group }: { group: Ref<GroupId> }) {
  const found = await tx.groups.find(group)
  const grants = found ? await tx.grants.of(found.id) : []
  return found && Object.fromEntries(grants.map(({ resourceId, permission }) => [resourceId, permission]))
}
