/**
 * One random history: a writer whose mutations follow one another, readers on two instances, evictions; every step
 * across the network ordered by fast-check's scheduler. A read is explained if it shows some state between the last
 * mutation acknowledged before it began and the last one begun before it ended.
 */
import type fc from 'fast-check'
import type { EntryKey } from '../../src/cache/index.ts'
import { userGroupsKey, userResourcesKey } from '../../src/domain/keys.ts'
import type { UserId } from '../../src/domain/model.ts'
import { createFleet, type Fleet, type Gate, type Instance, type InstanceOptions } from './fleet.ts'

export const OPERATIONS = ['join', 'leave', 'grant', 'revoke', 'revokeFromMany', 'flush'] as const

export interface Write {
  readonly operation: (typeof OPERATIONS)[number]
  readonly group: 0 | 1
  readonly by: 0 | 1
}

export interface Schedule {
  readonly writes: readonly Write[]
  /** Instances that read, one read after another each; readers overlap. */
  readonly readers: readonly (readonly (0 | 1)[])[]
  readonly evictions: readonly ('entry' | 'lease' | 'groups-lease' | 'generation' | 'everything')[]
}

export interface Unexplained {
  readonly answer: string
  readonly allowed: readonly string[]
}

const GROUPS = ['red', 'blue'] as const
const USER = 'ann'

/** @returns the reads that no committed state explains; empty when the history is consistent */
export async function runSchedule(
  scheduler: fc.Scheduler,
  { writes, readers, evictions }: Schedule,
  over: Partial<InstanceOptions> = {},
): Promise<Unexplained[]> {
  const scheduled: { gate: Gate } = { gate: async () => {} }
  const fleet = createFleet((instance, step) => scheduled.gate(instance, step), { sleep: sleeping(scheduler) })
  const instances = [fleet.start('a', { ...over, polls: false }), fleet.start('b', { ...over, polls: false })]
  await Promise.all(instances.map(({ followed }) => followed.whole()))
  await begin(instances, fleet)
  scheduled.gate = (instance, step) => scheduler.schedule(Promise.resolve(), `${instance} ${step}`)

  const states = [fleet.truth(USER).join()]
  let acknowledged = 0
  const unexplained: Unexplained[] = []

  async function write(): Promise<void> {
    for (const each of writes) {
      states.push(next(fleet, each))
      await perform(instances[each.by] as Instance, each)
      acknowledged = states.length - 1
    }
  }

  async function read(sequence: readonly (0 | 1)[]): Promise<void> {
    for (const by of sequence) {
      const oldest = acknowledged
      const answer = (await (instances[by] as Instance).list(USER)).names.join()
      const allowed = states.slice(oldest)
      if (!allowed.includes(answer)) unexplained.push({ answer, allowed })
    }
  }

  async function evict(): Promise<void> {
    for (const what of evictions) {
      await scheduler.schedule(Promise.resolve(), `evict ${what}`)
      evictOne(fleet, what)
    }
  }

  await scheduler.waitFor(Promise.all([write(), evict(), ...readers.map(read)]))
  return unexplained
}

/** Both instances warm: what they hold is what a lost protection would serve. */
async function begin([a, b]: readonly Instance[], fleet: Fleet): Promise<void> {
  await a?.join(USER, 'red')
  await a?.grant('red', 'plan-0')
  await a?.grant('blue', 'plan-1')
  for (const instance of [a, b]) {
    await instance?.follower.catchUp(fleet.database.stamp())
    await instance?.list(USER)
  }
}

function perform(instance: Instance, { operation, group }: Write): Promise<string> {
  const name = GROUPS[group]
  switch (operation) {
    case 'join':
    case 'leave':
      return instance[operation](USER, name)
    case 'flush':
      return instance.flush()
    default:
      return instance[operation](name, `plan-${group}`)
  }
}

/** What is visible once the write is committed, from the state before it: the writer is the only one. */
function next(fleet: Fleet, { operation, group }: Write): string {
  const { database } = fleet
  const name = GROUPS[group]
  const groups = new Set(database.read<string[]>(`m:${USER}`, database.snapshot(), []))
  const grants = GROUPS.map((_, i) => new Set(database.read<string[]>(`r:plan-${i}`, database.snapshot(), [])))
  if (operation === 'join') groups.add(name)
  if (operation === 'leave') groups.delete(name)
  if (operation === 'grant') grants[group]?.add(name)
  if (operation === 'revoke' || operation === 'revokeFromMany') grants[group]?.delete(name)
  return grants
    .flatMap((granted, i) => ([...granted].some((each) => groups.has(each)) ? [`plan-${i}`] : []))
    .sort()
    .join()
}

function evictOne({ store: { faults } }: Fleet, what: Schedule['evictions'][number]): void {
  const list = userResourcesKey(USER as UserId)
  const groups = userGroupsKey(USER as UserId)
  if (what === 'entry') for (const key of [list, groups, 'resources:all' as EntryKey]) faults.evict(key)
  if (what === 'lease') faults.evictLease(list)
  if (what === 'groups-lease') faults.evictLease(groups)
  if (what === 'generation') faults.evictGeneration('user-resources')
  if (what === 'everything') faults.loseEverything()
}

/** Short waits take their turn like any other step; the poll of a follower that does not poll never ends. */
const sleeping = (scheduler: fc.Scheduler) => (ms: number) =>
  ms > 3_600_000 ? new Promise<void>(() => {}) : scheduler.schedule(Promise.resolve(), 'sleep')
