/** One fault beside accesses that end: the writers, the readers of three instances, and what they amount to. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabaseClock, type DatabaseClock } from '../../../src/cache/index.ts'
import { nowMs } from '../clock.ts'
import type { Environment } from '../environment.ts'
import { type Fault, INSTANCES } from '../faults/fault.ts'
import { createHttpConnection, encodeRequest, HttpError } from '../http-connection.ts'
import { createRandom, type Random } from '../random.ts'
import { type Absence, type Bound, judge, type Sighting } from './judge.ts'
import { type Changes, SLOTS, type Slot, startSlotWriter, USERS, userNamed } from './slots.ts'

/** How long a change behind the API may stay unseen (P11), in milliseconds. */
const CHANGE_BOUND_MS = 1000
const CALM_MS = 3000
const TIMEOUT_MS = 10_000
const CLOCK_READ_EVERY_MS = 50
const ASK_EVERY_MS = 250
/** The first page; one that is merged from the catalogue; one by one around the cache now and then. */
const PATHS = ['/resources', '/resources?permission=read', '/resources'] as const

interface Answer extends Omit<Sighting, 'isVisible'> {
  readonly instance: number
  readonly user: number
  /** Of the slots, as bits. */
  readonly visible: number
}

export interface CourseResult {
  readonly fault: string
  readonly answers: number
  readonly judged: number
  /** Ends that came while it was read. */
  readonly ends: number
  /** Seen although it had ended before it was asked for, and by how long. */
  readonly endedServedMs: readonly number[]
  /** Not seen although it lasted beyond the answer, and by how long. */
  readonly missingMs: readonly number[]
  /** By end and instance: how long after it the access was last seen; 0 where it was not. */
  readonly staleAfterEnd: { readonly p99Ms: number; readonly maxMs: number }
  /** While PostgreSQL answered. */
  readonly serverErrors: number
  readonly away: {
    /** How long PostgreSQL did not answer. */
    readonly ms: number
    readonly serverErrors: number
    /** The last of them came so long after PostgreSQL was back. */
    readonly lastErrorAfterMs: number
  }
  readonly changes: Changes
  /** How well PostgreSQL's clock was known, nearly always. */
  readonly uncertaintyP99Ms: { readonly judge: number; readonly instances: number }
  readonly examples: readonly string[]
}

export async function runCourse(
  fault: Fault,
  slots: readonly Slot[],
  {
    environment,
    random,
    holdMs,
    readsPerSecond,
  }: {
    environment: Environment
    random: Random
    holdMs: number
    readsPerSecond: number
  },
): Promise<CourseResult> {
  const clock = { monotonicMs: nowMs, wallMs: () => Date.now() }
  const time = createDatabaseClock({ clock, boundMs: Number.MAX_SAFE_INTEGER })
  const watching = await watchClock(time, environment)
  const asking = askInstances(environment)
  const bearer = await environment.issuer.issue({ subject: 'drill.admin', roles: ['admin'], ttlSeconds: 4 * 3600 })
  const writers = slots.map((slot) =>
    startSlotWriter(slot, { environment, time, bearer, random: createRandom(random.between(0, 2 ** 31)) }),
  )
  const before = total(slots)
  const readers = await startReaders({ environment, time, readsPerSecond })
  try {
    await sleep(CALM_MS)
    await fault.run({ environment, random, worlds: [], holdMs, mark: () => {} })
    await environment.restore()
    await sleep(CALM_MS)
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()))
    readers.stop()
    watching.stop()
    asking.stop()
  }
  const bound: Bound = { ms: CHANGE_BOUND_MS, absences: watching.absences() }
  const after = total(slots)
  return {
    ...judged(fault.name, slots, readers.answers, bound),
    ...errorsOf(readers.errorsMs, bound),
    changes: {
      later: after.later - before.later,
      sooner: after.sooner - before.sooner,
      taken: after.taken - before.taken,
      acrossEnd: after.acrossEnd - before.acrossEnd,
    },
    uncertaintyP99Ms: { judge: watching.p99Ms(), instances: asking.p99Ms() },
  }
}

function total(slots: readonly Slot[]): Changes {
  const sum = (of: keyof Changes) => slots.reduce((all, { changes }) => all + changes[of], 0)
  return { later: sum('later'), sooner: sum('sooner'), taken: sum('taken'), acrossEnd: sum('acrossEnd') }
}

/** An instance may answer with an error while PostgreSQL is away, and until it has found it again. */
function errorsOf(errorsMs: readonly number[], { ms, absences }: Bound) {
  const excused = errorsMs.filter((atMs) => absences.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs + ms))
  const afterMs = excused.map((atMs) => atMs - Math.max(...absences.map(({ toMs }) => toMs).filter((to) => to <= atMs)))
  return {
    serverErrors: errorsMs.length - excused.length,
    away: {
      ms: absences.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0),
      serverErrors: excused.length,
      lastErrorAfterMs: Math.max(0, ...afterMs.filter(Number.isFinite)),
    },
  }
}

/** The judge's own reading of PostgreSQL's clock, and of when it does not answer. */
async function watchClock(time: DatabaseClock, { sql }: Environment) {
  let stopped = false
  const known: number[] = []
  const absences: Absence[] = []
  let lastMs = Number.NEGATIVE_INFINITY
  let isAway = false
  async function read(): Promise<void> {
    const askedMs = nowMs()
    try {
      const [row] = await sql('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now')
      time.read({ database: 'drilled', askedMs, answeredMs: nowMs(), shownMs: Number(row?.now) })
      if (isAway) absences.push({ fromMs: lastMs, toMs: time.latestMs() })
      isAway = false
      lastMs = time.earliestMs()
    } catch {
      isAway = true
    }
  }
  await read()
  async function run(): Promise<void> {
    while (!stopped) {
      await sleep(CLOCK_READ_EVERY_MS)
      known.push(time.uncertaintyMs())
      await read()
    }
  }
  void run()
  return {
    p99Ms: () => p99(known),
    absences: () => absences,
    stop() {
      stopped = true
    },
  }
}

/** How well the instances say that they know it. */
function askInstances({ fleet }: Environment) {
  const known: number[] = []
  const timer = setInterval(() => {
    for (const port of fleet.ports)
      fetch(`http://127.0.0.1:${port}/readyz?verbose`)
        .then(async (answer) => {
          const { clock } = (await answer.json()) as { clock?: { uncertaintyMs: number | null } }
          if (clock) known.push(clock.uncertaintyMs ?? Number.POSITIVE_INFINITY)
        })
        .catch(() => {})
  }, ASK_EVERY_MS)
  return { p99Ms: () => p99(known), stop: () => clearInterval(timer) }
}

const p99 = (all: readonly number[]) => all.toSorted((a, b) => a - b)[Math.floor(all.length * 0.99)] ?? 0

async function startReaders({
  environment,
  time,
  readsPerSecond,
}: {
  environment: Environment
  time: DatabaseClock
  readsPerSecond: number
}) {
  const { fleet, issuer } = environment
  const answers: Answer[] = []
  const errorsMs: number[] = []
  let stopped = false
  const everyMs = (1000 * USERS * INSTANCES.length) / readsPerSecond

  async function poll(user: number, instance: number, bearer: string): Promise<void> {
    const connection = createHttpConnection({ port: fleet.ports[instance] ?? 0, timeoutMs: TIMEOUT_MS })
    const requests = PATHS.map((path) => encodeRequest({ method: 'GET', path, token: bearer }))
    let dueMs = nowMs() + everyMs * Math.random()
    for (let count = 0; !stopped; count++) {
      dueMs = Math.max(dueMs + everyMs, nowMs())
      await sleep(Math.max(0, dueMs - nowMs()))
      const askedMs = time.earliestMs()
      try {
        const { status, body } = await connection.send(requests[count % requests.length] as Buffer)
        const answeredMs = time.latestMs()
        if (status >= 500) errorsMs.push(answeredMs)
        if (status === 200) answers.push({ instance, user, askedMs, answeredMs, visible: slotsIn(body) })
      } catch (error) {
        if (!(error instanceof HttpError)) throw error
        if (error.code === 'silent') errorsMs.push(time.latestMs())
      }
    }
    connection.close()
  }

  for (let user = 0; user < USERS; user++) {
    const bearer = await issuer.issue({ subject: userNamed(user), roles: [], ttlSeconds: 4 * 3600 })
    for (const instance of INSTANCES) void poll(user, instance, bearer)
  }
  return {
    answers,
    errorsMs,
    stop() {
      stopped = true
    },
  }
}

function slotsIn(body: string): number {
  const { data } = JSON.parse(body) as { data: { name: string }[] }
  let visible = 0
  for (const { name } of data) {
    const slot = /\/s(\d)$/.exec(name)?.[1]
    if (slot !== undefined) visible |= 1 << Number(slot)
  }
  return visible
}

function judged(fault: string, slots: readonly Slot[], answers: readonly Answer[], bound: Bound) {
  const endedServedMs: number[] = []
  const missingMs: number[] = []
  const examples: string[] = []
  /** By end and instance. */
  const lastSeenMs = new Map<string, number>()
  for (const answer of answers) {
    for (let slot = 0; slot < SLOTS; slot++) {
      const { versions } = slots[answer.user * SLOTS + slot] as Slot
      const isVisible = ((answer.visible >> slot) & 1) === 1
      const verdict = judge(versions, { ...answer, isVisible }, bound)
      if (verdict.kind === 'ended') {
        endedServedMs.push(verdict.sinceMs)
        const key = `${answer.user} ${slot} ${answer.instance}`
        lastSeenMs.set(key, Math.max(verdict.sinceMs, lastSeenMs.get(key) ?? 0))
      }
      if (verdict.kind === 'missing') missingMs.push(verdict.leftMs)
      if (verdict.kind !== 'right' && examples.length < 5)
        examples.push(
          `${userNamed(answer.user)}/s${slot} on instance ${answer.instance + 1}: ${JSON.stringify({ verdict, answer, versions: versions.slice(-4) })}`,
        )
    }
  }
  const fromMs = Math.min(...answers.map(({ askedMs }) => askedMs))
  const toMs = Math.max(...answers.map(({ answeredMs }) => answeredMs))
  const ends = slots.reduce(
    (sum, { versions }) => sum + versions.filter((each, at) => isEnd(each, versions[at + 1], { fromMs, toMs })).length,
    0,
  )
  const stale = [
    ...lastSeenMs.values(),
    ...Array<number>(Math.max(0, ends * INSTANCES.length - lastSeenMs.size)).fill(0),
  ].sort((a, b) => a - b)
  return {
    fault,
    answers: answers.length,
    judged: answers.length * SLOTS,
    ends,
    endedServedMs,
    missingMs,
    staleAfterEnd: { p99Ms: stale[Math.floor(stale.length * 0.99)] ?? 0, maxMs: stale.at(-1) ?? 0 },
    examples,
  }
}

/** It came, rather than being replaced before or taken. */
function isEnd(
  { fromMs: givenMs, endMs }: { fromMs: number; endMs: number },
  next: { fromMs: number } | undefined,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): boolean {
  return endMs > givenMs && endMs > fromMs && endMs < toMs && (next === undefined || next.fromMs > endMs)
}
