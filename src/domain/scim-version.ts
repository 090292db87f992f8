/** Which state of a user or a group a client has seen: the text of its entity tag. */
import { createHash } from 'node:crypto'
import type { ListCondition } from './api.ts'
import { DomainError } from './errors.ts'
import type { GroupId, UserId } from './model.ts'
import type { ScimGroup, ScimUser } from './scim-model.ts'
import type { Transaction } from './transaction.ts'

/** The time of creation distinguishes a user from an earlier one with the same id. */
export function userVersion({ id, createdAt, userName, externalId, displayName, active, profile }: ScimUser): string {
  return hashOf([id, createdAt, userName, externalId, displayName, active, profile])
}

/** @param members the state of the list of members, as everywhere */
export function groupVersion({ id, createdAt, displayName, externalId }: ScimGroup, members: string): string {
  return hashOf([id, createdAt, displayName, externalId, members])
}

function hashOf(state: readonly unknown[]): string {
  return createHash('sha256').update(canonical(state)).digest('hex').slice(0, 24)
}

/** One text for equal values: the database does not keep the order of members. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** @throws DomainError `version-mismatch` where a condition is set and does not name the state */
export function checkScimVersion(condition: ListCondition | undefined, version: () => string): void {
  if (condition === undefined || condition === '*' || condition.includes(version())) return
  throw new DomainError('version-mismatch', 'It has changed since you read it: read it again and retry.')
}

/** For a deletion that names the state it expects. */
export async function checkUserState(tx: Transaction, id: UserId, condition: ListCondition | undefined): Promise<void> {
  if (condition === undefined || condition === '*') return
  const { user } = await tx.scim.lockUser(id, null)
  if (user !== null) checkScimVersion(condition, () => userVersion(user))
}

export async function checkGroupState(
  tx: Transaction,
  id: GroupId,
  condition: ListCondition | undefined,
): Promise<void> {
  if (condition === undefined || condition === '*') return
  const group = await tx.scim.group(id)
  const list = await tx.memberships.lockList({ id }, [])
  if (group !== null && list !== null) checkScimVersion(condition, () => groupVersion(group, list.state))
}
