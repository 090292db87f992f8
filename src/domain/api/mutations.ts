/** The mutations; each invalidates by the rules. */
import type { ImportPieces } from '../import-pieces.ts'
import type {
  ContentChanges,
  Grant,
  Group,
  GroupId,
  Membership,
  MembershipRole,
  NewContent,
  Permission,
  Ref,
  Resource,
  ResourceId,
  User,
  UserId,
} from '../model.ts'
import type {
  ScimChanges,
  ScimGroup,
  ScimGroupAttributes,
  ScimIdSource,
  ScimUser,
  ScimUserAttributes,
  ScimUserReplacement,
} from '../scim-model.ts'
import type { OrganisationImport } from './organisation-import.ts'
import type { ScimUserFound } from './scim.ts'

/** The caller that causes a mutation, for the audit log and the invalidation log. */
export interface MutationContext {
  readonly actor: UserId
  readonly requestId?: string
  /** The `jti` of the caller's token, or a short hash of it. */
  readonly tokenId?: string
  readonly reason?: string
  /** From `Idempotency-Key`: stored with the answer in the mutation's own transaction. */
  readonly idempotency?: { readonly key: string; readonly fingerprint: string }
}

export interface Mutated<T> {
  readonly value: T
  /** To be presented as `Consistency-Token` by reads that must see this mutation. */
  readonly consistencyToken: string
}

/** The states that a list may be in for it to be replaced; `*`: any. */
export type ListCondition = '*' | readonly string[]

export interface Mutations {
  createResource(
    input: NewContent & {
      grants?: readonly { group: Ref<GroupId>; permission: Permission; expiresAt?: Date | null }[]
    },
    context: MutationContext,
  ): Promise<Mutated<Resource>>
  /** `changes` is a merge patch: absent keeps, null clears (RFC 7396). `ifVersion` from If-Match. */
  updateResource(
    input: {
      resource: Ref<ResourceId>
      changes: ContentChanges
      ifVersion?: number
    },
    context: MutationContext,
  ): Promise<Mutated<Resource>>
  deleteResource(
    input: { resource: Ref<ResourceId>; ifVersion?: number },
    context: MutationContext,
  ): Promise<Mutated<null>>
  /** `mustExist` of this and other puts: from `If-None-Match: *` (false) and `If-Match: *` (true). */
  putUser(
    input: { id: UserId; displayName?: string | null; disabled?: boolean; mustExist?: boolean },
    context: MutationContext,
  ): Promise<Mutated<{ user: User; created: boolean }>>
  /** `condition` here and below: states by SCIM's entity tag. */
  deleteUser(input: { id: UserId; condition?: ListCondition }, context: MutationContext): Promise<Mutated<null>>
  createGroup(input: { name: string; parent?: Ref<GroupId> | null }, context: MutationContext): Promise<Mutated<Group>>
  updateGroup(
    input: { group: Ref<GroupId>; changes: { name?: string; parent?: Ref<GroupId> | null }; ifVersion?: number },
    context: MutationContext,
  ): Promise<Mutated<Group>>
  deleteGroup(
    input: { group: Ref<GroupId>; ifVersion?: number; condition?: ListCondition },
    context: MutationContext,
  ): Promise<Mutated<null>>
  /**
   * Without a role or an end, a member keeps theirs; a new member is a plain one, without an end. Null means no end.
   * @throws DomainError `end-in-the-past`, as do all mutations that take an end
   */
  addUserToGroup(
    input: {
      group: Ref<GroupId>
      userId: UserId
      role?: MembershipRole
      expiresAt?: Date | null
      mustExist?: boolean
    },
    context: MutationContext,
  ): Promise<Mutated<{ membership: Membership; created: boolean }>>
  removeUserFromGroup(input: { group: Ref<GroupId>; userId: UserId }, context: MutationContext): Promise<Mutated<null>>
  /**
   * The list becomes the whole membership, or nothing changes. Members listed without a role or an end keep theirs;
   * null means no end. Without a condition it may only add: `precondition-required`.
   */
  replaceMembers(
    input: {
      group: Ref<GroupId>
      members: readonly { userId: UserId; role?: MembershipRole; expiresAt?: Date | null }[]
      condition?: ListCondition
    },
    context: MutationContext,
  ): Promise<Mutated<Replaced>>
  /** Without an end, an existing grant keeps its own and a new one has none; null means no end. */
  putGrant(
    input: {
      group: Ref<GroupId>
      resource: Ref<ResourceId>
      permission: Permission
      expiresAt?: Date | null
      mustExist?: boolean
    },
    context: MutationContext,
  ): Promise<Mutated<{ grant: Grant; created: boolean }>>
  removeGrant(
    input: { group: Ref<GroupId>; resource: Ref<ResourceId> },
    context: MutationContext,
  ): Promise<Mutated<null>>
  /** The list becomes all that the group itself is granted, or nothing changes. Ends and the condition as for members. */
  replaceGrants(
    input: {
      group: Ref<GroupId>
      grants: readonly { resource: Ref<ResourceId>; permission: Permission; expiresAt?: Date | null }[]
      condition?: ListCondition
    },
    context: MutationContext,
  ): Promise<Mutated<Replaced>>
  /** @throws DomainError `already-exists` for an id, or a name in any case, that is taken */
  createScimUser(
    input: { id: UserId; attributes: ScimUserAttributes },
    context: MutationContext,
  ): Promise<Mutated<ScimUserFound>>
  updateScimUser(
    input: {
      id: UserId
      changes: ScimChanges<ScimUserReplacement>
      condition?: ListCondition
      idSource: ScimIdSource
    },
    context: MutationContext,
  ): Promise<Mutated<ScimUser>>
  createScimGroup(
    input: { id: GroupId; attributes: ScimGroupAttributes },
    context: MutationContext,
  ): Promise<Mutated<ScimGroup>>
  /** Members who stay keep their role and their end. */
  updateScimGroup(
    input: { id: GroupId; changes: ScimChanges<ScimGroupAttributes>; condition?: ListCondition },
    context: MutationContext,
  ): Promise<Mutated<ScimGroup>>
  /** The caller cuts a large one into pieces, in a thread where nothing else waits. */
  importOrganisation(input: OrganisationImport | ImportPieces, context: MutationContext): Promise<Mutated<ImportCounts>>
}

/** What replacing a whole list changed. */
export interface Replaced {
  /** How many there are now. */
  readonly total: number
  readonly added: number
  readonly changed: number
  readonly removed: number
}

export interface ImportCount {
  readonly total: number
  readonly created: number
  readonly updated: number
}

export interface ImportCounts {
  readonly users: ImportCount
  readonly groups: ImportCount
  readonly memberships: ImportCount
  readonly resources: ImportCount
  readonly grants: ImportCount
  readonly changed: boolean
}
