/**
 * Decides from the recorded history alone whether a committed state explains an answer: one that was not yet replaced
 * by a state acknowledged before the read began, and whose mutation had been sent before the read ended. The whole
 * answer must fit one state, so a mixture of two states (the New Enemy) is explained by none.
 */
import type { Answer, Interval, Version } from './history.ts'

/**
 * Which promise an unexplained answer is measured by: `P3-token`, the reader presented the token of what is missing;
 * `P4`, the very process that acknowledged the mutation answered without it; `P2`, Redis was healthy from the mutation
 * to the read; `P3`, anything else, and whatever was changed behind the API (P11 has the same bound).
 */
export type PromiseName = 'P2' | 'P3' | 'P3-token' | 'P4'

export type Judgement =
  | { readonly kind: 'explained' }
  /** Right once, but replaced by an acknowledged state `staleMs` before the read began. */
  | {
      readonly kind: 'stale'
      readonly staleMs: number
      readonly missed: number
      readonly promise: PromiseName
      readonly broken: boolean
    }
  /** No state that was ever begun when the read ended looks like this. */
  | { readonly kind: 'impossible' }

export interface JudgeOptions {
  /** When Redis was healthy for all instances. */
  readonly healthy: readonly Interval[]
  /** How long P3 allows a revoked permission to be served, in milliseconds. */
  readonly boundMs: number
}

export type Judge = (versions: readonly Version[], answer: Answer) => Judgement

export function createJudge({ healthy, boundMs }: JudgeOptions): Judge {
  function promiseFor(missed: number, version: Version, answer: Answer): PromiseName {
    if (answer.tokenVersion !== null && missed <= answer.tokenVersion) return 'P3-token'
    if (version.ackedBy === answer.process) return 'P4'
    if (version.outside) return 'P3'
    const whole = ({ fromMs, toMs }: Interval) => fromMs <= version.startedMs && answer.endedMs <= toMs
    return healthy.some(whole) ? 'P2' : 'P3'
  }

  return (versions, answer) => {
    const newest = lastIndexBefore(versions, answer.endedMs, ({ startedMs }) => startedMs)
    const acknowledged = lastIndexBefore(versions, answer.startedMs, ({ ackedMs }) => ackedMs)
    const shown = lastMatch(versions, answer, newest)
    if (shown === null) return { kind: 'impossible' }
    if (shown >= acknowledged) return { kind: 'explained' }
    const missed = shown + 1
    const version = versions[missed]
    if (!version) throw new Error('a state older than an acknowledged one has a successor')
    const staleMs = answer.startedMs - version.ackedMs
    const promise = promiseFor(missed, version, answer)
    return { kind: 'stale', staleMs, missed, promise, broken: promise !== 'P3' || staleMs > boundMs }
  }
}

/** The newest state that looks like the answer, among those begun by `from`. */
function lastMatch(versions: readonly Version[], { user, view }: Answer, from: number): number | null {
  for (let index = from; index >= 0; index--) if (versions[index]?.views.get(user) === view) return index
  return null
}

/** The last version whose time is before `ms`; times grow with the index, because the writer is sequential. */
function lastIndexBefore(versions: readonly Version[], ms: number, timeOf: (version: Version) => number): number {
  let low = 0
  let high = versions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (timeOf(versions[middle] as Version) < ms) low = middle + 1
    else high = middle
  }
  return low - 1
}
