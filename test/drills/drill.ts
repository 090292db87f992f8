/** One fault from a healthy beginning to a healthy end, recorded throughout. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Part } from './build/parts.ts'
import { nowMs } from './clock.ts'
import type { Environment } from './environment.ts'
import type { Fault } from './faults/fault.ts'
import type { Random } from './random.ts'
import { type Recording, saysSick } from './recorder.ts'
import { type Summary, summarise } from './summary.ts'
import { startWorkload } from './workload.ts'

const WARM_UP_MS = 2000
const CALM_MS = 3000
/** All instances have to answer from the cache, and none around it, for this long before Redis counts as healthy. */
const STEADY_MS = 500
const STEADY_WITHIN_MS = 40_000

export interface DrillOptions {
  readonly environment: Environment
  readonly random: Random
  readonly holdMs: number
  readonly firstWorld: number
  readonly readsPerSecond: number
  readonly updatesPerSecond: number
  /** Protections taken out, to see whether the fault is caught without them. */
  readonly without: readonly Part[]
}

export async function runDrill(fault: Fault, options: DrillOptions): Promise<Summary> {
  const { environment, random, holdMs } = options
  await environment.restore()
  const parts = [...(fault.parts ?? []), ...options.without]
  await environment.fleet.ensure({ parts, ownParts: fault.ownParts ?? {}, env: fault.env ?? {} })
  const workload = await startWorkload({
    ...options,
    writersRest: !fault.restlessWriters,
    outsideWriters: fault.outsideWriters ?? null,
  })
  const { recording, worlds } = workload
  const mark = (name: string) => void recording.marks.push({ name, atMs: nowMs() })
  try {
    await sleep(WARM_UP_MS)
    if (await isSteady(recording)) mark('healthy')
    await sleep(CALM_MS)
    mark('fault')
    await fault.run({ environment, random, worlds, holdMs, mark })
    mark('over')
    await environment.restore()
    if (await isSteady(recording)) mark('healthy')
    await sleep(CALM_MS)
  } finally {
    await workload.stop()
  }
  return summarise(fault, recording)
}

/**
 * Judged by what the instances answer, because that is what the promises are about. False when it takes too long: then
 * nothing is judged by the promise for a healthy Redis.
 */
async function isSteady({ reads }: Recording): Promise<boolean> {
  const deadlineMs = nowMs() + STEADY_WITHIN_MS
  for (;;) {
    const sinceMs = nowMs() - STEADY_MS
    const recent = reads.slice(-5000).filter(({ startedMs }) => startedMs >= sinceMs)
    const cached = new Set(recent.filter(({ outcome }) => outcome === 'hit').map(({ instance }) => instance))
    if (cached.size === INSTANCES && !recent.some(saysSick)) return true
    if (nowMs() > deadlineMs) return false
    await sleep(50)
  }
}

const INSTANCES = 3
