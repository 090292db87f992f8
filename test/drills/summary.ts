/** What the recording of one fault amounts to, by the promises. */

import type { Fault } from './faults/fault.ts'
import type { Interval } from './history.ts'
import type { HttpFailure } from './http-connection.ts'
import { createJudge, type Judgement, type PromiseName } from './judge.ts'
import type { Read, Recording } from './recorder.ts'

/** The bound of P3, in milliseconds. */
export const BOUND_MS = 1000
const INSTANCES = 3
const BUCKET_MS = 250
/** Hits are back once a quarter of a second has this share of what it was before the fault, and stays there. */
const RETURNED_SHARE = 0.5
const EXAMPLES = 5

export interface StaleRead {
  readonly atMs: number
  readonly staleMs: number
  readonly promise: PromiseName
  readonly broken: boolean
}

export interface Example {
  readonly atMs: number
  readonly judgement: Exclude<Judgement, { kind: 'explained' }>
  readonly read: Read
  /** The states before and after the one that was missed. */
  readonly expected: string | null
}

export interface Summary {
  readonly fault: string
  readonly title: string
  readonly judged: number
  /** Answers that break a promise. */
  readonly violations: number
  readonly brokenBy: Readonly<Record<PromiseName | 'impossible', number>>
  /** Answers older than an acknowledged mutation at all, within the bound or not. */
  readonly stale: number
  readonly worstStaleMs: number
  /** Over all mutations and instances: how long after its acknowledgement a mutation was last missing in an answer. */
  readonly visibleAfterP99Ms: number
  readonly mutations: number
  readonly reads: number
  /** Answered with a status of class 5xx. */
  readonly serverErrors: number
  /** When and where, by problem type. */
  readonly errors: readonly {
    readonly atMs: number
    readonly instance: number
    readonly tookMs: number
    readonly type: string
  }[]
  /** No answer: the connection was refused, cut, or stayed silent. */
  readonly unanswered: Readonly<Record<HttpFailure, number>>
  readonly availability: number
  /** By status, or by how the connection failed. */
  readonly failedMutations: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p99Ms: number
  readonly slowestMs: number
  readonly hitShare: number
  /** From the moment the fault was over (or began, where the system heals itself) until hits were back; null: never. */
  readonly hitsBackAfterMs: number | null
  readonly promisesKept: { readonly P1: boolean; readonly P2: boolean; readonly P3: boolean; readonly P4: boolean }
  readonly examples: readonly Example[]
  readonly timeline: Timeline
}

/** Times in milliseconds since the recording began. */
export interface Timeline {
  readonly bucketMs: number
  readonly marks: readonly { readonly name: string; readonly atMs: number }[]
  readonly buckets: readonly {
    readonly hit: number
    readonly miss: number
    readonly bypass: number
    readonly failed: number
  }[]
  readonly stale: readonly StaleRead[]
}

export function summarise(fault: Fault, recording: Recording): Summary {
  const { reads, marks } = recording
  const startMs = reads[0]?.startedMs ?? 0
  const judge = createJudge({ healthy: healthyIntervals(recording), boundMs: BOUND_MS })
  const stale: StaleRead[] = []
  const examples: Example[] = []
  const missing = new Map<string, number>()
  const brokenBy = { P2: 0, P3: 0, 'P3-token': 0, P4: 0, impossible: 0 }
  let judged = 0
  for (const read of reads) {
    if (!read.answer) continue
    judged++
    const versions = recording.versions[read.world] ?? []
    const judgement = judge(versions, read.answer)
    if (judgement.kind === 'explained') continue
    if (judgement.kind === 'impossible') brokenBy.impossible++
    else {
      const { staleMs, promise, broken } = judgement
      stale.push({ atMs: read.startedMs - startMs, staleMs, promise, broken })
      const where = `${read.world}:${judgement.missed}:${read.instance}`
      missing.set(where, Math.max(staleMs, missing.get(where) ?? 0))
      if (!broken) continue
      brokenBy[promise]++
    }
    if (examples.length < EXAMPLES) {
      const missed = judgement.kind === 'stale' ? versions[judgement.missed] : undefined
      const expected = missed?.views.get(read.answer.user) ?? null
      examples.push({ atMs: read.startedMs - startMs, judgement, read, expected })
    }
  }
  const serverErrors = reads.filter(({ status }) => status >= 500).length
  const count = (outcome: Read['outcome']) => reads.filter((read) => read.outcome === outcome).length
  const latencies = reads.map(({ startedMs, endedMs }) => endedMs - startedMs).sort((a, b) => a - b)
  const mutations = recording.versions.reduce((sum, versions) => sum + versions.length - 1, 0)
  const atOnce = Array<number>(Math.max(0, mutations * INSTANCES - missing.size)).fill(0)
  const buckets = bucketsOf(reads, startMs)
  return {
    fault: fault.name,
    title: fault.title,
    judged,
    violations: Object.values(brokenBy).reduce((sum, count) => sum + count, 0),
    brokenBy,
    stale: stale.length,
    worstStaleMs: Math.max(0, ...missing.values()),
    visibleAfterP99Ms: percentile([...atOnce, ...[...missing.values()].sort((a, b) => a - b)], 0.99),
    mutations,
    reads: reads.length,
    serverErrors,
    errors: reads.flatMap(({ outcome, startedMs, endedMs, instance, detail }) =>
      outcome === 'error'
        ? [{ atMs: startedMs - startMs, instance, tookMs: endedMs - startedMs, type: detail ?? '' }]
        : [],
    ),
    unanswered: { refused: count('refused'), cut: count('cut'), silent: count('silent') },
    availability: reads.length === 0 ? 0 : 1 - serverErrors / reads.length,
    failedMutations: failuresOf(recording),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    slowestMs: latencies.at(-1) ?? 0,
    hitShare: count('hit') / Math.max(1, reads.length),
    hitsBackAfterMs: hitsBackAfterMs(recording, buckets, startMs),
    promisesKept: {
      P1: availabilityKept(fault, reads),
      P2: brokenBy.P2 === 0 && brokenBy.impossible === 0,
      P3: brokenBy.P3 === 0 && brokenBy['P3-token'] === 0,
      P4: brokenBy.P4 === 0,
    },
    examples,
    timeline: {
      bucketMs: BUCKET_MS,
      marks: marks.map(({ name, atMs }) => ({ name, atMs: atMs - startMs })),
      buckets,
      stale,
    },
  }
}

function failuresOf({ attempts }: Recording): Record<string, number> {
  const failed = attempts.filter(({ outcome }) => typeof outcome === 'string' || outcome >= 500)
  return Object.fromEntries(
    Map.groupBy(failed, ({ outcome }) => String(outcome))
      .entries()
      .map(([how, all]) => [how, all.length]),
  )
}

/** From each `healthy` mark to the `fault` mark or the end. */
function healthyIntervals({ marks }: Recording): Interval[] {
  return marks.flatMap(({ name, atMs: fromMs }, index) => {
    if (name !== 'healthy') return []
    const next = marks.slice(index + 1).find((mark) => mark.name === 'fault' || mark.name === 'end')
    return [{ fromMs, toMs: next?.atMs ?? Number.POSITIVE_INFINITY }]
  })
}

/** Redis may do what it likes: no read fails. Where instances end, their own connections end with them, and no more. */
function availabilityKept({ clientsMayNotice }: Fault, reads: readonly Read[]): boolean {
  if (clientsMayNotice === 'database-away') return true
  return reads.every(({ status, outcome }) =>
    status !== 0 ? status < 500 : clientsMayNotice === 'instances-ending' && outcome !== 'silent',
  )
}

function bucketsOf(reads: readonly Read[], startMs: number): Timeline['buckets'] {
  const buckets: { hit: number; miss: number; bypass: number; failed: number }[] = []
  for (const { startedMs, outcome } of reads) {
    const place = Math.max(0, Math.floor((startedMs - startMs) / BUCKET_MS))
    while (buckets.length <= place) buckets.push({ hit: 0, miss: 0, bypass: 0, failed: 0 })
    const bucket = buckets[place]
    if (bucket) bucket[outcome === 'hit' || outcome === 'miss' || outcome === 'bypass' ? outcome : 'failed']++
  }
  return buckets
}

function hitsBackAfterMs({ marks }: Recording, buckets: Timeline['buckets'], startMs: number): number | null {
  const at = (name: string) => (marks.find((mark) => mark.name === name)?.atMs ?? startMs) - startMs
  const share = ({ hit, miss, bypass }: Timeline['buckets'][number]) => hit / Math.max(1, hit + miss + bypass)
  const before = buckets.slice(Math.ceil(at('healthy') / BUCKET_MS), Math.floor(at('fault') / BUCKET_MS)).map(share)
  const usual = before.reduce((sum, each) => sum + each, 0) / Math.max(1, before.length)
  const from = Math.floor(at('fault') / BUCKET_MS)
  // What comes after the end of the writers is no load any more.
  const during = buckets.slice(from, Math.floor(at('end') / BUCKET_MS))
  const low = during.findLastIndex((bucket) => share(bucket) < RETURNED_SHARE * usual)
  if (low < 0) return 0
  if (low === during.length - 1) return null
  return Math.max(0, (from + low + 1) * BUCKET_MS - at('fault'))
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
