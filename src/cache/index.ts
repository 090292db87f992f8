/** The only door to the cache: everything a service needs to cache permissions correctly, independent of any database, store or web framework. */

export { createBoundedMemory } from './bounded-memory.ts'
export type { Clock } from './clock.ts'
export { createCopies } from './copies.ts'
export {
  type Cache,
  type CacheLog,
  type CacheOptions,
  CacheOptionsError,
  type CacheRule,
  type CacheStore,
  createCache,
  defineTag,
  EVERYTHING,
  type Mutated,
  type QueryOf,
  type Reader,
  type ReaderOptions,
  systemClock,
} from './create-cache.ts'
export { createDatabaseClock, type DatabaseClock, type Present } from './database-clock.ts'
export { createEntryCodec, type Entry, type EntryCodec, fillIdIn, newFillId, PREFIX_LENGTH } from './entry-codec.ts'
export {
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type Fill,
  type FoundEntry,
  LARGEST_ENTRY_BYTES,
  type LayerName,
  type Lease,
  type LeaseRequest,
  type Opened,
  type OpenRequest,
  type ReadRequest,
  StoreUnavailableError,
} from './entry-store.ts'
export { inPieces } from './in-pieces.ts'
export {
  createInvalidationIndex,
  type InvalidationIndex,
  type LogRow,
  type RetentionClass,
  type Verdict,
} from './invalidation-index.ts'
export {
  createLayer,
  type HitFrom,
  type Layer,
  type LayerDependencies,
  type LayerEvents,
  type LayerRead,
  type Loaded,
  type Rejection,
  type ValueCodec,
} from './layer.ts'
export {
  type Duration,
  defineLayers,
  type LayerNames,
  type LayerRow,
  type LayerRows,
  type Layers,
  LayersError,
} from './layers.ts'
export {
  createLogFollower,
  type Followed,
  type InvalidationLog,
  type Judged,
  type LogBatch,
  type LogFollower,
  LogUnreachableError,
  type Trust,
} from './log-follower.ts'
export { createMemo } from './memo.ts'
export {
  type Audit,
  type AuditRecord,
  type BegunMutation,
  type Invalidation,
  invalidatesNothing,
  type KeyList,
  keyCountOf,
  type LayerKey,
  type Lock,
  type Mutation,
  type MutationChain,
  mergeInvalidations,
  mutation,
  NOTHING_INVALIDATED,
  type Rule,
} from './mutation.ts'
export {
  createMutationRunner,
  type LogRecord,
  type MutationOutcome,
  type MutationRunner,
  type UnitOfWork,
} from './mutation-runner.ts'
export { type Bypass, createReadThrough, earliest, type ReadThrough, type Wanted } from './read-through.ts'
export { createSingleFlight, type Shareable } from './single-flight.ts'
export {
  type Committed,
  covers,
  formatSnapshot,
  isVisible,
  parseSnapshot,
  parseXid,
  type Snapshot,
  type Stamp,
  type Xid,
} from './snapshot.ts'
export { RequestWait, type StoreWait } from './store-wait.ts'
export { type Tag, type TagKind, tag, tagKind } from './tags.ts'
