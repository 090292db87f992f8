/** The ports to the source of truth: what the reads need from PostgreSQL. Each answer has the stamp of its snapshot. */
import type { Stamp } from '../cache/index.ts'
import type { ResourceName } from './api.ts'
import type {
  GroupId,
  MembershipRole,
  Permission,
  Ref,
  ResourceContent,
  ResourceId,
  UserId,
  VisibleResource,
} from './model.ts'

export interface Stamped<T> {
  readonly value: T
  readonly stamp: Stamp
}

/** A group that counts for a user, before it is known through which of the user's own groups it is inherited. */
export interface GroupNode {
  readonly id: GroupId
  readonly name: string
  readonly parentId: GroupId | null
  /** Null when inherited only. */
  readonly role: MembershipRole | null
  /** When the user's own membership ends, in milliseconds since the epoch; null when it does not, or when inherited only. */
  readonly until: number | null
}

/** Its end in milliseconds since the epoch, where it has one. */
export type CatalogueGrant = readonly [group: GroupId, permission: Permission, until?: number]

/** A resource with the groups it is granted to. */
export interface CatalogueItem extends ResourceContent {
  readonly id: ResourceId
  readonly version: number
  readonly updatedAt: string
  /** Also those that ended. */
  readonly grants: readonly CatalogueGrant[]
}

/** Where a page begins: strictly after this name and id. */
export interface Position {
  readonly name: string
  readonly id: string
}

export interface VisibleQuery {
  readonly count: number
  readonly after?: Position | undefined
  readonly kind?: string | undefined
  readonly prefix?: string | undefined
  readonly atLeast?: Permission | undefined
}

export interface PermissionQuestion {
  readonly user: UserId
  readonly resource: ResourceName
}

export interface HeldPermission {
  /** Null where there is none. */
  readonly permission: Permission | null
  /** Until when it is held at least, in milliseconds since the epoch; null: it has no end. */
  readonly until: number | null
}

/** The state of a resource that a read of the log names: present, or gone. */
export interface ResourceState {
  readonly id: ResourceId
  readonly item: CatalogueItem | null
}

export interface LoadedList {
  readonly groups: readonly GroupNode[]
  readonly items: readonly VisibleResource[]
  /** When the first of the items ends or is held with less, by its grants, in milliseconds since the epoch. */
  readonly until: number | null
}

export interface CatalogueSource {
  /** The resources of these buckets; every bucket asked for is in the answer. */
  catalogueBuckets(
    buckets: readonly number[],
  ): Promise<{ stamp: Stamp; values: ReadonlyMap<number, readonly CatalogueItem[]> }>
}

export interface CacheSource extends CatalogueSource {
  /** The user's own groups and all their ancestors; none for a user who does not exist or is disabled. */
  effectiveGroups(user: UserId): Promise<Stamped<readonly GroupNode[]>>
  /** Groups and the beginning of the list at one snapshot: where the list cannot be derived from the catalogue. */
  visibleList(user: UserId, count: number): Promise<Stamped<LoadedList>>
  /** The one SQL statement that is the fallback and the oracle. */
  visible(user: UserId, query: VisibleQuery): Promise<readonly VisibleResource[]>
  counts(user: UserId): Promise<{ groups: number; resources: number }>
  visibleOne(user: UserId, ref: Ref<ResourceId>): Promise<VisibleResource | null>
  /** In the order of the questions, all at one snapshot. */
  permissions(questions: readonly PermissionQuestion[]): Promise<readonly HeldPermission[]>
}
