/** What a group may use, and how: one by one, or the whole list at once. */
import type { Replaced } from '../api.ts'
import { DomainError } from '../errors.ts'
import { allResources, resourcesOfHolders } from '../invalidation-rules.ts'
import type { Grant, GroupId, Permission, Ref, ResourceId } from '../model.ts'
import type { GrantKey, Holders, Transaction } from '../transaction.ts'
import { type Input, keepingTheTree, mutation } from './declare.ts'
import { checkExistence, named, referred, required } from './references.ts'
import { checkCondition, countsOf, differenceOf, refuseDuplicates, touchedBy } from './replacement.ts'

interface Subject extends GrantKey {
  readonly before: Grant | null
  readonly holders: Holders
}

interface GrantInput {
  readonly group: Ref<GroupId>
  readonly resource: Ref<ResourceId>
}

async function theGrant(tx: Transaction, { group, resource }: GrantInput): Promise<Subject> {
  const { permission, holders, ...locked } = await tx.grants.lock(group, resource)
  const groupId = required(locked.groupId, group)
  const resourceId = referred(locked.resourceId, 'unknown-resource', { ref: resource })
  return { groupId, resourceId, before: permission && { groupId, resourceId, permission, expiresAt: null }, holders }
}

const resourceOf = ({ resourceId }: Subject) => [resourceId]
const holdersOf = ({ holders }: { holders: Holders }) => holders
const targetOf = ({ group, resource }: GrantInput) => `grant:${named(group)}:${named(resource)}`

export const putGrant = mutation('putGrant')
  .locking(keepingTheTree)
  .on(theGrant)
  .invalidates(allResources(resourceOf))
  .invalidates(resourcesOfHolders(holdersOf))
  .write(
    (tx, { groupId, resourceId, before }, { permission, mustExist }): { grant: Grant; created: boolean } => {
      checkExistence(before !== null, mustExist)
      if (before?.permission === permission) return { grant: before, created: false }
      const grant = { groupId, resourceId, permission, expiresAt: null }
      if (before === null) tx.grants.insert(grant)
      else tx.grants.update(grant)
      return { grant, created: before === null }
    },
    ({ grant }, { before }) => grant !== before,
  )
  .audited({ target: targetOf, before: ({ before }) => before, after: ({ grant }) => grant })

export const removeGrant = mutation('removeGrant')
  .locking(keepingTheTree)
  .on(theGrant)
  .invalidates(allResources(resourceOf))
  .invalidates(resourcesOfHolders(holdersOf))
  .write((tx, { groupId, resourceId, before }): null => {
    if (before === null) throw new DomainError('not-found', 'the group has no grant on this resource')
    tx.grants.remove({ groupId, resourceId })
    return null
  })
  .audited({ target: targetOf, before: ({ before }) => before })

/** The list becomes everything the group itself is granted. */
export const replaceGrants = mutation('replaceGrants')
  .locking(keepingTheTree)
  .on(async (tx, { group, grants, condition }: Input<'replaceGrants'>) => {
    const refs = grants.map(({ resource }) => resource)
    const { resourceIds, grants: before, state, holders, ...locked } = await tx.grants.lockList(group, refs)
    const groupId = required(locked.groupId, group)
    const ids = checkedResources(resourceIds)
    const wanted = new Map<ResourceId, Permission>()
    for (const [position, id] of ids.entries()) wanted.set(id, grants[position]?.permission ?? 'read')
    const difference = differenceOf(new Map(before), wanted)
    checkCondition(condition, difference, state)
    return { groupId, before, wanted, difference, holders }
  })
  .invalidates(allResources(({ difference }) => touchedBy(difference)))
  .invalidates(resourcesOfHolders(holdersOf))
  .write(
    (tx, { groupId, wanted, difference }): Replaced => {
      const put = [...difference.added, ...difference.changed]
      tx.grants.putAll(
        put.map((resourceId) => ({
          groupId,
          resourceId,
          permission: wanted.get(resourceId) ?? 'read',
          expiresAt: null,
        })),
      )
      tx.grants.removeAll(groupId, difference.removed)
      return countsOf(wanted, difference)
    },
    ({ added, changed, removed }) => added + changed + removed > 0,
  )
  .audited({
    target: ({ group }) => `grants:${named(group)}`,
    before: ({ before }) => Object.fromEntries(before),
    after: (_counts, { wanted }) => Object.fromEntries(wanted),
  })

/** @throws DomainError with every problem by JSON pointer; nothing has been written yet */
function checkedResources(ids: readonly (ResourceId | null)[]): ResourceId[] {
  const pointerAt = (position: number) => `/grants/${position}/resource`
  const problems = ids.flatMap((id, position) =>
    id === null ? [{ path: pointerAt(position), message: 'does not exist' }] : [],
  )
  if (problems.length > 0)
    throw new DomainError('unknown-resource', 'some of these resources do not exist; nothing was written', { problems })
  const known = ids.filter((id) => id !== null)
  // By id: one resource may be named in two ways.
  refuseDuplicates(known, pointerAt)
  return known
}
