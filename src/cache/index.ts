/** The only door to the cache: everything a service needs to cache permissions correctly, independent of any database, store or web framework. */

export { type CacheLog, type CacheOptions, CacheOptionsError, type CacheStore } from './cache-options.ts'
export type { QueryOf, Reader, ReaderOptions } from './cache-reader.ts'
export type { CacheRule, CacheRules } from './cache-rules.ts'
export { defineTag } from './cache-tags.ts'
export { type Clock, systemClock } from './clock.ts'
export { createCopies } from './copies.ts'
export { type Cache, createCache, type Mutated } from './create-cache.ts'
export { createDatabaseClock, type DatabaseClock, type Present } from './database-clock.ts'
export { createEntryCodec, type EntryCodec, newFillId } from './entry-codec.ts'
export {
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type Fill,
  LARGEST_ENTRY_BYTES,
  type LayerName,
  type Lease,
  type LeaseRequest,
  type Opened,
  type ReadRequest,
  StoreUnavailableError,
} from './entry-store.ts'
export { inPieces } from './in-pieces.ts'
export {
  createInvalidationIndex,
  type InvalidationIndex,
  type LogRow,
  type RetentionClass,
} from './invalidation-index.ts'
export { type InvalidationLog, type LogBatch, LogUnreachableError } from './invalidation-log.ts'
export {
  type Bypass,
  createLayer,
  type HitFrom,
  isBypass,
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
export { earliest, type Wanted } from './loads.ts'
export { createLogFollower, type Judged, type LogFollower } from './log-follower.ts'
export type { Followed } from './log-reading.ts'
export type { Trust } from './log-trust.ts'
export { createMemo } from './memo.ts'
export {
  type Invalidation,
  type KeyList,
  keyCountOf,
  type LayerKey,
  type Mutation,
  mergeInvalidations,
  mutation,
  NOTHING_INVALIDATED,
  type Rule,
} from './mutation.ts'
export {
  createMutationRunner,
  type LogRecord,
  type MutationRunner,
  type UnitOfWork,
} from './mutation-runner.ts'
export { createReadThrough, type ReadThrough } from './read-through.ts'
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
export { StoreWait } from './store-wait.ts'
export { type Tag, tag, tagKind } from './tags.ts'
