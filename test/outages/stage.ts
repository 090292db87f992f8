/** One row from a healthy beginning to a healthy end: reads and a few mutations throughout, and what they met. */
import { setTimeout as sleep } from 'node:timers/promises'
import { failuresOf, hasFailed, percentileOf } from '../../src/local/load-report.ts'
import { type Sample, startReadLoad } from '../../src/local/read-load.ts'
import type { Environment } from '../drills/environment.ts'
import type { Random } from '../drills/random.ts'
import { breakerOpenings, processorMs, startWatch } from './observe.ts'
import { figuresByPhase, type Phase, type PhaseFigures } from './phases.ts'
import type { Row } from './row.ts'

export interface Outcome {
  readonly row: Row
  readonly reads: number
  /** Not 2xx; of those, what may not be. */
  readonly failed: number
  readonly broken: number
  readonly failures: readonly string[]
  readonly mutations: { readonly sent: number; readonly failed: number }
  readonly p99BeforeMs: number
  readonly p99Ms: number
  readonly slowestMs: number
  /** Until the last instance's breaker was open; null when none opened. */
  readonly breakerOpenAfterMs: number | null
  readonly breakerOpenings: number
  /** After the promotion, or else the end of the fault, until no read went around the cache for a second. */
  readonly hitsAfterMs: number
  readonly connections: number
  readonly memoryMb: readonly [before: number, after: number]
  readonly notes: readonly string[]
  readonly phases: readonly PhaseFigures[]
}

export interface StageOptions {
  readonly environment: Environment
  readonly random: Random
  readonly users: readonly { readonly bearer: string }[]
  readonly admin: string
  readonly perSecond: number
  readonly holdMs: number
}

const STEADY_MS = 1000
const CALM_MS = 2000
const RECOVERY_MS = 5000

type Stopping = (() => Promise<unknown>)[]

/** Whatever was started for a row ends with it, also when it cannot be staged: the next must meet none of it. */
export async function stage(row: Row, options: StageOptions): Promise<Outcome> {
  const stopping: Stopping = []
  try {
    return await staged(row, options, stopping)
  } finally {
    for (const stop of stopping) await stop()
  }
}

async function staged(row: Row, options: StageOptions, stopping: Stopping): Promise<Outcome> {
  const { environment, random } = options
  const { stack, fleet } = environment
  await environment.restore()
  await row.prepare?.(environment)
  await fleet.ensure({ parts: [], ownParts: {}, env: row.env ?? {} })
  const samples: Sample[] = []
  const notes: string[] = []
  let headers = row.headers ?? {}
  const load = startLoad(row, options, {
    headers: () => headers,
    onSample: (sample) => samples.push(sample),
  })
  stopping.push(load.stop)
  await sleep(CALM_MS)
  const began = samples.length
  samples.splice(0)
  await sleep(CALM_MS)
  const before = samples.splice(0)
  const phases: Phase[] = []
  const now = (name: string): Phase => ({ name, fromMs: load.nowMs(), processorMs: processorMs(environment) })
  const phase = (name: string) => void phases.push(now(name))
  const send = (others: Readonly<Record<string, string>>) => {
    headers = others
  }
  const watch = startWatch(environment)
  const mutations = startMutations(environment, options.admin)
  stopping.push(watch.stop, mutations.stop)
  const over = () => {
    overMs ??= load.nowMs()
  }
  const holdMs = row.holdMs ?? options.holdMs
  const note = (text: string) => void notes.push(text)
  const context = { environment, random, holdMs, mark: () => {}, over, phase, send, note }
  let overMs: number | null = null
  await row.before?.(context)
  const former = await stack.master()
  const faultAtMs = Date.now()
  const faultMs = load.nowMs()
  phase('fault')
  let running = true
  stopping.push(async () => {
    running = false
  })
  const promotion = (async () => {
    while (running && overMs === null) {
      if ((await stack.master()) !== former) over()
      await sleep(50)
    }
  })()
  await row.run(context)
  over()
  phase('after')
  running = false
  await promotion
  await environment.restore()
  await sleep(RECOVERY_MS)
  const end = now('end')
  await mutations.stop()
  await load.stop()
  await watch.stop()
  const during = samples.filter(({ endedMs }) => endedMs >= faultMs)
  if (began === 0 || during.length === 0) throw new Error('nobody was answered')
  const failing = during.filter(hasFailed)
  const openings = breakerOpenings(environment, faultAtMs)
  const firsts = openings.flatMap(([first]) => (first === undefined ? [] : [first - faultAtMs]))
  const memory = watch.memory()
  const figures = figuresByPhase(samples, phases, end).filter(({ reads }) => reads > 0)
  const comparison = row.comparison?.(figures)
  if (comparison) notes.push(comparison)
  return {
    row,
    reads: during.length,
    failed: failing.length,
    broken:
      row.clientsMayNotice === 'nothing' ? failing.length : failing.filter(({ outcome }) => outcome !== 503).length,
    failures: failuresOf(during),
    mutations: mutations.counts,
    p99BeforeMs: percentileOf(before, 0.99) ?? 0,
    p99Ms: percentileOf(during, 0.99) ?? 0,
    slowestMs: percentileOf(during, 1) ?? 0,
    breakerOpenAfterMs: firsts.length === 0 ? null : Math.max(...firsts),
    breakerOpenings: openings.flat().length,
    hitsAfterMs: hitsAgainAfterMs(during, overMs ?? 0),
    connections: watch.connections(),
    memoryMb: [megabytes(memory[0] ?? 0), megabytes(memory.at(-1) ?? 0)],
    notes,
    phases: figures,
  }
}

/** @returns how long after `fromMs` a second begins in which every read was answered from the cache */
function hitsAgainAfterMs(samples: readonly Sample[], fromMs: number): number {
  let againMs = fromMs
  for (const { source, endedMs } of samples) {
    if (source !== 'bypass' || endedMs < fromMs) continue
    if (endedMs - againMs > STEADY_MS) break
    againMs = endedMs
  }
  return againMs - fromMs
}

const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20)

/** Each request goes to the next instance that a load balancer would send it to, for the next user. */
function startLoad(
  row: Row,
  { environment, users, perSecond }: StageOptions,
  { headers, onSample }: { headers: () => Row['headers']; onSample: (sample: Sample) => void },
) {
  const { fleet } = environment
  let turn = 0
  return startReadLoad({
    target() {
      const serving = fleet.ports.filter((_, instance) => fleet.isServing(instance))
      const port = serving[turn % serving.length] ?? fleet.ports[0]
      const user = users[Math.floor(turn++ / 3) % users.length]
      return {
        url: `http://127.0.0.1:${port}/resources`,
        headers: { authorization: `Bearer ${user?.bearer}`, ...headers() },
      }
    },
    perSecond: row.perSecond ?? perSecond,
    onSample,
  })
}

const MUTATION_EVERY_MS = 250

/** Display names of users of their own, so that what is read stays as it is. */
function startMutations({ fleet }: Environment, admin: string) {
  const counts = { sent: 0, failed: 0 }
  let stopped = false
  const mutating = (async () => {
    while (!stopped) {
      const instance = fleet.ports.findIndex((_, each) => fleet.isServing(each))
      const response = await fetch(`http://127.0.0.1:${fleet.ports[instance]}/users/outage.${counts.sent % 10}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
        body: JSON.stringify({ displayName: `number ${counts.sent++}` }),
      }).catch(() => null)
      await response?.text().catch(() => '')
      if (!response?.ok) counts.failed++
      await sleep(MUTATION_EVERY_MS)
    }
  })()
  return {
    counts,
    async stop() {
      stopped = true
      await mutating
    },
  }
}
