/** Every answer of a recording judged, and what that amounts to. */
import type { Interval } from './history.ts'
import { createJudge, type Judge, type Judgement, type PromiseName } from './judge.ts'
import { type Read, type Recording, saysSick } from './recorder.ts'

/** The bound of P3, in milliseconds. */
export const BOUND_MS = 1000
const EXAMPLES = 5

export interface StaleRead {
  readonly startedMs: number
  readonly staleMs: number
  readonly promise: PromiseName
  readonly broken: boolean
}

export interface Example {
  readonly judgement: Exclude<Judgement, { kind: 'explained' }>
  readonly read: Read
  /** What the user sees since the mutation that was missed. */
  readonly expected: string | null
}

export interface Verdicts {
  readonly judged: number
  readonly brokenBy: Readonly<Record<PromiseName | 'impossible', number>>
  /** Answers older than an acknowledged mutation, within the bound or not. */
  readonly stale: readonly StaleRead[]
  /** Of each mutation that was missing in an answer of an instance, how long after its acknowledgement it last was. */
  readonly missingMs: readonly number[]
  readonly examples: readonly Example[]
}

/** @param redisStaysHealthy whether the fault leaves Redis alone */
export function judgeAll(recording: Recording, { redisStaysHealthy }: { redisStaysHealthy: boolean }): Verdicts {
  const judge = createJudge({ healthy: healthyIntervals(recording, redisStaysHealthy), boundMs: BOUND_MS })
  const brokenBy = { P2: 0, P3: 0, 'P3-token': 0, P4: 0, impossible: 0 }
  const stale: StaleRead[] = []
  const missing = new Map<string, number>()
  const examples: Example[] = []
  let judged = 0
  for (const read of recording.reads) {
    const judgement = judgementOf(read, recording, judge)
    if (judgement === null) continue
    judged++
    if (judgement.kind === 'explained') continue
    if (judgement.kind === 'stale') {
      const { staleMs, promise, broken, missed } = judgement
      const where = `${read.world}:${missed}:${read.instance}`
      stale.push({ startedMs: read.startedMs, staleMs, promise, broken })
      missing.set(where, Math.max(staleMs, missing.get(where) ?? 0))
      if (!broken) continue
    }
    brokenBy[judgement.kind === 'stale' ? judgement.promise : 'impossible']++
    if (examples.length < EXAMPLES) examples.push({ judgement, read, expected: expectedBy(read, recording, judgement) })
  }
  return { judged, brokenBy, stale, missingMs: [...missing.values()], examples }
}

function judgementOf({ answer, world }: Read, { versions }: Recording, judge: Judge): Judgement | null {
  return answer && judge(versions[world] ?? [], answer)
}

function expectedBy({ answer, world }: Read, { versions }: Recording, judgement: Example['judgement']): string | null {
  if (judgement.kind !== 'stale' || !answer) return null
  return versions[world]?.[judgement.missed]?.views.get(answer.user) ?? null
}

/**
 * From each `healthy` mark to the `fault` mark or the end, or throughout where the fault leaves Redis alone; without the
 * times of answers that say otherwise.
 */
function healthyIntervals({ marks, reads }: Recording, throughout: boolean): Interval[] {
  const ends = throughout ? ['end'] : ['fault', 'end']
  const calm = marks.flatMap(({ name, atMs: fromMs }, index): Interval[] => {
    if (name !== 'healthy') return []
    const end = marks.slice(index + 1).find((mark) => ends.includes(mark.name))
    return [{ fromMs, toMs: end?.atMs ?? Number.POSITIVE_INFINITY }]
  })
  const sick = reads.filter(saysSick).sort((one, other) => one.startedMs - other.startedMs)
  return calm.flatMap((interval) => without(interval, sick))
}

function without({ fromMs, toMs }: Interval, sick: readonly Pick<Read, 'startedMs' | 'endedMs'>[]): Interval[] {
  const left: Interval[] = []
  let healthySinceMs = fromMs
  for (const { startedMs, endedMs } of sick) {
    if (startedMs >= toMs) break
    if (startedMs > healthySinceMs) left.push({ fromMs: healthySinceMs, toMs: startedMs })
    healthySinceMs = Math.max(healthySinceMs, endedMs)
  }
  return healthySinceMs < toMs ? [...left, { fromMs: healthySinceMs, toMs }] : left
}
