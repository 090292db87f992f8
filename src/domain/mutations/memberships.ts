/** Who is in a group: one by one, or the whole list at once. */
import type { Replaced } from '../api.ts'
import { DomainError } from '../errors.ts'
import { everythingOfUsers, userGroups, userResources } from '../invalidation-rules.ts'
import type { GroupId, Membership, MembershipRole, Ref, UserId } from '../model.ts'
import type { Transaction } from '../transaction.ts'
import { type Input, keepingTheTree, mutation } from './declare.ts'
import { checkExistence, named, required } from './references.ts'
import { checkCondition, countsOf, differenceOf, refuseDuplicates, touchedBy } from './replacement.ts'

interface Subject {
  readonly userId: UserId
  readonly groupId: GroupId
  readonly userExists: boolean
  readonly before: Membership | null
}

interface MemberInput {
  readonly group: Ref<GroupId>
  readonly userId: UserId
}

async function theMembership(tx: Transaction, { group, userId }: MemberInput): Promise<Subject> {
  const { groupId, userExists, role } = required(await tx.memberships.lock(group, userId), group)
  return { userId, groupId, userExists, before: role && { userId, groupId, role, expiresAt: null } }
}

const userOf = ({ userId }: Subject) => userId
const targetOf = ({ group, userId }: MemberInput) => `membership:${named(group)}:${userId}`

export const addUserToGroup = mutation('addUserToGroup')
  .locking(keepingTheTree)
  .on(theMembership)
  .invalidates(userGroups(userOf))
  .invalidates(userResources(userOf))
  .write(
    (
      tx,
      { userId, groupId, userExists, before },
      { role, mustExist },
    ): { membership: Membership; created: boolean } => {
      if (!userExists) throw new DomainError('unknown-user', `there is no user ${userId}`)
      checkExistence(before !== null, mustExist)
      if (before === null) {
        const membership = { userId, groupId, role: role ?? 'member', expiresAt: null }
        tx.memberships.insert(membership)
        return { membership, created: true }
      }
      // A repetition that names no role changes nothing: a maintainer stays one.
      if (role === undefined || role === before.role) return { membership: before, created: false }
      const membership = { ...before, role }
      tx.memberships.update(membership)
      return { membership, created: false }
    },
    ({ membership }, { before }) => membership !== before,
  )
  .audited({ target: targetOf, before: ({ before }) => before, after: ({ membership }) => membership })

export const removeUserFromGroup = mutation('removeUserFromGroup')
  .locking(keepingTheTree)
  .on(theMembership)
  .invalidates(userGroups(userOf))
  .invalidates(userResources(userOf))
  .write((tx, { userId, groupId, before }): null => {
    if (before === null) throw new DomainError('not-found', `${userId} is no direct member of this group`)
    tx.memberships.remove({ userId, groupId })
    return null
  })
  .audited({ target: targetOf, before: ({ before }) => before })

/** The list becomes the whole membership; a member who stays in the same role keeps the cached entries. */
export const replaceMembers = mutation('replaceMembers')
  .locking(keepingTheTree)
  .on(async (tx, { group, members, condition }: Input<'replaceMembers'>) => {
    const ids = members.map(({ userId }) => userId)
    const list = required(await tx.memberships.lockList(group, ids), group)
    const { groupId, members: before, state, existing } = list
    checkMembers(ids, existing)
    const current = new Map(before.map(({ userId, role }) => [userId, role]))
    const wanted = new Map<UserId, MembershipRole>(
      members.map(({ userId, role }) => [userId, role ?? current.get(userId) ?? 'member']),
    )
    const difference = differenceOf(current, wanted)
    checkCondition(condition, difference, state)
    return { groupId, before, wanted, difference }
  })
  .invalidates(everythingOfUsers(({ difference }) => touchedBy(difference)))
  .write(
    (tx, { groupId, wanted, difference }): Replaced => {
      const put = [...difference.added, ...difference.changed]
      tx.memberships.putAll(
        put.map((userId) => ({ userId, groupId, role: wanted.get(userId) ?? 'member', expiresAt: null })),
      )
      tx.memberships.removeAll(groupId, difference.removed)
      return countsOf(wanted, difference)
    },
    ({ added, changed, removed }) => added + changed + removed > 0,
  )
  .audited({
    target: ({ group }) => `members:${named(group)}`,
    before: ({ before }) => idsByRole(before.map(({ userId, role }) => [userId, role])),
    after: (_counts, { wanted }) => idsByRole([...wanted]),
  })

/** @throws DomainError with every problem by JSON pointer; nothing has been written yet */
function checkMembers(ids: readonly UserId[], existing: ReadonlySet<UserId>): void {
  refuseDuplicates(ids, (position) => `/members/${position}/user`)
  const problems = ids.flatMap((id, position) =>
    existing.has(id) ? [] : [{ path: `/members/${position}/user`, message: 'does not exist' }],
  )
  if (problems.length > 0)
    throw new DomainError('unknown-user', 'some of these users do not exist; nothing was written', { problems })
}

/** A tenth of what the rows would take. */
function idsByRole(members: readonly (readonly [UserId, MembershipRole])[]) {
  const inRole = (role: MembershipRole) => members.filter((each) => each[1] === role).map(([userId]) => userId)
  return { member: inRole('member'), maintainer: inRole('maintainer') }
}
