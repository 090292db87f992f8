/** The door to the typed client of the API: for the command line, the console, tests, and as a package. */
export type { Change, FeedEvent, FollowOptions } from './changes.ts'
export { type Answer, type CallOptions, type Client, type ClientOptions, createClient } from './client.ts'
export { InvalidPathError, RefusedError, UnreachableError } from './errors.ts'
export type {
  AccessEntry,
  AuditEntry,
  CacheStatus,
  EffectiveGroup,
  Explanation,
  Flushed,
  Grant,
  Group,
  ImportCounts,
  LayerCounts,
  ListedGrant,
  Me,
  Membership,
  MembershipRole,
  Outage,
  Path,
  Permission,
  Problem,
  Resource,
  ScimError,
  ScimGroup,
  ScimUser,
  Topology,
  User,
  UserCacheEntries,
  UserCacheEntry,
} from './generated.ts'
export { ENUMS } from './generated.ts'
export type { Arguments, DataOf, InputOf, ItemOf, OperationId, PagedId } from './operations.ts'
