/** The nouns of the service: users, groups in a tree, resources, grants, and what a caller may ask of them. */

export type UserId = string & { readonly __brand: 'UserId' }
export type GroupId = string & { readonly __brand: 'GroupId' }
export type ResourceId = string & { readonly __brand: 'ResourceId' }

/** Lowest to highest; the highest of several wins. */
export const PERMISSIONS = ['read', 'triage', 'write', 'maintain', 'admin'] as const
export type Permission = (typeof PERMISSIONS)[number]

export const MEMBERSHIP_ROLES = ['member', 'maintainer'] as const
export type MembershipRole = (typeof MEMBERSHIP_ROLES)[number]

export type JsonObject = { readonly [key: string]: JsonValue }
export type JsonValue = string | number | boolean | null | JsonObject | readonly JsonValue[]

export interface User {
  readonly id: UserId
  readonly displayName: string | null
  readonly disabled: boolean
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Group {
  readonly id: GroupId
  readonly name: string
  readonly parentId: GroupId | null
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Membership {
  readonly userId: UserId
  readonly groupId: GroupId
  readonly role: MembershipRole
  /** From then on it does not exist; null: it does not end. */
  readonly expiresAt: Date | null
}

/** The fields that writers set; the service sets the others. A new field begins here (CONTRIBUTING.md). */
export interface ResourceContent {
  readonly name: string
  readonly kind: string
  readonly description: string | null
  readonly attributes: JsonObject
}

/** Its fields, which are also its columns; the order is the order on the wire, on the cached path and by SQL. */
export const RESOURCE_CONTENT = [
  'name',
  'kind',
  'description',
  'attributes',
] as const satisfies (keyof ResourceContent)[]

/** The defaults of the optional fields. */
export const EMPTY_CONTENT = { description: null, attributes: {} } as const satisfies Partial<ResourceContent>

export type NewContent = Omit<ResourceContent, keyof typeof EMPTY_CONTENT> & Partial<ResourceContent>

/** A merge patch: absent keeps, null clears (RFC 7396). */
export type ContentChanges = Partial<Omit<ResourceContent, 'attributes'>> & { readonly attributes?: JsonObject | null }

/** Nothing but the content, in the order on the wire; written out, because it is made for each of very many resources. */
export function contentOf({ name, kind, description, attributes }: ResourceContent): ResourceContent {
  return { name, kind, description, attributes }
}

export interface Resource extends ResourceContent {
  readonly id: ResourceId
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Grant {
  readonly groupId: GroupId
  readonly resourceId: ResourceId
  readonly permission: Permission
  /** From then on it does not exist; null: it does not end. */
  readonly expiresAt: Date | null
}

/** A group or resource as clients name it: by uuid or by unique name (`name:<name>` in a path). */
export type Ref<Id> = { readonly id: Id } | { readonly name: string }

/** A group that counts for a user: one of the user's own (`via` is the group itself) or an ancestor of one. */
export interface EffectiveGroup {
  readonly id: GroupId
  readonly name: string
  readonly parentId: GroupId | null
  /** `direct`, or the names of the user's own groups through which it is inherited. */
  readonly via: 'direct' | readonly string[]
  /** When it stops counting: with the last of the memberships that lead to it; null: it does not. */
  readonly expiresAt: Date | null
  /** The user's role when the membership is direct. */
  readonly role: MembershipRole | null
}

export interface VisibleResource extends ResourceContent {
  readonly id: ResourceId
  readonly permission: Permission
  readonly version: number
  readonly updatedAt: string
}

/** The limit of a resource's attributes as JSON: every reader of a list reads them all. */
export const ATTRIBUTES_MAX_BYTES = 16 * 1024
