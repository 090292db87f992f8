/** What the recording of one fault amounts to, by the promises. */
import type { Fault } from './faults/fault.ts'
import type { HttpFailure } from './http-connection.ts'
import type { Read, Recording } from './recorder.ts'
import { judgeAll, type StaleRead, type Verdicts } from './verdicts.ts'

const INSTANCES = 3
const BUCKET_MS = 250
/** Hits are back once a quarter of a second has this share of what it was before the fault, and stays there. */
const RETURNED_SHARE = 0.5

export interface Summary extends Omit<Verdicts, 'stale' | 'missingMs'> {
  readonly fault: string
  readonly title: string
  /** Answers that break a promise. */
  readonly violations: number
  readonly stale: number
  readonly worstStaleMs: number
  /** Over all mutations and instances: how long after its acknowledgement a mutation was last missing in an answer. */
  readonly visibleAfterP99Ms: number
  readonly mutations: number
  /** By status, or by how the connection failed. */
  readonly failedMutations: Readonly<Record<string, number>>
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
  readonly unanswered: Readonly<Record<HttpFailure, number>>
  /** The share of reads that were not answered with 5xx. */
  readonly availability: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly slowestMs: number
  readonly hitShare: number
  /** From the beginning of the fault until hits were back; null: never. */
  readonly hitsBackAfterMs: number | null
  readonly promisesKept: { readonly P1: boolean; readonly P2: boolean; readonly P3: boolean; readonly P4: boolean }
  readonly timeline: Timeline
}

/** Times in milliseconds since the recording began. */
export interface Timeline {
  readonly bucketMs: number
  readonly marks: readonly { readonly name: string; readonly atMs: number }[]
  readonly buckets: readonly Bucket[]
  readonly stale: readonly StaleRead[]
}

interface Bucket {
  readonly hit: number
  readonly miss: number
  readonly bypass: number
  readonly failed: number
}

export function summarise(fault: Fault, recording: Recording): Summary {
  const { stale, missingMs, ...verdicts } = judgeAll(recording, { redisStaysHealthy: fault.redisStaysHealthy === true })
  const { brokenBy } = verdicts
  const mutations = recording.versions.reduce((sum, versions) => sum + versions.length - 1, 0)
  const timeline = timelineOf(recording, stale)
  return {
    fault: fault.name,
    title: fault.title,
    ...verdicts,
    violations: Object.values(brokenBy).reduce((sum, count) => sum + count, 0),
    stale: stale.length,
    ...visibility(missingMs, mutations * INSTANCES),
    mutations,
    failedMutations: failuresOf(recording),
    ...service(recording),
    hitsBackAfterMs: hitsBackAfterMs(timeline),
    promisesKept: {
      P1: availabilityKept(fault, measured(recording)),
      P2: brokenBy.P2 === 0 && brokenBy.impossible === 0,
      P3: brokenBy.P3 === 0 && brokenBy['P3-token'] === 0,
      P4: brokenBy.P4 === 0,
    },
    timeline,
  }
}

/** Most mutations are missing nowhere from the moment they are acknowledged: those count as 0. */
function visibility(missingMs: readonly number[], all: number) {
  const atOnce = Array<number>(Math.max(0, all - missingMs.length)).fill(0)
  const sorted = [...atOnce, ...missingMs].sort((a, b) => a - b)
  return { worstStaleMs: sorted.at(-1) ?? 0, visibleAfterP99Ms: percentile(sorted, 0.99) }
}

/** Reads while empty caches fill for the first time are judged, but say nothing about faults. */
function measured({ reads, marks }: Recording): readonly Read[] {
  const fromMs = marks[0]?.atMs ?? 0
  return reads.filter(({ startedMs }) => startedMs >= fromMs)
}

function service(recording: Recording) {
  const startMs = startOf(recording)
  const reads = measured(recording)
  const count = (outcome: Read['outcome']) => reads.filter((read) => read.outcome === outcome).length
  const latencies = reads.map(({ startedMs, endedMs }) => endedMs - startedMs).sort((a, b) => a - b)
  const serverErrors = reads.filter(({ status }) => status >= 500).length
  return {
    reads: reads.length,
    serverErrors,
    errors: reads
      .filter(({ outcome }) => outcome === 'error')
      .map(({ startedMs, endedMs, instance, detail }) => ({
        atMs: startedMs - startMs,
        instance,
        tookMs: endedMs - startedMs,
        type: detail ?? '',
      })),
    unanswered: { refused: count('refused'), cut: count('cut'), silent: count('silent') },
    availability: 1 - serverErrors / Math.max(1, reads.length),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    slowestMs: latencies.at(-1) ?? 0,
    hitShare: count('hit') / Math.max(1, reads.length),
  }
}

function failuresOf({ attempts }: Recording): Record<string, number> {
  const failed = attempts.filter(({ outcome }) => typeof outcome === 'string' || outcome >= 500)
  const byKind = Map.groupBy(failed, ({ outcome }) => String(outcome))
  return Object.fromEntries([...byKind].map(([kind, all]) => [kind, all.length]))
}

/** Redis may do what it likes: no read fails. Where instances end, their own connections end with them, and no more. */
function availabilityKept({ clientsMayNotice }: Fault, reads: readonly Read[]): boolean {
  if (clientsMayNotice === 'database-away') return true
  const mayBreak = clientsMayNotice === 'instances-ending'
  return reads.every(({ status, outcome }) => (status === 0 ? mayBreak && outcome !== 'silent' : status < 500))
}

function timelineOf(recording: Recording, stale: readonly StaleRead[]): Timeline {
  const startMs = startOf(recording)
  return {
    bucketMs: BUCKET_MS,
    marks: recording.marks.map(({ name, atMs }) => ({ name, atMs: atMs - startMs })),
    buckets: bucketsOf(recording.reads, startMs),
    stale: stale.map((read) => ({ ...read, startedMs: read.startedMs - startMs })),
  }
}

function startOf({ reads }: Recording): number {
  return reads.reduce((first, { startedMs }) => Math.min(first, startedMs), Number.POSITIVE_INFINITY)
}

function bucketsOf(reads: readonly Read[], startMs: number): Bucket[] {
  const buckets: { hit: number; miss: number; bypass: number; failed: number }[] = []
  for (const { startedMs, outcome } of reads) {
    const place = Math.floor((startedMs - startMs) / BUCKET_MS)
    while (buckets.length <= place) buckets.push({ hit: 0, miss: 0, bypass: 0, failed: 0 })
    const bucket = buckets[place]
    if (bucket) bucket[outcome === 'hit' || outcome === 'miss' || outcome === 'bypass' ? outcome : 'failed']++
  }
  return buckets
}

function hitsBackAfterMs({ marks, buckets }: Timeline): number | null {
  const at = (name: string) => marks.find((mark) => mark.name === name)?.atMs ?? 0
  const place = (atMs: number) => Math.floor(atMs / BUCKET_MS)
  const share = ({ hit, miss, bypass }: Bucket) => hit / Math.max(1, hit + miss + bypass)
  const before = buckets.slice(place(at('healthy')) + 1, place(at('fault'))).map(share)
  const usual = before.reduce((sum, each) => sum + each, 0) / Math.max(1, before.length)
  const from = place(at('fault'))
  // What comes after the end of the writers is no load any more.
  const during = buckets.slice(from, place(at('end')))
  const low = during.findLastIndex((bucket) => share(bucket) < RETURNED_SHARE * usual)
  if (low < 0) return 0
  if (low === during.length - 1) return null
  return Math.max(0, (from + low + 1) * BUCKET_MS - at('fault'))
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
