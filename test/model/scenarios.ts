/** Configurations in which schedules are drawn: from all at once down to the few processes one race needs. */
import { EVERY_FAULT } from './faults.ts'
import type { Scenario } from './simulator.ts'

const base = { instances: 2, readers: 3, readsEach: 3, mutators: 2, mutationsEach: 2, pollsEach: 2, users: 1 }

/** What one race needs and no more. Index 0 writes, so the readers' other instance learns last. */
const few = {
  ...base,
  readers: 2,
  mutators: 1,
  mutationsEach: 1,
  faults: [],
  faultCount: 0,
  firstPagesOnly: true,
} as const

const granted = { member: 1, parent: [-1, -1, -1], grants: [1, 0, 0] }
const leaves = { kind: 'membership', user: 0, group: 0 } as const
const loses = { kind: 'grant', group: 0, resource: 0 } as const

const crashAndOutage = { faults: ['database crash', 'outage'], faultCount: 2, faultsInOrder: true } as const
const leavesAtLast = { initial: granted, changes: [leaves, leaves], firstRollsBack: true } as const

export const SCENARIOS = {
  /** Everything that may happen, at random. */
  'every fault': { ...base, faults: EVERY_FAULT, faultCount: 3 },
  'three instances': { ...base, instances: 3, mutators: 3, users: 2, faults: EVERY_FAULT, faultCount: 4 },
  /** The same over two releases, with replicas, a checkpoint, a bound on trust and little memory. */
  'everything at once': {
    ...base,
    instances: 3,
    mutators: 3,
    pollsEach: 3,
    users: 2,
    releases: [0, 1, 0],
    replicas: true,
    checkpoints: true,
    trustSteps: 60,
    idsPerTag: 2,
    faults: EVERY_FAULT,
    faultCount: 4,
  },
  /** The store does its job, but keys and leases come and go: P2 holds throughout. */
  'healthy store': {
    ...base,
    faults: ['eviction', 'lease expiry', 'generation eviction', 'forgetting'],
    faultCount: 3,
  },
  /** Followers that never get a turn: the shared store alone carries P2. */
  'no followers': { ...base, pollsEach: 0, mutators: 1, faults: [], faultCount: 0 },
  'two writers, no followers': { ...base, pollsEach: 0, mutators: 2, mutationsEach: 1, faults: [], faultCount: 0 },
  /** Deletes are lost or late: the log alone carries P3. */
  'deletes lost': {
    ...base,
    pollsEach: 3,
    faults: ['lost writes', 'timeout', 'outage', 'old snapshot'],
    faultCount: 3,
  },
  'many writers, deletes lost': {
    ...base,
    mutators: 3,
    pollsEach: 4,
    faults: ['lost writes', 'old snapshot'],
    faultCount: 2,
  },
  'split store': { ...base, pollsEach: 3, faults: ['split', 'timeout'], faultCount: 2 },
  'store away': { ...base, readers: 4, instances: 1, pollsEach: 2, faults: ['outage'], faultCount: 3 },
  /** The database crashes and hands ids out again, or is restored, while the store brings old entries back. */
  'database crashes': {
    ...base,
    mutators: 3,
    pollsEach: 2,
    faults: ['database crash', 'old snapshot', 'timeout', 'outage'],
    faultCount: 4,
  },
  'database restored': { ...base, pollsEach: 2, faults: ['restore', 'old snapshot', 'lost writes'], faultCount: 3 },
  /** With the master away a replica answers, as old as it happens to be. */
  'replicas answer': { ...base, replicas: true, pollsEach: 1, faults: ['outage', 'timeout'], faultCount: 3 },
  /** The database answers everybody but those who read the log; deletes are lost. */
  'log locked': {
    ...base,
    pollsEach: 4,
    trustSteps: 40,
    faults: ['log locked', 'outage', 'old snapshot', 'lost writes'],
    faultCount: 4,
  },
  'two releases': { ...base, releases: [0, 1], faults: ['eviction', 'outage'], faultCount: 2 },
  /** So many changes that an instance remembers the newest id of each tag only. */
  'hot tags': {
    ...base,
    mutators: 3,
    pollsEach: 4,
    idsPerTag: 1,
    faults: ['old snapshot', 'lost writes'],
    faultCount: 3,
  },
  /** Instances start from what the store kept of the catalogue. */
  starts: {
    ...base,
    readsEach: 4,
    pollsEach: 3,
    checkpoints: true,
    faults: ['instance crash', 'old snapshot', 'eviction'],
    faultCount: 4,
  },
  /** Many changes of the catalogue beside readers of everything: nothing but the log carries it. */
  'catalogue changes': { ...base, mutators: 3, pollsEach: 4, faults: [], faultCount: 0 },
  'memory forgets': { ...base, pollsEach: 3, faults: ['forgetting', 'old snapshot', 'lost writes'], faultCount: 3 },
  /** The log is pruned under followers that stood still and instances that start, while the store keeps what is older. */
  'log pruned': {
    ...base,
    pollsEach: 2,
    faults: ['log pruning', 'instance crash', 'lost writes', 'old snapshot'],
    faultCount: 4,
  },
  /** Memberships and grants end between load and fill, between pages, beside prolongations; clocks differ by two ticks. */
  'access ends': { ...base, ticks: 12, pollsEach: 3, faults: [], faultCount: 0 },
  'access ends, three instances': {
    ...base,
    instances: 3,
    mutators: 3,
    users: 2,
    ticks: 12,
    faults: EVERY_FAULT,
    faultCount: 3,
  },
  'access ends, deletes lost': {
    ...base,
    ticks: 12,
    pollsEach: 3,
    faults: ['lost writes', 'old snapshot', 'timeout'],
    faultCount: 3,
  },
  'access ends, store away': {
    ...base,
    readers: 4,
    ticks: 12,
    pollsEach: 2,
    replicas: true,
    faults: ['outage'],
    faultCount: 3,
  },
  /** A member joins the group whose grant is being taken. */
  'join meets revocation': {
    ...few,
    pollsEach: 0,
    mutators: 2,
    fixed: { initial: { ...granted, member: 0 }, changes: [leaves, loses] },
  },
  /** Readers of one instance meet in a load whose fill is on its way. */
  'fill on its way': { ...few, readers: 4, readsEach: 1, pollsEach: 0, fixed: { initial: granted, changes: [leaves] } },
  /** Nobody reads the log and the delete is lost: only the bound on trust is left. */
  'nobody follows': {
    ...few,
    readsEach: 4,
    pollsEach: 0,
    trustSteps: 15,
    faults: ['outage'],
    faultCount: 1,
    warm: true,
    fixed: { initial: granted, changes: [leaves] },
  },
  /** Redis is well, but a list that was deleted cannot be derived at a position after the change. */
  'log locked for a revocation': {
    ...few,
    faults: ['log locked'],
    faultCount: 2,
    warm: true,
    fixed: { initial: granted, changes: [loses] },
  },
  /** An id whose first bearer rolled back is handed out again, and the delete of its second bearer is lost. */
  'id handed out again': { ...few, ...crashAndOutage, instances: 1, readers: 1, mutationsEach: 2, fixed: leavesAtLast },
  /** The same on two instances, one of which has not heard of the crash when it is handed the token. */
  'token of an id handed out again': { ...few, ...crashAndOutage, mutationsEach: 2, warm: true, fixed: leavesAtLast },
  /** An instance commits through a database whose crash it has not heard of, and the delete is lost. */
  'commit after a crash': {
    ...few,
    ...crashAndOutage,
    instances: 1,
    pollsEach: 0,
    warm: true,
    fixed: { initial: granted, changes: [leaves] },
  },
  /** An instance starts when the store has lost a delete and the log its row. */
  'start after pruning': {
    ...few,
    instances: 1,
    readers: 1,
    pollsEach: 0,
    faults: ['lost writes', 'log pruning', 'instance crash'],
    faultCount: 3,
    faultsInOrder: true,
    warm: true,
    fixed: { initial: granted, changes: [leaves] },
  },
  /** The older of two changes of one user commits last, and its delete is lost. */
  'hot tag beside an open writer': {
    ...few,
    mutators: 2,
    idsPerTag: 1,
    faults: ['outage'],
    faultCount: 1,
    fixed: { initial: { ...granted, member: 3 }, changes: [leaves, { ...leaves, group: 1 }] },
  },
} as const satisfies Record<string, Scenario>

const tiny = {
  ...base,
  readers: 1,
  readsEach: 1,
  mutators: 1,
  mutationsEach: 1,
  pollsEach: 0,
  faults: [],
  faultCount: 0,
  warm: true,
  repliesTravel: false,
  firstPagesOnly: true,
} as const

/** Small enough to try every order of steps. Index 0 writes, so the readers' other instance learns last. */
export const TINY = {
  'a member leaves under one reader': { ...tiny, fixed: { initial: granted, changes: [leaves] } },
  'a grant is taken under one reader': { ...tiny, fixed: { initial: granted, changes: [loses] } },
  'a member leaves under two readers': { ...tiny, readers: 2, fixed: { initial: granted, changes: [leaves] } },
  'a grant is taken under two readers': { ...tiny, readers: 2, fixed: { initial: granted, changes: [loses] } },
  'a follower moves meanwhile': { ...tiny, readers: 2, pollsEach: 1, fixed: { initial: granted, changes: [leaves] } },
  'a member leaves and a grant is taken': {
    ...tiny,
    mutators: 2,
    fixed: { initial: granted, changes: [leaves, loses] },
  },
} as const satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof SCENARIOS
