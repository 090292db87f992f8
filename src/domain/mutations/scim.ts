/** Users and groups as identity providers create and change them: all attributes of one object at once. */
import type { ScimUserFound } from '../api.ts'
import { DomainError, ScimError } from '../errors.ts'
import { everythingOfMembersBelow, everythingOfUsers, userGroups, userResources } from '../invalidation-rules.ts'
import type { GroupId, UserId } from '../model.ts'
import type { ScimGroup, ScimIdSource, ScimUser } from '../scim-model.ts'
import { changedGroup, changedUser, namedMembers, withDistinctValues } from '../scim-patch.ts'
import { checkScimVersion, groupVersion, userVersion } from '../scim-version.ts'
import type { MemberList, Subtree, Transaction } from '../transaction.ts'
import { userIdsIn } from '../user-ids.ts'
import { changingTheTree, type Input, keepingTheTree, mutation } from './declare.ts'
import { required } from './references.ts'

const idOf = ({ id }: { id: UserId }) => id
const userTarget = ({ id }: { id: UserId }) => `user:${id}`
const groupTarget = ({ id }: { id: GroupId }) => `group:${id}`

/** Names and addresses of people are kept out of the audit log, which cannot be erased. */
const auditedUser = ({ id, userName, externalId, active }: ScimUser) => ({ id, userName, externalId, active })

export const createScimUser = mutation('createScimUser')
  .on(async (tx, { id, attributes }) => {
    const { user: present, isNameTaken } = await tx.scim.lockUser(id, attributes.userName)
    const profile = withDistinctValues(attributes.profile)
    return { id, present, isNameTaken, user: { ...attributes, profile, id, createdAt: tx.now, updatedAt: tx.now } }
  })
  .invalidates(userResources(idOf))
  .invalidates(userGroups(idOf))
  // The same answer as of a read: a new user is in no group.
  .write((tx, { present, isNameTaken, user }): ScimUserFound => {
    if (present !== null || isNameTaken) throw new DomainError('already-exists', 'this user exists already')
    tx.scim.insertUser(user)
    return { ...user, version: userVersion(user), groups: [] }
  })
  .audited({ target: userTarget, after: auditedUser })

export const updateScimUser = mutation('updateScimUser')
  .on(async (tx, { id, changes, condition, idSource }: Input<'updateScimUser'>) => {
    const { user } = await tx.scim.lockUser(id, null)
    const before = required(user, { id })
    checkScimVersion(condition, () => userVersion(before))
    const changed = { ...before, ...changedUser(before, changes) }
    checkIdentity(before, changed, idSource)
    if (changed.userName !== before.userName && (await tx.scim.lockUser(id, changed.userName)).isNameTaken)
      throw new DomainError('already-exists', 'another user has this name')
    return {
      id,
      before,
      user: userVersion(changed) === userVersion(before) ? before : { ...changed, updatedAt: tx.now },
    }
  })
  // Readers see of a user only whether they are active.
  .invalidates(userResources(activityOf))
  .invalidates(userGroups(activityOf))
  .write(
    (tx, { before, user }): ScimUser => {
      if (user !== before) tx.scim.updateUser(user)
      return user
    },
    (user, { before }) => user !== before,
  )
  .audited({ target: userTarget, before: ({ before }) => auditedUser(before), after: auditedUser })

function activityOf({ id, before, user }: { id: UserId; before: ScimUser; user: ScimUser }): UserId | null {
  return before.active === user.active ? null : id
}

/** If the id comes from an attribute that never changes, another value means another person. */
function checkIdentity(before: ScimUser, after: ScimUser, idSource: ScimIdSource): void {
  if (idSource !== 'externalId' || before.externalId === undefined || before.externalId === after.externalId) return
  throw new ScimError('mutability', "The user's id comes from externalId, so another externalId means another user.")
}

interface GroupSubject {
  readonly id: GroupId
  readonly before: ScimGroup
  readonly after: ScimGroup
  /** Of a group whose name changes, or that is created. */
  readonly subtree: Subtree | null
  readonly joined: readonly UserId[]
  readonly left: readonly UserId[]
}

const subtreeOf = ({ subtree }: GroupSubject) => subtree
const movedUsers = ({ joined, left }: GroupSubject) => (joined.length + left.length > 0 ? [...joined, ...left] : null)
const auditedGroup = ({ id, displayName, externalId }: ScimGroup) => ({ id, displayName, externalId })

export const createScimGroup = mutation('createScimGroup')
  .locking(changingTheTree)
  .on(async (tx, { id, attributes: { members = [], ...given } }): Promise<GroupSubject> => {
    const group: ScimGroup = { ...given, id, createdAt: tx.now, updatedAt: tx.now }
    const joined = distinct(members.map(({ value }) => value))
    checkExisting(joined, await tx.scim.lockUsers(joined))
    const subtree = { groups: [id], users: userIdsIn('', 0), height: 1 }
    return { id, before: group, after: group, subtree, joined, left: [] }
  })
  .invalidates(everythingOfMembersBelow(subtreeOf))
  .invalidates(everythingOfUsers(movedUsers))
  .write((tx, { id, after, joined }): ScimGroup => {
    tx.scim.insertGroup(after)
    if (joined.length > 0) tx.memberships.putAll(asMembers(id, joined))
    return after
  })
  .audited({
    target: groupTarget,
    after: (group, { joined }) => ({ ...auditedGroup(group), joined }),
  })

export const updateScimGroup = mutation('updateScimGroup')
  .locking(keepingTheTree)
  .on(async (tx, { id, changes, condition }: Input<'updateScimGroup'>): Promise<GroupSubject> => {
    // The tag covers all members, and so does what replaces them.
    const named = condition === undefined || condition === '*' ? namedMembers(changes) : null
    const list = required(await lockedMembers(tx, id, named, changes), { id })
    const before = required(await tx.scim.group(id), { id })
    checkScimVersion(condition, () => groupVersion(before, list.state))
    const current = list.members.map(({ userId }) => ({ value: userId }))
    const { members = [], ...given } = changedGroup({ ...before, members: current }, changes)
    const wanted = new Set(members.map(({ value }) => value))
    const present = new Set(list.members.map(({ userId }) => userId))
    const joined = [...wanted.difference(present)]
    checkExisting(joined, list.existing)
    const isRenamed = given.displayName !== before.displayName
    const isSame = !isRenamed && given.externalId === before.externalId
    const locked = isRenamed ? required(await tx.groups.lock({ id }), { id }) : null
    return {
      id,
      before,
      after: isSame ? before : { ...before, ...given, updatedAt: tx.now },
      subtree: locked?.subtree ?? null,
      joined,
      left: [...present.difference(wanted)],
    }
  })
  .invalidates(everythingOfMembersBelow(subtreeOf))
  .invalidates(everythingOfUsers(movedUsers))
  .write(
    (tx, { id, before, after, joined, left }): ScimGroup => {
      if (after !== before) tx.scim.updateGroup(after)
      if (joined.length > 0) tx.memberships.putAll(asMembers(id, joined))
      if (left.length > 0) tx.memberships.removeAll(id, left)
      return after
    },
    (group, { before, joined, left }) => group !== before || joined.length + left.length > 0,
  )
  .audited({
    target: groupTarget,
    before: ({ before }) => auditedGroup(before),
    after: (group, { joined, left }) => ({ ...auditedGroup(group), joined, left }),
  })

/** All members, or of the named users those that are members. The users that the changes name go on existing. */
async function lockedMembers(
  tx: Transaction,
  id: GroupId,
  named: readonly string[] | null,
  changes: Input<'updateScimGroup'>['changes'],
): Promise<MemberList | null> {
  if (named !== null) return tx.memberships.lockNamed({ id }, named as UserId[])
  return tx.memberships.lockList({ id }, mentioned(changes))
}

function mentioned(changes: Input<'updateScimGroup'>['changes']): UserId[] {
  if ('replacement' in changes) return distinct((changes.replacement.members ?? []).map(({ value }) => value))
  const values = changes.operations.flatMap(({ attribute, value }) => (attribute === 'members' && value ? [value] : []))
  return distinct(values.flat().map((each) => (each as { value?: UserId }).value as UserId))
}

/** @throws ScimError `invalidValue` with the first ids that belong to no user */
function checkExisting(joined: readonly UserId[], existing: ReadonlySet<UserId>): void {
  const unknown = joined.filter((user) => !existing.has(user))
  if (unknown.length > 0)
    throw new ScimError('invalidValue', `members: there is no user ${unknown.slice(0, 10).join(', ')}.`)
}

const asMembers = (groupId: GroupId, users: readonly UserId[]) =>
  users.map((userId) => ({ userId, groupId, role: 'member' as const, expiresAt: null }))

const distinct = (users: readonly UserId[]) => [...new Set(users)]
