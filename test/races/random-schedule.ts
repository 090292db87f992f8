/**
 * One random history: a writer whose mutations follow one another, readers on two instances, evictions; every step
 * across the network ordered by fast-check's scheduler. A read is explained if it shows some state between the last
 * mutation acknowledged before it began and the last one begun before it ended.
 */
import type fc from 'fast-check'
import type { EntryKey } from '../../src/cache/index.ts'
import { userGroupsKey, userResourcesKey } from '../../src/domain/keys.ts'
import type { UserId } from '../../src/domain/model.ts'
import { type Ending, endingOf, isLiving, replaced } from './ends.ts'
import { createFleet, type Fleet, type Gate, type Instance, type InstanceOptions } from './fleet.ts'

export const OPERATIONS = ['join', 'leave', 'grant', 'revoke', 'revokeFromMany', 'flush'] as const

export interface Write {
  readonly operation: (typeof OPERATIONS)[number]
  readonly group: 0 | 1
  readonly by: 0 | 1
  /** What is joined or granted ends so many milliseconds after the schedule's begin. */
  readonly endsAfterMs?: number
}

export interface Schedule {
  readonly writes: readonly Write[]
  /** Instances that read, one read after another each; readers overlap. */
  readonly readers: readonly (readonly (0 | 1)[])[]
  readonly evictions: readonly ('entry' | 'lease' | 'groups-lease' | 'generation' | 'everything')[]
  /** So many milliseconds pass, one at a time. */
  readonly ticks?: number
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
  { writes, readers, evictions, ticks = 0 }: Schedule,
  over: Partial<InstanceOptions> = {},
): Promise<Unexplained[]> {
  const scheduled: { gate: Gate } = { gate: async () => {} }
  const fleet = createFleet((instance, step) => scheduled.gate(instance, step), { sleep: sleeping(scheduler) })
  const instances = [fleet.start('a', { ...over, polls: false }), fleet.start('b', { ...over, polls: false })]
  await Promise.all(instances.map(({ followed }) => followed.whole()))
  await begin(instances, fleet)
  scheduled.gate = (instance, step) => scheduler.schedule(Promise.resolve(), `${instance} ${step}`)

  const beganMs = fleet.database.nowMs()
  const nowMs = () => fleet.database.nowMs() - beganMs
  const initial = fleet.truth(USER).join()
  const states: ((afterMs: number) => string)[] = [() => initial]
  let acknowledged = 0
  const unexplained: Unexplained[] = []

  async function write(): Promise<void> {
    for (const each of writes) {
      states.push(next(fleet, each, beganMs))
      await perform(instances[each.by] as Instance, each, beganMs)
      acknowledged = states.length - 1
    }
  }

  async function read(sequence: readonly (0 | 1)[]): Promise<void> {
    for (const by of sequence) {
      const [oldest, fromMs] = [acknowledged, nowMs()]
      const answer = (await (instances[by] as Instance).list(USER)).names.join()
      const instants = Array.from({ length: nowMs() - fromMs + 1 }, (_, at) => fromMs + at)
      const allowed = [...new Set(states.slice(oldest).flatMap((state) => instants.map(state)))]
      if (!allowed.includes(answer)) unexplained.push({ answer, allowed })
    }
  }

  async function evict(): Promise<void> {
    for (const what of evictions) {
      await scheduler.schedule(Promise.resolve(), `evict ${what}`)
      evictOne(fleet, what)
    }
  }

  async function tick(): Promise<void> {
    for (let count = 0; count < ticks; count++) {
      await scheduler.schedule(Promise.resolve(), 'tick')
      fleet.clock.nowMs++
    }
  }

  await scheduler.waitFor(Promise.all([write(), evict(), tick(), ...readers.map(read)]))
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

function perform(instance: Instance, write: Write, beganMs: number): Promise<string> {
  const { operation, group } = write
  const name = GROUPS[group]
  const until = endOf(write, beganMs)
  switch (operation) {
    case 'join':
      return instance.join(USER, name, until)
    case 'leave':
      return instance.leave(USER, name)
    case 'grant':
      return instance.grant(name, `plan-${group}`, until)
    case 'flush':
      return instance.flush()
    default:
      return instance[operation](name, `plan-${group}`)
  }
}

const endOf = ({ endsAfterMs }: Write, beganMs: number) =>
  endsAfterMs === undefined ? undefined : beganMs + endsAfterMs

/** What is visible at a time once the write is committed, from the state before it: the writer is the only one. */
function next({ database }: Fleet, write: Write, beganMs: number): (afterMs: number) => string {
  const { operation, group } = write
  const name = GROUPS[group]
  const until = endOf(write, beganMs)
  const given = { group: name, ...(until !== undefined && { until }) }
  const change = (list: string[], by: Ending | null) => replaced(list, name, by).map(endingOf)
  const read = (key: string) => database.read<string[]>(key, database.snapshot(), [])
  let groups = read(`m:${USER}`).map(endingOf)
  const grants = GROUPS.map((_, i) => read(`r:plan-${i}`).map(endingOf))
  if (operation === 'join') groups = change(read(`m:${USER}`), given)
  if (operation === 'leave') groups = change(read(`m:${USER}`), null)
  if (operation === 'grant') grants[group] = change(read(`r:plan-${group}`), given)
  if (operation === 'revoke' || operation === 'revokeFromMany') grants[group] = change(read(`r:plan-${group}`), null)
  return (afterMs) => {
    const living = (all: readonly Ending[]) => all.filter((each) => isLiving(each, beganMs + afterMs))
    const own = new Set(living(groups).map((each) => each.group))
    return grants
      .flatMap((granted, i) => (living(granted).some((each) => own.has(each.group)) ? [`plan-${i}`] : []))
      .sort()
      .join()
  }
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
