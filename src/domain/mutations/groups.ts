/** Groups come, go, and move in the tree. */
import { allResources, everythingOfMembersBelow } from '../invalidation-rules.ts'
import type { Group, GroupId, Ref } from '../model.ts'
import { checkGroupState } from '../scim-version.ts'
import type { Subtree, Transaction } from '../transaction.ts'
import { userIdsIn } from '../user-ids.ts'
import { changingTheTree, mutation } from './declare.ts'
import { checkBelow, checkMove } from './group-tree.ts'
import { checkVersion, named, referred, required } from './references.ts'

interface Subject {
  readonly group: Group
  readonly subtree: Subtree
}

const theGroup = async (tx: Transaction, { group }: { group: Ref<GroupId> }): Promise<Subject> =>
  required(await tx.groups.lock(group), group)

/** Empty for a top-level group. */
async function lineageOf(tx: Transaction, parent: Ref<GroupId> | null | undefined): Promise<GroupId[]> {
  if (!parent) return []
  const lineage = await tx.groups.lineage(parent)
  referred(lineage[0], 'unknown-group', { ref: parent, pointer: '/parent' })
  return lineage
}

const subtreeOf = ({ subtree }: { subtree: Subtree }) => subtree
const targetOf = ({ group }: { group: Ref<GroupId> }) => `group:${named(group)}`

export const createGroup = mutation('createGroup')
  .locking(changingTheTree)
  .on(async (tx, { name, parent }) => {
    const lineage = await lineageOf(tx, parent)
    checkBelow(lineage)
    const id = crypto.randomUUID() as string as GroupId
    const times = { createdAt: tx.now, updatedAt: tx.now }
    const group: Group = { id, name, parentId: lineage[0] ?? null, version: 1, ...times }
    return { group, subtree: { groups: [id], users: userIdsIn('', 0), height: 1 } }
  })
  .invalidates(everythingOfMembersBelow(subtreeOf))
  .write((tx, { group }): Group => {
    tx.groups.insert(group)
    return group
  })
  .audited({ target: ({ name }) => `group:${name}`, after: (group) => group })

export const updateGroup = mutation('updateGroup')
  .locking((tx, { changes }) => (changes.parent === undefined ? tx.tree.keepShape() : tx.tree.changeShape()))
  .on(theGroup)
  .invalidates(everythingOfMembersBelow(subtreeOf))
  .write(
    async (tx, { group: before, subtree }, { changes: { name, parent }, ifVersion }): Promise<Group> => {
      checkVersion(before.version, ifVersion)
      const lineage = await lineageOf(tx, parent)
      checkMove(subtree, lineage)
      const parentId = parent === undefined ? before.parentId : (lineage[0] ?? null)
      if ((name ?? before.name) === before.name && parentId === before.parentId) return before
      const version = before.version + 1
      const group = { ...before, name: name ?? before.name, parentId, version, updatedAt: tx.now }
      tx.groups.update(group)
      return group
    },
    (group, { group: before }) => group !== before,
  )
  .audited({ target: targetOf, before: ({ group }) => group, after: (group) => group })

/** Child groups become top-level groups: they lose what they inherited and nobody gains anything. */
export const deleteGroup = mutation('deleteGroup')
  .locking(changingTheTree)
  .on(async (tx, input) => {
    const subject = await theGroup(tx, input)
    return { ...subject, granted: await tx.grants.resourcesOf(subject.group.id) }
  })
  .invalidates(allResources(({ granted }) => granted))
  .invalidates(everythingOfMembersBelow(subtreeOf))
  .write(async (tx, { group }, { ifVersion, condition }): Promise<null> => {
    checkVersion(group.version, ifVersion)
    await checkGroupState(tx, group.id, condition)
    tx.groups.remove(group.id)
    return null
  })
  .audited({ target: targetOf, before: ({ group }) => group })
