/** Who is in a group: one by one, or the whole list at once. */
import type { Replaced } from '../api.ts'
import { DomainError } from '../errors.ts'
import { everythingOfUsers, userGroups, userResources } from '../invalidation-rules.ts'
import type { GroupId, Membership, MembershipRole, Ref, UserId } from '../model.ts'
import type { Transaction } from '../transaction.ts'
import { type Input, mutation } from './declare.ts'
import { checkExistence, named, required } from './references.ts'
import { checkCondition, countsOf, differenceOf, refuseDuplicates, touchedBy } from './replacement.ts'

export const addUserToGroup = mutation<Input<'addUserToGroup'>>('addUserToGroup')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { group }) => forGroup(tx, group, tx.lock.membersOf))
  .invalidates(userGroups(({ userId }) => userId))
  .invalidates(userResources(({ userId }) => userId))
  .audited(({ group, userId }) => `membership:${named(group)}:${userId}`, describeMembership)
  .write(async (tx, { group, userId, role, mustExist }): Promise<{ membership: Membership; created: boolean }> => {
    const { id: groupId } = await required(tx.groups.find(group), group)
    if (!(await tx.users.find(userId))) throw new DomainError('unknown-user', `there is no user ${userId}`)
    const before = await tx.memberships.find({ userId, groupId })
    checkExistence(before, mustExist)
    // A repetition that names no role changes nothing: a maintainer stays one.
    const membership = { userId, groupId, role: role ?? before?.role ?? 'member' }
    return { membership: await tx.memberships.put(membership), created: before === null }
  })

export const removeUserFromGroup = mutation<Input<'removeUserFromGroup'>>('removeUserFromGroup')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { group }) => forGroup(tx, group, tx.lock.membersOf))
  .invalidates(userGroups(({ userId }) => userId))
  .invalidates(userResources(({ userId }) => userId))
  .audited(({ group, userId }) => `membership:${named(group)}:${userId}`, describeMembership)
  .write(async (tx, { group, userId }): Promise<null> => {
    const { id: groupId } = await required(tx.groups.find(group), group)
    if (!(await tx.memberships.find({ userId, groupId })))
      throw new DomainError('not-found', `${userId} is no direct member of this group`)
    await tx.memberships.remove({ userId, groupId })
    return null
  })

/** The list becomes the whole membership; who is on it as he was before keeps his entries. */
export const replaceMembers = mutation<Input<'replaceMembers'>>('replaceMembers')
  .locking((tx) => tx.lock.treeShape())
  .locking((tx, { group }) => forGroup(tx, group, tx.lock.allMembersOf))
  .locking((tx, { members }) => tx.lock.usersExist(members.map(({ userId }) => userId)))
  .invalidates(everythingOfUsers(async (input, tx) => touchedBy((await plan(tx, input))?.difference)))
  .audited(({ group }) => `members:${named(group)}`, describeMembers)
  .write(
    async (tx, input): Promise<Replaced> => {
      const { id: groupId } = await required(tx.groups.find(input.group), input.group)
      await checkMembers(tx, input.members)
      const { wanted, difference } = (await plan(tx, input)) ?? nobody
      await checkCondition(input.condition, difference, () => tx.memberships.stateOf(groupId))
      const put = [...difference.added, ...difference.changed]
      await tx.memberships.putAll(put.map((userId) => ({ userId, groupId, role: wanted.get(userId) ?? 'member' })))
      await tx.memberships.removeAll(groupId, difference.removed)
      return countsOf(wanted, difference)
    },
    ({ added, changed, removed }) => added + changed + removed > 0,
  )

const nobody = { wanted: new Map<UserId, MembershipRole>(), difference: { added: [], changed: [], removed: [] } }

/** What there is to do; null where there is no such group. */
async function plan(tx: Transaction, { group, members }: Input<'replaceMembers'>) {
  const found = await tx.groups.find(group)
  if (!found) return null
  const current = new Map((await tx.memberships.of(found.id)).map(({ userId, role }) => [userId, role]))
  const wanted = new Map<UserId, MembershipRole>(
    members.map(({ userId, role }) => [userId, role ?? current.get(userId) ?? 'member']),
  )
  return { wanted, difference: differenceOf(current, wanted) }
}

/** @throws DomainError with every problem by JSON pointer; nothing has been written yet */
async function checkMembers(tx: Transaction, members: Input<'replaceMembers'>['members']): Promise<void> {
  const ids = members.map(({ userId }) => userId)
  refuseDuplicates(ids, (position) => `/members/${position}/user`)
  const missing = new Set((await tx.unknown({ users: ids, groups: [], resources: [] })).users)
  const problems = ids.flatMap((id, position) =>
    missing.has(id) ? [{ path: `/members/${position}/user`, message: 'does not exist' }] : [],
  )
  if (problems.length > 0)
    throw new DomainError('unknown-user', 'some of these users do not exist; nothing was written', { problems })
}

async function forGroup(tx: Transaction, ref: Ref<GroupId>, lock: (group: GroupId) => Promise<void>): Promise<void> {
  const found = await tx.groups.find(ref)
  if (found) await lock(found.id)
}

async function describeMembership(tx: Transaction, { group, userId }: { group: Ref<GroupId>; userId: UserId }) {
  const found = await tx.groups.find(group)
  return found && tx.memberships.find({ userId, groupId: found.id })
}

/** Ids by role: a tenth of what the rows would take. */
async function describeMembers(tx: Transaction, { group }: { group: Ref<GroupId> }) {
  const found = await tx.groups.find(group)
  const members = found ? await tx.memberships.of(found.id) : []
  const inRole = (role: MembershipRole) => members.filter((each) => each.role === role).map(({ userId }) => userId)
  return found && { member: inRole('member'), maintainer: inRole('maintainer') }
}
