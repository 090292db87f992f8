/** Configurations in which schedules are drawn: from all at once down to the few processes one race needs. */
import { EVERY_FAULT } from './faults.ts'
import type { Scenario } from './simulator.ts'

const base = { instances: 2, readers: 3, readsEach: 3, mutators: 2, mutationsEach: 2, pollsEach: 2, users: 1 }

export const SCENARIOS = {
  /** Everything that may happen, at random. */
  'every fault': { ...base, faults: EVERY_FAULT, faultCount: 3 },
  'three instances': { ...base, instances: 3, mutators: 3, users: 2, faults: EVERY_FAULT, faultCount: 4 },
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
  'memory forgets': { ...base, pollsEach: 3, faults: ['forgetting', 'old snapshot', 'lost writes'], faultCount: 3 },
  /** The log is pruned under followers that stood still and instances that start, while the store keeps what is older. */
  'log pruned': {
    ...base,
    pollsEach: 2,
    faults: ['log pruning', 'instance crash', 'lost writes', 'old snapshot'],
    faultCount: 4,
  },
  /** A member joins the group whose grant is being taken. */
  'join meets revocation': {
    ...base,
    readers: 2,
    mutationsEach: 1,
    pollsEach: 0,
    faults: [],
    faultCount: 0,
    fixed: {
      initial: { member: 0, parent: [-1, -1, -1], grants: [1, 0] },
      changes: [
        { kind: 'membership', user: 0, group: 0 },
        { kind: 'grant', group: 0, bucket: 0 },
      ],
    },
  },
  /** An id whose first bearer rolled back is handed out again, and the delete of its second bearer is lost. */
  'id handed out again': {
    ...base,
    instances: 1,
    readers: 1,
    mutators: 1,
    faults: ['database crash', 'outage'],
    faultCount: 2,
    fixed: {
      initial: { member: 1, parent: [-1, -1, -1], grants: [1, 0] },
      changes: [
        { kind: 'membership', user: 0, group: 0 },
        { kind: 'membership', user: 0, group: 0 },
      ],
      firstRollsBack: true,
    },
  },
  /** The same on two instances, one of which has not heard of the crash when it is handed the token. */
  'token of an id handed out again': {
    ...base,
    readers: 2,
    mutators: 1,
    pollsEach: 1,
    faults: ['database crash', 'outage'],
    faultCount: 2,
    warm: true,
    fixed: {
      initial: { member: 1, parent: [-1, -1, -1], grants: [1, 0] },
      changes: [
        { kind: 'membership', user: 0, group: 0 },
        { kind: 'membership', user: 0, group: 0 },
      ],
      firstRollsBack: true,
    },
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
} as const

const granted = { member: 1, parent: [-1, -1, -1], grants: [1, 0] }
const leaves = { kind: 'membership', user: 0, group: 0 } as const
const loses = { kind: 'grant', group: 0, bucket: 0 } as const

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
