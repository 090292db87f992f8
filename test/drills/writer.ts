/** Changes one world step by step, one mutation at a time, each on an instance chosen at random. */
import { setTimeout as sleep } from 'node:timers/promises'
import { nowMs } from './clock.ts'
import type { Fleet } from './fleet.ts'
import type { Version } from './history.ts'
import { createHttpConnection, encodeRequest, HttpError, headerOf } from './http-connection.ts'
import type { OutsideStep } from './outside-steps.ts'
import type { Random } from './random.ts'
import type { Attempt, WorldRecord } from './recorder.ts'
import type { Course } from './subject.ts'
import type { Step, World } from './world.ts'

/** Longer than the service's own deadline, so that "no answer" never means "still working on it". */
const TIMEOUT_MS = 40_000
const RETRY_MS = 50

export interface WriterOptions {
  readonly course: Course<unknown>
  readonly world: World
  readonly record: WorldRecord
  readonly fleet: Pick<Fleet, 'ports' | 'processOf' | 'isServing'>
  readonly bearer: string
  readonly random: Random
  readonly manner: Manner
  readonly onAttempt: (attempt: Attempt) => void
  /** For changes behind the API. */
  readonly sql: (text: string, values: readonly unknown[]) => Promise<unknown>
  /** Resolves when no transaction that may be a cut-off mutation's is in progress any more. */
  readonly settled: () => Promise<void>
}

export interface Writer {
  /** Resolves when the mutation in flight is over. */
  stop(): Promise<void>
}

type AnyStep = Step<unknown> | OutsideStep<unknown>

/** What a writer does next, and how long it waits before. */
export interface Manner {
  readonly step: (course: Course<unknown>) => (world: World, state: unknown, random: Random) => AnyStep
  readonly pauseMs: (random: Random) => number
}

export const RESTLESS: Manner = { step: (course) => course.randomStep, pauseMs: (random) => random.between(10, 150) }

/** A stale entry is healed by the next mutation of the same user, so there are long pauses as well as quick sequences. */
export const RESTING: Manner = {
  step: (course) => course.randomStep,
  pauseMs: (random) => (random.next() < 0.55 ? RESTLESS.pauseMs(random) : random.between(1500, 4000)),
}

/** One update after the other at a steady rate; what it is late it makes up for. */
export function updating(everyMs: number): Manner {
  let dueMs = nowMs()
  return {
    step: (course) => course.updateStep,
    pauseMs() {
      dueMs += everyMs
      return Math.max(0, dueMs - nowMs())
    },
  }
}

export function startWriter(options: WriterOptions): Writer {
  const { course, world, record, random, manner } = options
  const nextStep = manner.step(course)
  const connections = options.fleet.ports.map((port) => createHttpConnection({ port, timeoutMs: TIMEOUT_MS }))
  const stopping = new AbortController()
  let state = course.initial
  record.versions.push(firstVersion(course, world))

  async function apply(step: AnyStep): Promise<'done' | 'unknown'> {
    const startedMs = nowMs()
    const { next } = step
    const views = course.viewsOf(world, next)
    const position = record.versions.push({ startedMs, ackedMs: Number.POSITIVE_INFINITY, ackedBy: null, views }) - 1
    if ('sql' in step && !(await changeOutside(step))) return 'unknown'
    const told = 'sql' in step ? step.flush : step
    if (!told) {
      record.versions[position] = { startedMs, ackedMs: nowMs(), ackedBy: null, outside: true, views }
      state = next
      return 'done'
    }
    const { method, path, body } = told
    const request = encodeRequest({ method, path, token: options.bearer, ...(body && { body }) })
    for (let attempt = 0; ; attempt++) {
      const instance = servingInstance()
      const process = options.fleet.processOf(instance)
      const outcome = await attemptOn(instance, request)
      if (outcome.kind === 'unknown') return 'unknown'
      if (outcome.kind === 'done') {
        record.versions[position] = { startedMs, ackedMs: outcome.atMs, ackedBy: attempt === 0 ? process : null, views }
        if (outcome.token !== null) record.token = { version: position, text: outcome.token }
        state = next
        return 'done'
      }
      if (stopping.signal.aborted) return 'unknown'
      await sleep(RETRY_MS)
    }
  }

  /** @returns false when nobody knows whether it committed */
  async function changeOutside({ sql, values }: OutsideStep<unknown>): Promise<boolean> {
    return options.sql(sql, values).then(
      () => true,
      () => false,
    )
  }

  function servingInstance(): number {
    const serving = options.fleet.ports.flatMap((_, instance) => (options.fleet.isServing(instance) ? [instance] : []))
    return serving.length > 0 ? random.pick(serving) : 0
  }

  type Reply = { kind: 'done'; atMs: number; token: string | null } | { kind: 'again' } | { kind: 'unknown' }

  async function attemptOn(instance: number, request: Buffer): Promise<Reply> {
    const startedMs = nowMs()
    const note = (outcome: Attempt['outcome']) => options.onAttempt({ instance, startedMs, endedMs: nowMs(), outcome })
    try {
      const connection = connections[instance]
      if (!connection) throw new RangeError(`no instance ${instance}`)
      const { status, head, body, endedMs } = await connection.send(request)
      note(status)
      // Every step is idempotent, so 404 for a removal means that an earlier attempt had removed it.
      if (status < 300 || status === 404)
        return { kind: 'done', atMs: endedMs, token: headerOf(head, 'Consistency-Token') }
      if (status < 500) throw new Error(`a writer was answered ${status}: ${body}`)
      // It may have committed, or still be waiting for the database, and come true later: nothing can be built on it.
      return { kind: 'unknown' }
    } catch (error) {
      if (!(error instanceof HttpError)) throw error
      note(error.code)
      if (error.code === 'silent') return { kind: 'unknown' }
      // The process is gone, and what it had begun ends with its connections; then the same step can be repeated.
      await options.settled()
      return { kind: 'again' }
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(manner.pauseMs(random), undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return
      // After an unknown outcome the world is left alone: both states explain what is read from then on.
      if ((await apply(nextStep(world, state, random))) === 'unknown') return
    }
  }

  const running = run()
  // Told when it is stopped; until then nobody waits for it.
  running.catch(() => {})
  return {
    async stop() {
      stopping.abort()
      await running
      for (const connection of connections) connection.close()
    },
  }
}

function firstVersion({ initial, viewsOf }: Course<unknown>, world: World): Version {
  const before = Number.NEGATIVE_INFINITY
  return { startedMs: before, ackedMs: before, ackedBy: null, views: viewsOf(world, initial) }
}
