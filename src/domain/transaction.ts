/** The port to one database transaction: everything a mutation may lock, read and write, in the words of the domain. */

import type { ImportCounts, OrganisationImport } from './api.ts'
import type { Grant, Group, GroupId, JsonObject, Membership, Ref, Resource, ResourceId, User, UserId } from './model.ts'
import type { UserIds } from './user-ids.ts'

export interface Transaction {
  readonly lock: Locks
  readonly affected: Affected
  readonly users: {
    find(id: UserId): Promise<User | null>
    put(user: { id: UserId; displayName?: string | null; disabled?: boolean }): Promise<User>
    remove(id: UserId): Promise<void>
  }
  readonly groups: {
    find(ref: Ref<GroupId>): Promise<Group | null>
    create(group: { name: string; parentId: GroupId | null }): Promise<Group>
    update(id: GroupId, changes: { name?: string; parentId?: GroupId | null }): Promise<Group>
    remove(id: GroupId): Promise<void>
    /** The group and its ancestors, nearest first. */
    lineage(id: GroupId): Promise<GroupId[]>
    /** How many levels the deepest branch of the whole tree has; more than any allowed number when there is a cycle. */
    deepest(): Promise<number>
    /** How many levels the subtree below has, the group itself counting as one. */
    height(id: GroupId): Promise<number>
  }
  readonly memberships: {
    find(key: { userId: UserId; groupId: GroupId }): Promise<Membership | null>
    put(membership: Membership): Promise<Membership>
    remove(key: { userId: UserId; groupId: GroupId }): Promise<void>
    /** All direct members. */
    of(groupId: GroupId): Promise<Membership[]>
    /** The state of that list, as its readers are told it. */
    stateOf(groupId: GroupId): Promise<string>
    putAll(memberships: readonly Membership[]): Promise<void>
    removeAll(groupId: GroupId, users: readonly UserId[]): Promise<void>
  }
  readonly resources: {
    find(ref: Ref<ResourceId>): Promise<Resource | null>
    /** In the order asked; null for what does not exist. */
    idsOf(refs: readonly Ref<ResourceId>[]): Promise<(ResourceId | null)[]>
    create(resource: {
      name: string
      kind: string
      description: string | null
      attributes: JsonObject
    }): Promise<Resource>
    update(
      id: ResourceId,
      changes: { name?: string; kind?: string; description?: string | null; attributes?: JsonObject },
    ): Promise<Resource>
    remove(id: ResourceId): Promise<void>
  }
  readonly grants: {
    find(key: { groupId: GroupId; resourceId: ResourceId }): Promise<Grant | null>
    put(grant: Grant): Promise<Grant>
    remove(key: { groupId: GroupId; resourceId: ResourceId }): Promise<void>
    /** All that the group itself is granted. */
    of(groupId: GroupId): Promise<Grant[]>
    stateOf(groupId: GroupId): Promise<string>
    putAll(grants: readonly Grant[]): Promise<void>
    removeAll(groupId: GroupId, resources: readonly ResourceId[]): Promise<void>
    /** The groups a resource is granted to. */
    groupsOf(resourceId: ResourceId): Promise<GroupId[]>
    /** The same with everybody below them, as {@link Affected} names them. */
    holdersOf(resourceId: ResourceId): Promise<Holders>
    /** The resources a group is granted. */
    resourcesOf(groupId: GroupId): Promise<ResourceId[]>
  }
  /** What the fleet knows of Redis. */
  readonly health: {
    /** Nobody else decides on a recovery until the transaction ends. */
    lock(): Promise<void>
    /** By the database's clock, which all instances share. */
    read(): Promise<{ lastHealthyAt: Date | null; now: Date }>
    reportHealthy(): Promise<void>
    recordOutage(outage: { startedAt: Date; endedAt: Date; tier: string; recoveredBy: string }): Promise<void>
  }
  /** Of these names, those that do not exist. */
  unknown(names: NamesOfThings): Promise<NamesOfThings>
  importOrganisation(organisation: OrganisationImport): Promise<ImportCounts>
}

export interface Holders {
  readonly groups: readonly GroupId[]
  readonly users: UserIds | null
}

export interface NamesOfThings {
  readonly users: readonly string[]
  readonly groups: readonly string[]
  readonly resources: readonly string[]
}

/**
 * The tree is locked first, shared by whatever relies on its shape and exclusively by whatever changes it; then groups
 * in the order of their ids. So the transactions whose affected users could miss each other exclude each other.
 */
export interface Locks {
  /** The tree keeps its shape until the transaction ends. */
  treeShape(): Promise<void>
  /** Nobody else reads or changes the shape until the transaction ends. */
  treeChange(): Promise<void>
  /** The group and its ancestors, shared: against changes of their grants, not against other membership changes. */
  membersOf(group: GroupId): Promise<void>
  /** The same, and nobody else changes who is in this very group: what replaces a list must have seen all of it. */
  allMembersOf(group: GroupId): Promise<void>
  /** Those of these users that exist go on existing until the transaction ends. */
  usersExist(ids: readonly UserId[]): Promise<void>
  resourcesExist(refs: readonly Ref<ResourceId>[]): Promise<void>
  /** These groups, against each other and against membership changes below them. */
  grantsOf(groups: readonly GroupId[]): Promise<void>
  user(id: UserId): Promise<void>
  resource(id: ResourceId): Promise<void>
}

/** Users whose entries a change touches; null when they are more than can be named. */
export interface Affected {
  /** Whether so many users can be named one by one. */
  canName(count: number): boolean
  membersBelow(groups: readonly GroupId[]): Promise<UserIds | null>
  /** The group and all its descendants. */
  subtree(group: GroupId): Promise<GroupId[]>
}
