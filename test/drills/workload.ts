/** Writers and readers over fresh worlds, for the time of one fault. */
import { nowMs } from './clock.ts'
import type { Environment } from './environment.ts'
import { createRandom, type Random } from './random.ts'
import { createViewReader, startReader } from './reader.ts'
import type { Recording, WorldRecord } from './recorder.ts'
import { createWorld, type World } from './world.ts'
import { type Manner, RESTING, RESTLESS, startWriter, updating } from './writer.ts'

const TOKEN_TTL_SECONDS = 4 * 3600
/** So many worlds are written by the API as their writers please, are updated at a steady rate, are changed outside. */
const WORLDS = { usual: 16, updated: 5, outside: 4 } as const

export interface Workload {
  readonly recording: Recording
  readonly worlds: readonly World[]
  stop(): Promise<void>
}

export interface WorkloadOptions {
  readonly environment: Environment
  readonly random: Random
  /** The number of the first world; no two faults share one. */
  readonly firstWorld: number
  readonly readsPerSecond: number
  /** Updates of resources beside the other writers. */
  readonly updatesPerSecond: number
  readonly writersRest: boolean
  readonly outsideWriters: 'flush' | 'triggers' | null
}

export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const { environment, random } = options
  const { fleet, issuer, subject } = environment
  const manners = mannersOf(options)
  const worlds = manners.map((_, index) => createWorld(options.firstWorld + index))
  const roles = ['admin', 'cache-admin'] as const
  const admin = await issuer.issue({ subject: 'drill.admin', roles, ttlSeconds: TOKEN_TTL_SECONDS })
  await subject.begin(environment, worlds, admin)

  const records: WorldRecord[] = worlds.map(() => ({ versions: [], token: null }))
  const recording: Recording = { reads: [], attempts: [], marks: [], versions: records.map(({ versions }) => versions) }
  const views = createViewReader(subject.viewOfBody)
  const writers = worlds.map((world, index) =>
    startWriter({
      course: subject.course,
      world,
      record: records[index] as WorldRecord,
      fleet,
      bearer: admin,
      random: createRandom(random.between(0, 2 ** 31)),
      manner: manners[index] as Manner,
      sql: environment.sql,
      onAttempt: (attempt) => recording.attempts.push(attempt),
      settled: environment.transactionsEnded,
    }),
  )
  const polled = worlds.flatMap((world, index) => [world.ann, world.bob].map((user) => ({ user, index })))
  const readers = polled.length * fleet.ports.length
  const everyMs = (1000 * readers) / options.readsPerSecond
  const bearers = await Promise.all(
    polled.map(({ user }) => issuer.issue({ subject: user, roles: [], ttlSeconds: TOKEN_TTL_SECONDS })),
  )
  const running = polled.flatMap(({ user, index }, place) =>
    fleet.ports.map((port, instance) =>
      startReader({
        port,
        instance,
        fleet,
        world: index,
        record: records[index] as WorldRecord,
        user,
        path: subject.pathOf(user),
        bearer: bearers[place] ?? '',
        everyMs,
        offsetMs: ((place * fleet.ports.length + instance) * everyMs) / readers,
        onRead: (read) => recording.reads.push(read),
        views,
      }),
    ),
  )
  return {
    recording,
    worlds,
    async stop() {
      recording.marks.push({ name: 'end', atMs: nowMs() })
      await Promise.all(writers.map((writer) => writer.stop()))
      for (const reader of running) reader.stop()
    },
  }
}

/** One for each world. */
function mannersOf({ updatesPerSecond, writersRest, outsideWriters }: WorkloadOptions): readonly Manner[] {
  const usual = writersRest ? RESTING : RESTLESS
  const updated = updatesPerSecond > 0 ? WORLDS.updated : 0
  const outside: Manner = {
    ...usual,
    step: (course) => (world, state, random) => course.outsideStep(outsideWriters ?? 'triggers', world, state, random),
  }
  return [
    ...Array<Manner>(WORLDS.usual).fill(usual),
    ...Array.from({ length: updated }, () => updating((1000 * WORLDS.updated) / updatesPerSecond)),
    ...Array<Manner>(outsideWriters ? WORLDS.outside : 0).fill(outside),
  ]
}
