/** Users and groups as identity providers see them by SCIM (RFC 7643), and the changes they may request. */
import type { GroupId, JsonObject, JsonValue, UserId } from './model.ts'

/** Which attribute of a new user becomes the id: the one whose value the provider's tokens carry. */
export type ScimIdSource = 'userName' | 'externalId'

/** Attributes by their names; those of an extension by their full names (scim-schema.ts). */
export type ScimProfile = JsonObject

/** What a provider may write of a user; absent where it has no value. */
export interface ScimUserAttributes {
  readonly userName: string
  readonly externalId?: string | undefined
  readonly displayName?: string | undefined
  readonly active: boolean
  /** Everything else. */
  readonly profile: ScimProfile
}

export interface ScimUser extends ScimUserAttributes {
  readonly id: UserId
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A replacement that says nothing of `active` leaves that as it is. */
export type ScimUserReplacement = Omit<ScimUserAttributes, 'active'> & { readonly active?: boolean | undefined }

export interface ScimMember {
  readonly value: UserId
}

export interface ScimGroupAttributes {
  readonly displayName: string
  readonly externalId?: string | undefined
  /** Its direct members. */
  readonly members?: readonly ScimMember[] | undefined
}

/** As it is stored, without its members. */
export interface ScimGroup extends Omit<ScimGroupAttributes, 'members'> {
  readonly id: GroupId
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type ScimComparison = 'eq' | 'ne' | 'co' | 'sw' | 'ew' | 'gt' | 'lt' | 'ge' | 'le'

/** A filter (RFC 7644, 3.4.2.2), parsed. Attributes are in lower case and without the schema they belong to. */
export type ScimFilter =
  | {
      readonly op: ScimComparison
      readonly attribute: string
      readonly value: string | number | boolean | null
    }
  | { readonly op: 'pr'; readonly attribute: string }
  | { readonly op: 'and' | 'or'; readonly filters: readonly ScimFilter[] }
  | { readonly op: 'not'; readonly filter: ScimFilter }
  /** Some value of a multi-valued attribute matches. */
  | { readonly op: 'some'; readonly attribute: string; readonly filter: ScimFilter }

/** One step of a PATCH, with the names as the schema spells them and a value of the target's type. */
export interface ScimOperation {
  readonly op: 'add' | 'remove' | 'replace'
  readonly attribute: string
  /** Of a multi-valued attribute, the values that are meant. */
  readonly filter?: ScimFilter | undefined
  readonly sub?: string | undefined
  readonly value?: JsonValue | undefined
}

export type ScimChanges<Replacement> =
  | { readonly replacement: Replacement }
  | { readonly operations: readonly ScimOperation[] }
