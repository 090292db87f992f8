/** What can be read, on which terms. */
import type {
  EffectiveGroup,
  Grant,
  Group,
  GroupId,
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
} from '../model.ts'
import type { Page, PageQuery, ReplaceablePage } from './pages.ts'

/** How one answer came about; the HTTP layer renders it as `Cache-Status` (RFC 9211). */
export type CacheStatus =
  | { readonly kind: 'hit'; readonly ttlSeconds?: number; readonly detail?: string }
  | { readonly kind: 'miss'; readonly stored: boolean; readonly detail?: string }
  | { readonly kind: 'bypass'; readonly detail: string }

/** Terms a reader sets for one read. */
export interface ReadContext {
  /** `Cache-Control: no-cache` on the request: answer from PostgreSQL. */
  readonly bypass?: boolean
  /** The `Consistency-Token` the caller presents: the answer covers that mutation. */
  readonly after?: string
}

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
  /** When the path ends, with its membership or its grant; null: it does not. */
  readonly expiresAt: Date | null
  readonly wins: boolean
}

export interface Explanation {
  readonly permission: Permission | null
  /** How long the user keeps this permission; null: for good, or there is none. */
  readonly expiresAt: Date | null
  /** The winning one first: of those with the highest permission the one that lasts longest. */
  readonly paths: readonly ExplainedPath[]
}

export interface AccessEntry {
  readonly userId: UserId
  readonly permission: Permission
  /** How long the user keeps this permission; null: for good. */
  readonly expiresAt: Date | null
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
  /** One resource as the user sees it; null for hidden and absent alike. */
  visibleResource(
    user: UserId,
    ref: Ref<ResourceId>,
    context: ReadContext,
  ): Promise<{ resource: VisibleResource | null; cache: CacheStatus }>
  /** The same resource without regard to the caller, for administrators. */
  resource(ref: Ref<ResourceId>): Promise<Resource | null>
  effectiveGroups(
    user: UserId,
    context: ReadContext,
  ): Promise<{ groups: readonly EffectiveGroup[]; cache: CacheStatus }>
  /** How many effective groups and how many visible resources, without moving either list. */
  counts(user: UserId, context: ReadContext): Promise<{ groups: number; resources: number; cache: CacheStatus }>
  explain(user: UserId, ref: Ref<ResourceId>): Promise<Explanation | null>
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
