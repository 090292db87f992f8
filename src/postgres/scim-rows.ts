/** Columns of users and groups as SCIM has them, and the objects that are made of their rows. */
import type { GroupId, UserId } from '../domain/model.ts'
import type { ScimGroup, ScimProfile, ScimUser } from '../domain/scim-model.ts'

/** A user's name, or the id if there is none. */
export const KNOWN_AS = 'coalesce(u.user_name, u.id)'

/** In the form that the index uses. */
export const folded = (text: string) => `lower(${text} COLLATE "default")`

export const SCIM_USER = `u.id, ${KNOWN_AS} AS "userName", u.external_id AS "externalId", u.display_name AS "displayName",
  NOT u.disabled AS active, u.profile, u.created_at AS "createdAt", u.updated_at AS "updatedAt"`
export const SCIM_GROUP = `g.id, g.name AS "displayName", g.external_id AS "externalId", g.created_at AS "createdAt",
  g.updated_at AS "updatedAt"`

export interface ScimUserRow {
  readonly id: UserId
  readonly userName: string
  readonly externalId: string | null
  readonly displayName: string | null
  readonly active: boolean
  readonly profile: ScimProfile
  /** Text inside JSON. */
  readonly createdAt: Date | string
  readonly updatedAt: Date | string
}

export interface ScimGroupRow {
  readonly id: GroupId
  readonly displayName: string
  readonly externalId: string | null
  readonly createdAt: Date | string
  readonly updatedAt: Date | string
}

export function scimUserOf({ externalId, displayName, createdAt, updatedAt, ...rest }: ScimUserRow): ScimUser {
  return {
    ...rest,
    ...(externalId !== null && { externalId }),
    ...(displayName !== null && { displayName }),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
  }
}

export function scimGroupOf({ externalId, createdAt, updatedAt, ...rest }: ScimGroupRow): ScimGroup {
  return {
    ...rest,
    ...(externalId !== null && { externalId }),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
  }
}
