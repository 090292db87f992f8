/** The members of a group: one by one, or the whole list at once. */
import type { Replaced } from '../api.ts'
import { checkEnds, endsAlike, endsIn } from '../ends.ts'
import { DomainError } from '../errors.ts'
import { everythingOfUsers, userGroups, userResources } from '../invalidation-rules.ts'
import type { GroupId, Membership, MembershipRole, Ref, UserId } from '../model.ts'
import type { Transaction } from '../transaction.ts'
import { type Input, keepingTheTree, mutation } from './declare.ts'
import { checkExistence, named, required } from './references.ts'
import { checkCondition, countsOf, differenceOf, refuseDuplicates, touchedBy, writtenOf } from './replacement.ts'

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
  const { groupId, userExists, membership } = required(await tx.memberships.lock(group, userId), group)
  return { userId, groupId, userExists, before: membership }
}

const userOf = ({ userId }: Subject) => userId
const targetOf = ({ group, userId }: MemberInput) => `membership:${named(group)}:${userId}`

export const addUserToGroup = mutation('addUserToGroup')
  .locking(keepingTheTree)
  .on(async (tx, input: Input<'addUserToGroup'>) => {
    const subject = await theMembership(tx, input)
    await checkEnds(tx, [{ path: '/expiresAt', expiresAt: input.expiresAt }])
    return subject
  })
  .invalidates(userGroups(userOf))
  .invalidates(userResources(userOf))
  .write(
    (
      tx,
      { userId, groupId, userExists, before },
      { role = before?.role ?? 'member', expiresAt = before?.expiresAt ?? null, mustExist },
    ): { membership: Membership; created: boolean } => {
      if (!userExists) throw new DomainError('unknown-user', `there is no user ${userId}`)
      checkExistence(before !== null, mustExist)
      const membership = { userId, groupId, role, expiresAt }
      if (before === null) tx.memberships.insert(membership)
      else if (isSame(before, membership)) return { membership: before, created: false }
      else tx.memberships.update(membership)
      return { membership, created: before === null }
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
    if (before === null) throw new DomainError('not-found', `${userId} is not a direct member of this group`)
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
    const current = new Map(before.map((member) => [member.userId, member]))
    const wanted = new Map(
      members.map(({ userId, role, expiresAt }): [UserId, Membership] => {
        const member = current.get(userId) ?? { userId, groupId, role: 'member', expiresAt: null }
        return [userId, { ...member, ...(role && { role }), ...(expiresAt !== undefined && { expiresAt }) }]
      }),
    )
    const difference = differenceOf(current, wanted, isSame)
    checkCondition(condition, difference, state)
    await checkEnds(tx, endsIn('members', members))
    return { before, wanted, difference, groupId }
  })
  .invalidates(everythingOfUsers(({ difference }) => touchedBy(difference)))
  .write(
    (tx, { groupId, wanted, difference }): Replaced => {
      tx.memberships.putAll(writtenOf(wanted, difference))
      tx.memberships.removeAll(groupId, difference.removed)
      return countsOf(wanted, difference)
    },
    ({ added, changed, removed }) => added + changed + removed > 0,
  )
  .audited({
    target: ({ group }) => `members:${named(group)}`,
    before: ({ before }) => idsByRole(before),
    after: (_counts, { wanted }) => idsByRole([...wanted.values()]),
  })

const isSame = (one: Membership, other: Membership) => one.role === other.role && endsAlike(one, other)

/** @throws DomainError with every problem by JSON pointer; nothing has been written yet */
function checkMembers(ids: readonly UserId[], existing: ReadonlySet<UserId>): void {
  refuseDuplicates(ids, (position) => `/members/${position}/user`)
  const problems = ids.flatMap((id, position) =>
    existing.has(id) ? [] : [{ path: `/members/${position}/user`, message: 'does not exist' }],
  )
  if (problems.length > 0)
    throw new DomainError('unknown-user', 'some of these users do not exist; nothing was written', { problems })
}

/** A tenth of what the rows would take; ends by user, of the few that have one. */
function idsByRole(members: readonly Membership[]) {
  const inRole = (wanted: MembershipRole) => members.flatMap(({ userId, role }) => (role === wanted ? [userId] : []))
  const ending = members.filter(({ expiresAt }) => expiresAt !== null)
  return {
    member: inRole('member'),
    maintainer: inRole('maintainer'),
    ...(ending.length > 0 && { ends: Object.fromEntries(ending.map(({ userId, expiresAt }) => [userId, expiresAt])) }),
  }
}
