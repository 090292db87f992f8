/** What the domain offers to HTTP and to the command line: reads, mutations, administration. */
import type {
  EffectiveGroup,
  Grant,
  Group,
  GroupId,
  JsonObject,
  JsonValue,
  Membership,
  MembershipRole,
  Permission,
  Ref,
  Resource,
  ResourceId,
  User,
  UserId,
  VisibleResource,
} from './model.ts'

/** How one answer came about; the HTTP layer renders it as `Cache-Status` (RFC 9211). */
export type CacheStatus =
  | { readonly kind: 'hit'; readonly ttlSeconds: number; readonly detail?: string }
  | { readonly kind: 'miss'; readonly stored: boolean; readonly detail?: string }
  | { readonly kind: 'bypass'; readonly detail: string }

/** Terms a reader sets for one read. */
export interface ReadContext {
  /** `Cache-Control: no-cache` on the request: answer from PostgreSQL. */
  readonly bypass?: boolean
  /** The `Consistency-Token` the caller presents: the answer covers that mutation. */
  readonly after?: string
}

/** Who causes a mutation, for the audit log and the invalidation log. */
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

export interface Page<T> {
  readonly data: readonly T[]
  readonly nextCursor: string | null
}

export interface PageQuery {
  /** 1 to 200. */
  readonly limit: number
  readonly cursor?: string
  /** Who asks: a cursor continues only the list of whom it was given to. */
  readonly reader?: UserId
}

/** A page of a list that can be replaced as a whole. */
export interface ReplaceablePage<T> extends Page<T> {
  /** With the first page: the state that the whole list was in. */
  readonly state?: string
}

/** The states that a list may be in for it to be replaced; `*`: any. */
export type ListCondition = '*' | readonly string[]

export interface ResourceQuery extends PageQuery {
  readonly kind?: string
  /** A prefix of the name, compared exactly. */
  readonly q?: string
  /** At least this permission. */
  readonly permission?: Permission
}

/** A page of visible resources as it goes to the socket: already serialised, with its strong validator. */
export interface ResourcePage {
  /** `{"data":[…],"nextCursor":…}` as UTF-8. */
  readonly body: Buffer
  /** A quoted strong entity tag. */
  readonly etag: string
  readonly nextCursor: string | null
  readonly cache: CacheStatus
}

export interface ExplainedPath {
  /** From the user's own group up to the group that holds the grant. */
  readonly groups: readonly { readonly id: GroupId; readonly name: string }[]
  readonly permission: Permission
  readonly wins: boolean
}

export interface AccessEntry {
  readonly userId: UserId
  readonly permission: Permission
  readonly paths: readonly ExplainedPath[]
}

export interface AuditQuery extends PageQuery {
  readonly actor?: string
  readonly action?: string
  readonly target?: string
  /** At this time or later. */
  readonly since?: Date
  /** Before this time. */
  readonly until?: Date
}

export interface AuditEntry {
  readonly id: string
  readonly at: string
  readonly actor: string
  /** The name of the mutation. */
  readonly action: string
  readonly target: string | null
  readonly before: JsonValue
  readonly after: JsonValue
  readonly reason: string | null
  readonly requestId: string | null
  readonly tokenId: string | null
}

export interface Reads {
  /** For reads that take no terms because they are never cached. @throws DomainError for a token that is malformed or of another history */
  checkToken(context: ReadContext): Promise<void>
  /** The resources the user may see, ordered by name then id. */
  visibleResources(user: UserId, query: ResourceQuery, context: ReadContext): Promise<ResourcePage>
  /** One resource as the user sees it; null for hidden and absent alike. Never from the cache. */
  visibleResource(user: UserId, ref: Ref<ResourceId>): Promise<VisibleResource | null>
  /** The same resource without regard to the caller, for administrators. */
  resource(ref: Ref<ResourceId>): Promise<Resource | null>
  effectiveGroups(
    user: UserId,
    context: ReadContext,
  ): Promise<{ groups: readonly EffectiveGroup[]; cache: CacheStatus }>
  /** How many effective groups and how many visible resources, without moving either list. */
  counts(user: UserId, context: ReadContext): Promise<{ groups: number; resources: number; cache: CacheStatus }>
  explain(
    user: UserId,
    ref: Ref<ResourceId>,
  ): Promise<{ permission: Permission | null; paths: readonly ExplainedPath[] } | null>
  access(ref: Ref<ResourceId>, query: PageQuery): Promise<Page<AccessEntry> | null>
  user(id: UserId): Promise<User | null>
  users(query: PageQuery & { q?: string }): Promise<Page<User>>
  group(ref: Ref<GroupId>): Promise<Group | null>
  groups(query: PageQuery & { q?: string }): Promise<Page<Group>>
  membersOf(ref: Ref<GroupId>, query: PageQuery): Promise<ReplaceablePage<Membership> | null>
  /** With `administeredBy` only those on resources that this user holds `admin` on. */
  grantsOf(
    ref: Ref<GroupId>,
    query: PageQuery & { administeredBy?: UserId },
  ): Promise<ReplaceablePage<Grant & { resourceName: string }> | null>
  /** The user's role in exactly this group; null when not a direct member. */
  roleIn(user: UserId, ref: Ref<GroupId>): Promise<MembershipRole | null>
  /** The user's effective permission on a resource, straight from PostgreSQL; null when none. */
  permissionOn(user: UserId, ref: Ref<ResourceId>): Promise<Permission | null>
  /** Who did what, newest first. */
  auditTrail(query: AuditQuery): Promise<Page<AuditEntry>>
}

export interface Mutations {
  createResource(
    input: {
      name: string
      kind: string
      description?: string | null
      attributes?: JsonObject
      grants?: readonly { group: Ref<GroupId>; permission: Permission }[]
    },
    context: MutationContext,
  ): Promise<Mutated<Resource>>
  /** `changes` is a merge patch: absent keeps, null clears (RFC 7396). `ifVersion` from If-Match. */
  updateResource(
    input: {
      resource: Ref<ResourceId>
      changes: { name?: string; kind?: string; description?: string | null; attributes?: JsonObject | null }
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
  deleteUser(input: { id: UserId }, context: MutationContext): Promise<Mutated<null>>
  createGroup(input: { name: string; parent?: Ref<GroupId> | null }, context: MutationContext): Promise<Mutated<Group>>
  updateGroup(
    input: { group: Ref<GroupId>; changes: { name?: string; parent?: Ref<GroupId> | null }; ifVersion?: number },
    context: MutationContext,
  ): Promise<Mutated<Group>>
  deleteGroup(input: { group: Ref<GroupId>; ifVersion?: number }, context: MutationContext): Promise<Mutated<null>>
  /** Without a role a member keeps his, and a new one is a plain member. */
  addUserToGroup(
    input: { group: Ref<GroupId>; userId: UserId; role?: MembershipRole; mustExist?: boolean },
    context: MutationContext,
  ): Promise<Mutated<{ membership: Membership; created: boolean }>>
  removeUserFromGroup(input: { group: Ref<GroupId>; userId: UserId }, context: MutationContext): Promise<Mutated<null>>
  /**
   * The list becomes the whole membership, or nothing changes. Roles as for `addUserToGroup`.
   * Without a condition it may only add: `precondition-required`.
   */
  replaceMembers(
    input: {
      group: Ref<GroupId>
      members: readonly { userId: UserId; role?: MembershipRole }[]
      condition?: ListCondition
    },
    context: MutationContext,
  ): Promise<Mutated<Replaced>>
  putGrant(
    input: { group: Ref<GroupId>; resource: Ref<ResourceId>; permission: Permission; mustExist?: boolean },
    context: MutationContext,
  ): Promise<Mutated<{ grant: Grant; created: boolean }>>
  removeGrant(
    input: { group: Ref<GroupId>; resource: Ref<ResourceId> },
    context: MutationContext,
  ): Promise<Mutated<null>>
  /** The list becomes all that the group itself is granted, or nothing changes. The condition as for members. */
  replaceGrants(
    input: {
      group: Ref<GroupId>
      grants: readonly { resource: Ref<ResourceId>; permission: Permission }[]
      condition?: ListCondition
    },
    context: MutationContext,
  ): Promise<Mutated<Replaced>>
  importOrganisation(input: OrganisationImport, context: MutationContext): Promise<Mutated<ImportCounts>>
}

/** What a list that became the whole state changed. */
export interface Replaced {
  /** How many there are now. */
  readonly total: number
  readonly added: number
  readonly changed: number
  readonly removed: number
}

/** The body of `POST /import`: names refer to each other, everything in it is created or brought to this state. */
export interface OrganisationImport {
  readonly users: readonly { readonly id: string; readonly displayName?: string | null }[]
  readonly groups: readonly { readonly name: string; readonly parent?: string | null }[]
  readonly memberships: readonly { readonly group: string; readonly user: string; readonly role: MembershipRole }[]
  readonly resources: readonly {
    readonly name: string
    readonly kind: string
    readonly description?: string | null
    readonly attributes?: JsonObject
  }[]
  readonly grants: readonly { readonly group: string; readonly resource: string; readonly permission: Permission }[]
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

export type FlushScope =
  | { readonly scope: 'all' }
  | { readonly scope: 'volatile' }
  | { readonly scope: 'layer'; readonly layer: 'resources' | 'user-groups' | 'user-resources' }
  | { readonly scope: 'user'; readonly user: UserId }
  | { readonly scope: 'resource'; readonly resource: Ref<ResourceId> }

export interface FlushOutcome {
  readonly scope: FlushScope['scope']
  readonly dryRun: boolean
  /** The keys named by the scope; null where a whole layer is meant. */
  readonly keys: readonly string[] | null
  readonly layers: readonly string[]
  /** Whether Redis took part at once; the flush holds without it, by the log. */
  readonly store: 'flushed' | 'unavailable' | 'untouched'
}

export interface CacheAdministration {
  /** Everything `GET /admin/cache` shows, as JSON-ready data. */
  status(): Promise<JsonObject>
  flush(
    scope: FlushScope,
    options: { reason: string; dryRun: boolean },
    context: MutationContext,
  ): Promise<Mutated<FlushOutcome>>
  /** The user's entries: present, age, remaining life, stamp, whether they would be served and if not why. */
  userEntries(id: UserId): Promise<JsonObject>
  invalidations(query: { after?: string; limit: number }): Promise<Page<JsonObject>>
}

/** What one committed mutation made invalid, in words that other services can use. */
export interface Change {
  /** The mutation's name. */
  readonly event: string
  readonly at: string
  /** Users whose memberships, or who themselves, changed. */
  readonly users: readonly string[]
  /** Groups that came, went or moved in the tree. */
  readonly places: readonly string[]
  /** Groups whose grants, or whose granted resources, changed. */
  readonly grants: readonly string[]
  /** First bytes (two hex digits) of the ids of resources that changed. */
  readonly buckets: readonly string[]
  /** Whole layers, where naming users would be too many. */
  readonly layers: readonly string[]
}

/** Without `change` only the position moved on; with `reset`, changes may be missing and whatever is held is worthless. */
export interface ChangeEvent {
  /** Opaque: where a client comes back to. */
  readonly id: string
  readonly change?: Change
  readonly reset?: true
}

export interface ChangeStream {
  /** Null at the end. Asked only when the former are on their way: what a slow reader does not take stays in the log. */
  next(): Promise<readonly ChangeEvent[] | null>
  close(): void
}

export interface ChangeFeed {
  /**
   * From an event's id on, or from now on. A client that comes back misses nothing; it may see something twice.
   * @throws DomainError `invalid-input` for an id that is none, `overloaded` when there are too many streams
   */
  open(lastEventId?: string): Promise<ChangeStream>
  /** Ends every stream and begins none. */
  close(): void
}

/** The whole domain, as wired in the composition root. */
export interface Portcullis {
  readonly changes: ChangeFeed
  readonly reads: Reads
  readonly mutations: Mutations
  readonly cache: CacheAdministration
}
