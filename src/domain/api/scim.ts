/** Users and groups for identity providers (SCIM 2.0): read here, changed by the mutations. */
import type { GroupId, UserId } from '../model.ts'
import type { ScimFilter, ScimGroup, ScimIdSource, ScimUser } from '../scim-model.ts'

export interface ScimQuery {
  readonly filter?: ScimFilter | undefined
  /** How the filter treats an attribute that these resources lack; absent: as an error. */
  readonly unknown?: 'empty'
  /** Counted from 0, in the order of creation. */
  readonly offset: number
  /** 0 asks for the number of matches only. */
  readonly count: number
  /** Whether the groups of users, and the members of groups, are wanted. */
  readonly related: 'with' | 'without'
}

/** A user, or a group, that another one refers to. */
export interface ScimReference {
  readonly id: string
  readonly display: string
}

export interface ScimUserFound extends ScimUser {
  /** Of this state, for conditions. */
  readonly version: string
  /** The user's own groups, by name; absent where they are not wanted. */
  readonly groups?: readonly ScimReference[]
}

export interface ScimGroupFound extends ScimGroup {
  /** By id; absent where they are not wanted. */
  readonly members?: readonly ScimReference[]
  /** It covers the members, so lists without members have no version. */
  readonly version?: string
}

export interface ScimPage<Found> {
  /** All that match. */
  readonly total: number
  readonly found: readonly Found[]
}

export interface ScimDirectory {
  readonly idSource: ScimIdSource
  user(id: UserId, related: ScimQuery['related']): Promise<ScimUserFound | null>
  users(query: ScimQuery): Promise<ScimPage<ScimUserFound>>
  group(id: GroupId, related: ScimQuery['related']): Promise<ScimGroupFound | null>
  /** A page may be shorter than the limit: it ends with the group that brings it to ten thousand members. */
  groups(query: ScimQuery): Promise<ScimPage<ScimGroupFound>>
}
