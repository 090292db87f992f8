/** Domain objects as the bodies that clients see. */
import {
  contentOf,
  type EffectiveGroup,
  type Grant,
  type Group,
  type Membership,
  type Permission,
  type Resource,
  type User,
} from '../domain/model.ts'

export const userBody = (user: User) => ({
  id: user.id,
  displayName: user.displayName,
  disabled: user.disabled,
  createdAt: user.createdAt,
  updatedAt: user.updatedAt,
})

export const groupBody = (group: Group) => ({
  id: group.id,
  name: group.name,
  parentId: group.parentId,
  version: group.version,
  createdAt: group.createdAt,
  updatedAt: group.updatedAt,
})

export const effectiveGroupBody = (group: EffectiveGroup) => ({
  id: group.id,
  name: group.name,
  parentId: group.parentId,
  via: group.via,
  expiresAt: group.expiresAt,
  role: group.role,
})

export const membershipBody = (membership: Membership) => ({
  userId: membership.userId,
  groupId: membership.groupId,
  role: membership.role,
  expiresAt: membership.expiresAt,
})

export const grantBody = (grant: Grant) => ({
  groupId: grant.groupId,
  resourceId: grant.resourceId,
  permission: grant.permission,
  expiresAt: grant.expiresAt,
})

/** The same shape as in the caller's list; `permission` is null for an administrator who sees it by role only. */
export const resourceBody = (
  resource: Omit<Resource, 'createdAt' | 'updatedAt'> & { updatedAt: Date | string },
  permission: Permission | null,
) => ({
  id: resource.id,
  ...contentOf(resource),
  permission,
  version: resource.version,
  updatedAt: resource.updatedAt,
})
