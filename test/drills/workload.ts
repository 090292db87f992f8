/** Writers and readers over fresh worlds, for the time of one fault. */
import { nowMs } from './clock.ts'
import type { Environment } from './environment.ts'
import { createHttpConnection, encodeRequest } from './http-connection.ts'
import { flushedStep, silentStep } from './outside-steps.ts'
import { createRandom, type Random } from './random.ts'
import { createViewReader, startReader } from './reader.ts'
import type { Recording, WorldRecord } from './recorder.ts'
import { createWorld, importOf, type World } from './world.ts'
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
  const { fleet, issuer } = environment
  const manners = mannersOf(options)
  const worlds = manners.map((_, index) => createWorld(options.firstWorld + index))
  const roles = ['admin', 'cache-admin'] as const
  const admin = await issuer.issue({ subject: 'drill.admin', roles, ttlSeconds: TOKEN_TTL_SECONDS })
  await importWorlds(fleet.ports[0] ?? 0, admin, worlds)

  const records: WorldRecord[] = worlds.map(() => ({ versions: [], token: null }))
  const recording: Recording = { reads: [], attempts: [], marks: [], versions: records.map(({ versions }) => versions) }
  const views = createViewReader()
  const writers = worlds.map((world, index) =>
    startWriter({
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
  const outside = { ...usual, step: outsideWriters === 'flush' ? flushedStep : silentStep }
  return [
    ...Array<Manner>(WORLDS.usual).fill(usual),
    ...Array.from({ length: updated }, () => updating((1000 * WORLDS.updated) / updatesPerSecond)),
    ...Array<Manner>(outsideWriters ? WORLDS.outside : 0).fill(outside),
  ]
}

async function importWorlds(port: number, bearer: string, worlds: readonly World[]): Promise<void> {
  const connection = createHttpConnection({ port, timeoutMs: 60_000 })
  try {
    const request = encodeRequest({ method: 'POST', path: '/import', token: bearer, body: importOf(worlds) })
    const { status, body } = await connection.send(request)
    if (status !== 200) throw new Error(`the import was answered ${status}: ${body}`)
  } finally {
    connection.close()
  }
}
