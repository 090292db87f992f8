/** The only fakes of the cache, for its own tests and, through `./testing`, for those of a service that embeds it. */

export { describeEntryStore } from './entry-store-contract.ts'
export { createFakeClock, type FakeClock, settle } from './fake-clock.ts'
export { createFaultyStore, type Fault, type Faulty } from './faulty-store.ts'
export { barrier, DATABASE, entries, snapshot, stamp, unavailable, xid } from './fixtures.ts'
export { createInMemoryEntryStore, type InMemoryEntryStore } from './in-memory-entry-store.ts'
export { type Finding, type JudgeOptions, judged, type Probe, probe, RulesError } from './rules-judge.ts'
export {
  aliceList,
  bobList,
  type EntryStoreHarness,
  entryBytes,
  fillId,
  layer,
  type TestRunner,
} from './store-under-test.ts'
