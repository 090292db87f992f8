/** Groups come, go, and move in the tree. */
import { DomainError } from '../errors.ts'
import { allResources, everythingOfMembersBelow } from '../invalidation-rules.ts'
import type { Group, GroupId, Ref } from '../model.ts'
import type { Transaction } from '../transaction.ts'
import { type Input, mutation } from './declare.ts'
import { checkBelow, checkMove } from './group-tree.ts'
import { checkVersion, groupIds, named, referred, required } from './references.ts'

export const createGroup = mutation<Input<'createGroup'>>('createGroup')
  .locking((tx) => tx.lock.treeChange())
  .invalidates(everythingOfMembersBelow(async ({ name }, tx) => (await tx.groups.find({ name }))?.id ?? null))
  .audited(
    ({ name }) => `group:${name}`,
    (tx, { name }) => tx.groups.find({ name }),
  )
  .write(async (tx, { name, parent }): Promise<Group> => {
    if (await tx.groups.find({ name })) throw new DomainError('already-exists', `a group named ${name} exists`)
    const parentId = parent ? await parentOf(tx, parent) : null
    if (parentId) await checkBelow(tx, parentId)
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
    const found = await required(tx.groups.find(group), group)
    checkVersion(found.version, ifVersion)
    if (name !== undefined && name !== found.name && (await tx.groups.find({ name })))
      throw new DomainError('already-exists', `a group named ${name} exists`)
    const parentId = parent && (await parentOf(tx, parent))
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
    const found = await required(tx.groups.find(group), group)
    checkVersion(found.version, ifVersion)
    await tx.groups.remove(found.id)
    return null
  })

async function parentOf(tx: Transaction, parent: Ref<GroupId>): Promise<GroupId> {
  return (await referred(tx.groups.find(parent), 'unknown-group', { ref: parent, pointer: '/parent' })).id
}
