/**
 * Runs one schedule of a scenario: mutations, readers, followers and faults as processes that take steps in an order
 * the chooser decides, judged read by read. The protocol itself is in follower, catalogue, bucket-load (the log), in
 * list-read, miss, derivation, read-without-store (reads) and in mutation.
 */
import { keepLoading, storeCheckpoint } from './bucket-load.ts'
import type { Chooser } from './chooser.ts'
import { createDatabase } from './database.ts'
import { putGrant, putMember } from './ends.ts'
import { type Fault, inject, SPARES_THE_STORE } from './faults.ts'
import { createInstance, type Instance } from './instance.ts'
import { createJudge, type Violation } from './judge.ts'
import { historyOf, readList, type Token } from './list-read.ts'
import { type Intent, mutate } from './mutation.ts'
import { type Change, GROUPS, type Organisation, RESOURCES, USERS } from './organisation.ts'
import type { Off } from './protections.ts'
import { cursorOf, firstPageOf, isFirstPage, type Question } from './question.ts'
import { createSharedStore } from './shared-store.ts'
import type { Step, Steps, World } from './world.ts'

export interface Scenario {
  readonly instances: number
  /** How many clients read, and how often each, one read after the other, all on one instance. */
  readonly readers: number
  readonly readsEach: number
  readonly mutators: number
  readonly mutationsEach: number
  readonly pollsEach: number
  readonly faults: readonly Fault[]
  readonly faultCount: number
  /** One after the other as they are listed, where one race needs several. */
  readonly faultsInOrder?: true
  /** Users that are read; the fewer, the more they meet. */
  readonly users?: number
  /** Fixed instead of drawn: for tiny configurations that are enumerated. */
  readonly fixed?: {
    readonly initial: Organisation
    readonly changes: readonly Change[]
    readonly firstRollsBack?: true
  }
  readonly repliesTravel?: false
  /** Only first pages are asked for. */
  readonly firstPagesOnly?: true
  /** The release that each instance runs, where there are several. */
  readonly releases?: readonly number[]
  /** Replicas answer while the master is away. */
  readonly replicas?: true
  /** Followers store the catalogue for starts. */
  readonly checkpoints?: true
  /** Steps without a read of the log after which an instance trusts nothing; without end where absent. */
  readonly trustSteps?: number
  /** Ids that are remembered of one tag; all where absent. */
  readonly idsPerTag?: number
  /** Memberships and grants may have an end, and so many ticks of the database's clock pass. */
  readonly ticks?: number
  /** Every instance has read once before anything else happens. */
  readonly warm?: true
}

export interface Outcome {
  readonly violation: Violation | null
  readonly steps: number
  readonly reads: number
}

interface Process {
  readonly name: string
  readonly steps: Steps<void>
  readonly instance: number
  /** The schedule is over when only these are left. */
  readonly endless: boolean
  ready: Step
}

const KEEPS_HISTORY: readonly Fault[] = ['lost writes', 'old snapshot']

export function simulate(scenario: Scenario, chooser: Chooser, off: Off, trace?: string[]): Outcome {
  const { pick } = chooser
  const { fixed } = scenario
  const ticks = scenario.ticks ?? 0
  const randomEnd = () => (pick(2) === 0 ? 0 : 2 + pick(ticks))
  const initial = fixed?.initial ?? (ticks > 0 ? endingOrganisation(pick, randomEnd) : randomOrganisation(pick))
  const db = createDatabase(initial, off)
  const replicas = scenario.replicas === true
  const keepsHistory = replicas || scenario.faults.some((f) => KEEPS_HISTORY.includes(f))
  const store = createSharedStore({ keepsHistory, replicas, trace })
  const { trustSteps = Number.POSITIVE_INFINITY, idsPerTag = Number.POSITIVE_INFINITY } = scenario
  const judge = createJudge({ db, now: () => world.now, trustSteps })
  const repliesTravel = scenario.repliesTravel !== false
  const bounds = { trustSteps, idsPerTag, repliesTravel }
  const world: World = { db, store, judge, chooser, off, ...bounds, now: 1, ...(trace && { trace }) }
  const releaseOf = (id: number) => scenario.releases?.[id] ?? 0
  const instances: Instance[] = Array.from({ length: scenario.instances }, (_, id) =>
    createInstance(world, { id, release: releaseOf(id), loaded: initial.grants }),
  )
  const tokens: (Token & { seq: number })[] = []
  let processes: Process[] = []
  let violation: Violation | null = null
  let lastStoreFaultAt = 0
  let reads = 0
  trace?.push(`      initially ${JSON.stringify(initial)}`)

  let storeFailing = false

  const faultAt = () => (storeFailing ? world.now : lastStoreFaultAt)

  function* reader(id: number): Steps<void> {
    let cursor = -1
    for (let count = 0; count < scenario.readsEach; count++) {
      yield null
      const i = instances[id]!
      const question = questionFor(cursor)
      const token = tokens.length > 0 && pick(4) === 0 ? tokens[pick(tokens.length)]! : null
      const tokenSeq = token && historyOf(token) === historyOf(i.position()) ? token.seq : 0
      const record = judge.readBegins(i, question, tokenSeq)
      const presented = token ? ` with token ${token.xid}` : ''
      trace?.push(`      ${id}: asks ${JSON.stringify(question)}${presented}, position ${i.position().seq}`)
      const end = yield* readList(world, i, question, token)
      trace?.push(`      ${id}: answers ${JSON.stringify(end)}`)
      reads++
      if (!end) continue
      if (isFirstPage(question)) cursor = cursorOf(end.value)
      violation = judge.readEnds(record, { answer: end.value, storeWasAway: end.storeWasAway, lastFaultAt: faultAt() })
      if (violation) return
    }
  }

  function questionFor(cursor: number): Question {
    const user = pick(scenario.users ?? USERS)
    const which = scenario.firstPagesOnly ? 0 : pick(cursor < 0 ? 3 : 5)
    if (which < 2) return firstPageOf(user)
    return which === 2
      ? { user, after: -1, extent: 'all' }
      : { user, after: cursor, extent: which === 3 ? 'page' : 'all' }
  }

  function* mutator(id: number, index: number): Steps<void> {
    for (let count = 0; count < scenario.mutationsEach; count++) {
      yield null
      const change = fixed?.changes[index * scenario.mutationsEach + count]
      const intent: Intent = change
        ? { change, extent: NAMED, rollsBack: count === 0 && fixed?.firstRollsBack === true }
        : randomIntent(pick, ticks > 0 ? randomEnd : undefined)
      trace?.push(`      ${id}: ${JSON.stringify(intent)}`)
      const token = yield* mutate(world, instances[id]!, intent)
      if (token) tokens.push(token)
    }
  }

  function* follower(id: number): Steps<void> {
    for (let count = 0; count < scenario.pollsEach; count++) {
      yield null
      yield* instances[id]!.follower.barrier()
      if (scenario.checkpoints) yield* storeCheckpoint(world, instances[id]!)
    }
  }

  /** Between any two steps of the others. */
  function* clock(): Steps<void> {
    for (let tick = 0; tick < ticks; tick++) {
      for (let pause = pick(12); pause >= 0; pause--) yield null
      db.tick()
      trace?.push(`      the database's clock shows ${db.clock()}`)
    }
  }

  function* adversary(): Steps<void> {
    yield null
    if (pick(2) === 0) db.backUp()
    for (let count = 0; count < scenario.faultCount; count++) {
      yield null
      const fault = scenario.faults[scenario.faultsInOrder ? count : pick(scenario.faults.length)]!
      trace?.push(`      fault: ${fault}`)
      const end = inject(fault, { world, instances, crash, storeFailed })
      if (!end) continue
      const spared = SPARES_THE_STORE.includes(fault)
      storeFailing = !spared
      const steps = 1 + pick(12)
      for (let step = 0; step < steps; step++) yield null
      trace?.push(`      fault: ${fault} ends`)
      end()
      storeFailing = false
      if (!spared) storeFailed()
    }
  }

  function storeFailed(): void {
    lastStoreFaultAt = world.now
  }

  /** Everything it was doing ends unanswered; it comes back with an empty memory and the log's past. */
  function crash(id: number): void {
    processes = processes.filter((each) => each.instance !== id)
    db.disconnect(id)
    instances[id] = createInstance(world, { id, release: releaseOf(id), loaded: null })
    start(`client of ${id}, back`, id, reader(id))
    startLoader(id)
  }

  function start(name: string, instance: number, steps: Steps<void>): void {
    processes.push({ name, instance, steps, endless: false, ready: null })
  }

  function startLoader(id: number): void {
    const i = instances[id]!
    const ready = () => i.catalogue.isBehind()
    processes.push({ name: `loader of ${id}`, instance: id, steps: keepLoading(world, i), endless: true, ready })
  }

  for (let index = 0; index < scenario.readers; index++)
    start(`client ${index}`, index % instances.length, reader(index % instances.length))
  for (let index = 0; index < scenario.mutators; index++) {
    const id = fixed ? index % instances.length : pick(instances.length)
    start(`writer ${index}`, id, mutator(id, index))
  }
  for (let id = 0; id < instances.length && scenario.pollsEach > 0; id++) start(`follower ${id}`, id, follower(id))
  for (let id = 0; id < instances.length; id++) startLoader(id)
  if (ticks > 0) start('clock', -1, clock())
  if (scenario.faultCount > 0) start('fault', -1, adversary())

  if (scenario.warm) for (const i of instances) finish(readList(world, i, firstPageOf(0), null))

  let current: Process | null = null
  while (!violation && processes.some(({ endless }) => !endless)) {
    const ready: Process[] = processes.filter((each) => each.ready === null || each.ready())
    if (ready.length === 0) throw new Error(`nothing can go on: ${processes.map(({ name }) => name)}`)
    current = ready[chooser.next(ready.length, current ? ready.indexOf(current) : -1)]!
    world.now++
    trace?.push(`${String(world.now).padStart(4)}  ${current.name}`)
    const step = current.steps.next()
    if (step.done === true) processes = processes.filter((each) => each !== current)
    else current.ready = step.value
  }
  return { violation, steps: world.now, reads }
}

/** Alone in the world, a process needs no turns. */
function finish(steps: Steps<unknown>): void {
  while (!steps.next().done);
}

const NAMED = { wide: false, crowded: false }

function randomOrganisation(pick: (n: number) => number): Organisation {
  const parent = [-1, pick(2) - 1, pick(3) - 1]
  const grants = Array.from({ length: RESOURCES }, () => pick(1 << GROUPS))
  return { member: pick(1 << (USERS * GROUPS)), parent, grants }
}

function endingOrganisation(pick: (n: number) => number, end: () => number): Organisation {
  const { member, parent, grants } = randomOrganisation(pick)
  const bits = Array.from({ length: USERS * GROUPS }, (_, bit) => bit)
  const groups = Array.from({ length: GROUPS }, (_, group) => group)
  return {
    parent,
    member: bits.reduce((packed, bit) => ((member >> bit) & 1 ? putMember(packed, bit, end(), 0) : packed), member),
    grants: grants.map((held) =>
      groups.reduce((packed, group) => ((held >> group) & 1 ? putGrant(packed, group, end(), 0) : packed), held),
    ),
  }
}

/** @param end where access may be given for a time */
function randomIntent(pick: (n: number) => number, end?: () => number): Intent {
  const rest = { extent: { wide: pick(4) === 0, crowded: pick(4) === 0 }, rollsBack: pick(6) === 0 }
  const kind = pick(10)
  const group = pick(GROUPS)
  const until = end && pick(2) === 0 ? { until: end() } : {}
  if (kind < 4) return { change: { kind: 'membership', user: pick(USERS), group, ...until }, ...rest }
  if (kind < 7) return { change: { kind: 'grant', group, resource: pick(RESOURCES), ...until }, ...rest }
  if (kind < 9) return { change: { kind: 'move', group: 1 + pick(2), parent: 0 }, ...rest }
  return { change: { kind: 'import' }, ...rest }
}
