/**
 * The port to one database transaction: everything a mutation may lock, read and write, in the words of the domain.
 *
 * One call (`lock…`) locks and returns the subject of a mutation. It holds until the transaction ends, so nothing needs
 * to be read again. All mutations take locks in one order: the tree, resources by id, groups by id, users, memberships.
 * Transactions whose affected users could miss each other exclude each other: a membership change shares its group and
 * all ancestors, and a mutation that gives those groups something, or changes what they were given, locks them
 * exclusively. A grant shares its resource, and a change of the resource locks it exclusively.
 *
 * Writes return nothing: they may be deferred to the next statement, and fail there.
 */

import type { ImportCounts } from './api.ts'
import type { ImportPieces, NamedKind, Piece } from './import-pieces.ts'
import type { Grant, Group, GroupId, Membership, Ref, Resource, ResourceId, User, UserId } from './model.ts'
import type { ScimGroup, ScimUser } from './scim-model.ts'
import type { UserIds } from './user-ids.ts'

export interface Transaction {
  /** When it began, by this instance's clock: the timestamp of its writes. */
  readonly now: Date
  /** What PostgreSQL's clock says: it decides whether an end has come. */
  clock(): Promise<Date>
  readonly tree: {
    /** The tree keeps its shape until the transaction ends. Sent with what follows. */
    keepShape(): void
    /** Nobody else relies on the shape or changes it until the transaction ends. Sent with what follows. */
    changeShape(): void
  }
  /** Whether this many users can be named one by one. */
  canName(count: number): boolean
  readonly users: {
    /** Locks out other changes of the user. */
    lock(id: UserId): Promise<User | null>
    insert(user: User): void
    update(user: User): void
    remove(id: UserId): void
  }
  readonly groups: {
    /**
     * Locks out everything that relies on the group as it is: other changes of it, its grants, and memberships below
     * it. Returns it with all its descendants and their members.
     */
    lock(ref: Ref<GroupId>): Promise<{ readonly group: Group; readonly subtree: Subtree } | null>
    /** Several groups, without their descendants; those that exist, in any order. */
    lockAll(refs: readonly Ref<GroupId>[]): Promise<Group[]>
    /** The group and its ancestors, nearest first; empty where there is no such group. */
    lineage(ref: Ref<GroupId>): Promise<GroupId[]>
    /** Everybody in these groups or below them; null if there are too many to name. */
    membersBelow(ids: readonly GroupId[]): Promise<UserIds | null>
    /** How many levels the deepest branch of the whole tree has; more than any allowed number when there is a cycle. */
    deepest(): Promise<number>
    insert(group: Group): void
    update(group: Group): void
    /** Its children become top-level groups. */
    remove(id: GroupId): void
  }
  readonly memberships: {
    /**
     * The group with its ancestors, against changes of their grants, not against other membership changes; and the
     * membership in it. Null where there is no such group. Here and wherever rows are locked: a membership or a grant
     * whose end has come is absent, and its end is in the audit log before anything else is written.
     */
    lock(group: Ref<GroupId>, userId: UserId): Promise<LockedMembership | null>
    insert(membership: Membership): void
    update(membership: Membership): void
    remove(key: { userId: UserId; groupId: GroupId }): void
    /** The same, and nobody else changes the members of this very group: a replacement of a list must have seen all of it. */
    lockList(group: Ref<GroupId>, users: readonly UserId[]): Promise<MemberList | null>
    /** The same, but only those of the named users are listed; the state is that of no list. */
    lockNamed(group: Ref<GroupId>, users: readonly UserId[]): Promise<MemberList | null>
    /** Inserts or updates. */
    putAll(memberships: readonly Membership[]): void
    removeAll(groupId: GroupId, users: readonly UserId[]): void
  }
  readonly resources: {
    /** Locks out other changes of the resource and of its holders. Returns it with all holders. */
    lock(ref: Ref<ResourceId>): Promise<{ readonly resource: Resource; readonly holders: Holders } | null>
    find(ref: Ref<ResourceId>): Promise<Resource | null>
    insert(resource: Resource, grants: readonly Grant[]): void
    update(resource: Resource): void
    remove(id: ResourceId): void
  }
  readonly grants: {
    /**
     * Resource and group, for a change of what the group may do with it; with the grant as it is, and everybody below
     * the group. Each of the two is null where it does not exist.
     */
    lock(group: Ref<GroupId>, resource: Ref<ResourceId>): Promise<LockedGrant>
    insert(grant: Grant): void
    update(grant: Grant): void
    remove(key: GrantKey): void
    /** The same for all that the group itself is granted, and for these resources. */
    lockList(group: Ref<GroupId>, resources: readonly Ref<ResourceId>[]): Promise<GrantList>
    /** Inserts or updates. */
    putAll(grants: readonly Grant[]): void
    removeAll(groupId: GroupId, resources: readonly ResourceId[]): void
    /** The resources a group is granted. */
    resourcesOf(groupId: GroupId): Promise<ResourceId[]>
  }
  /** Users and groups with all that identity providers keep of them. */
  readonly scim: {
    /** Against other changes of the user; and whether another user has the name, in any case. */
    lockUser(id: UserId, userName: string | null): Promise<{ user: ScimUser | null; isNameTaken: boolean }>
    insertUser(user: ScimUser): void
    updateUser(user: ScimUser): void
    /** Those of them who exist; they go on existing until the transaction ends. */
    lockUsers(ids: readonly UserId[]): Promise<ReadonlySet<UserId>>
    /** Of a group that is locked. */
    group(id: GroupId): Promise<ScimGroup | null>
    insertGroup(group: ScimGroup): void
    updateGroup(group: ScimGroup): void
  }
  /** What the fleet knows of Redis. */
  readonly health: {
    /** By the database's clock, which all instances share; nobody else decides on a recovery until the transaction ends. */
    lock(): Promise<{ lastHealthyAt: Date | null; now: Date }>
    reportHealthy(): void
    recordOutage(outage: { startedAt: Date; endedAt: Date; tier: string; recoveredBy: string }): void
  }
  /** Those of the names that do not exist, in their order; at most `max` of each kind. */
  unknown(names: Readonly<Record<NamedKind, Piece | null>>, max: number): Promise<Record<NamedKind, readonly string[]>>
  /** From here on the transaction may take minutes: the limits of an ordinary change no longer apply. */
  takeLong(): void
  importOrganisation(organisation: ImportPieces): Promise<ImportCounts>
}

export interface GrantKey {
  readonly groupId: GroupId
  readonly resourceId: ResourceId
}

/** Groups, and everybody in them or below them; null if there are too many to name. */
export interface Holders {
  readonly groups: readonly GroupId[]
  readonly users: UserIds | null
}

export interface Subtree extends Holders {
  /** How many levels it has, the group itself counting as one. */
  readonly height: number
}

export interface LockedMembership {
  readonly groupId: GroupId
  readonly userExists: boolean
  /** Null where the user is not a direct member. */
  readonly membership: Membership | null
}

export interface MemberList {
  readonly groupId: GroupId
  readonly members: readonly Membership[]
  /** As the readers of the list are told it. */
  readonly state: string
  /** Of the users asked for; they go on existing until the transaction ends. */
  readonly existing: ReadonlySet<UserId>
}

export interface LockedGrant {
  readonly groupId: GroupId | null
  readonly resourceId: ResourceId | null
  /** Null where the group has none on this resource. */
  readonly grant: Grant | null
  readonly holders: Holders
}

export interface GrantList {
  readonly groupId: GroupId | null
  /** In the order asked; null for what does not exist. */
  readonly resourceIds: readonly (ResourceId | null)[]
  readonly grants: readonly Grant[]
  /** As the readers of the list are told it. */
  readonly state: string
  readonly holders: Holders
}
