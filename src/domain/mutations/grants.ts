/** What a group may use, and how: one by one, or the whole list at once. */
import type { Replaced } from '../api.ts'
import { checkEnds, endsAlike, endsIn } from '../ends.ts'
import { DomainError } from '../errors.ts'
import { allResources, resourcesOfHolders } from '../invalidation-rules.ts'
import type { Grant, GroupId, Ref, ResourceId } from '../model.ts'
import type { GrantKey, Holders, Transaction } from '../transaction.ts'
import { type Input, keepingTheTree, mutation } from './declare.ts'
import { checkExistence, named, referred, required } from './references.ts'
import { checkCondition, countsOf, differenceOf, refuseDuplicates, touchedBy, writtenOf } from './replacement.ts'

interface Subject extends GrantKey {
  readonly before: Grant | null
  readonly holders: Holders
}

interface GrantInput {
  readonly group: Ref<GroupId>
  readonly resource: Ref<ResourceId>
}

async function theGrant(tx: Transaction, { group, resource }: GrantInput): Promise<Subject> {
  const { grant, holders, ...locked } = await tx.grants.lock(group, resource)
  const groupId = required(locked.groupId, group)
  const resourceId = referred(locked.resourceId, 'unknown-resource', { ref: resource })
  return { groupId, resourceId, before: grant, holders }
}

const resourceOf = ({ resourceId }: Subject) => [resourceId]
const holdersOf = ({ holders }: { holders: Holders }) => holders
const targetOf = ({ group, resource }: GrantInput) => `grant:${named(group)}:${named(resource)}`

export const putGrant = mutation('putGrant')
  .locking(keepingTheTree)
  .on(async (tx, input: Input<'putGrant'>) => {
    const subject = await theGrant(tx, input)
    await checkEnds(tx, [{ path: '/expiresAt', expiresAt: input.expiresAt }])
    return subject
  })
  .invalidates(allResources(resourceOf))
  .invalidates(resourcesOfHolders(holdersOf))
  .write(
    (
      tx,
      { groupId, resourceId, before },
      { permission, expiresAt = before?.expiresAt ?? null, mustExist },
    ): { grant: Grant; created: boolean } => {
      checkExistence(before !== null, mustExist)
      const grant = { groupId, resourceId, permission, expiresAt }
      if (before === null) tx.grants.insert(grant)
      else if (isSame(before, grant)) return { grant: before, created: false }
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
    const current = new Map(before.map((grant) => [grant.resourceId, grant]))
    const wanted = new Map<ResourceId, Grant>()
    for (const [position, resourceId] of checkedResources(resourceIds).entries()) {
      const { permission, expiresAt = current.get(resourceId)?.expiresAt ?? null } = grants[position] ?? READ
      wanted.set(resourceId, { groupId, resourceId, permission, expiresAt })
    }
    const difference = differenceOf(current, wanted, isSame)
    checkCondition(condition, difference, state)
    await checkEnds(tx, endsIn('grants', grants))
    return { groupId, before, wanted, difference, holders }
  })
  .invalidates(allResources(({ difference }) => touchedBy(difference)))
  .invalidates(resourcesOfHolders(holdersOf))
  .write(
    (tx, { groupId, wanted, difference }): Replaced => {
      tx.grants.putAll(writtenOf(wanted, difference))
      tx.grants.removeAll(groupId, difference.removed)
      return countsOf(wanted, difference)
    },
    ({ added, changed, removed }) => added + changed + removed > 0,
  )
  .audited({
    target: ({ group }) => `grants:${named(group)}`,
    before: ({ before }) => byResource(before),
    after: (_counts, { wanted }) => byResource([...wanted.values()]),
  })

const READ: Pick<Grant, 'permission'> & { expiresAt?: Date | null } = { permission: 'read' }

const isSame = (one: Grant, other: Grant) => one.permission === other.permission && endsAlike(one, other)

/** The permission alone, if it has no end. */
const byResource = (grants: readonly Grant[]) =>
  Object.fromEntries(
    grants.map(({ resourceId, permission, expiresAt }) => [
      resourceId,
      expiresAt === null ? permission : { permission, expiresAt },
    ]),
  )

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
