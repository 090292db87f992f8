/** Random sequences of faults, each on a cluster of its own, several at once, judged by the three invariants. */
import { type ClusterOptions, createCluster, eventually } from './cluster.ts'
import { keepLedger } from './ledger.ts'
import { observe } from './observer.ts'
import { drawSequence, runSequence, type Step } from './sequence.ts'

export interface Verdict {
  readonly network: string
  /** Until a master accepts writes again, from the moment that every fault is over. */
  readonly servingMs: number
  /** Until both replicas and all three Sentinels are back too. */
  readonly wholeMs: number
  readonly twoMastersMs: number
  /** Whether a live node held a confirmed value to the end, so that there was something to lose. */
  readonly heldAlive: boolean
  readonly violations: readonly string[]
  /** The pods' logs, where something was violated. */
  readonly evidence: string
}

export interface LaneResult extends Verdict {
  readonly seed: number
  readonly steps: readonly Step[]
}

/** The set-up is no part of the verdict: a busy machine may take its time over it. */
const BOUND_MS = { setUp: 90_000, twoMasters: 10_000, serving: 30_000, whole: 90_000 }

/** Waits, and notes what did not come true in time instead of throwing. */
function createJudge(violations: string[]) {
  return async (what: string, fact: () => Promise<unknown> | unknown, boundMs: number): Promise<number> => {
    try {
      return (await eventually(fact, boundMs)).tookMs
    } catch (error) {
      violations.push(`${what}: ${(error as Error).message}`)
      return boundMs
    }
  }
}

/** Runs one sequence on a cluster of its own. */
export async function runSteps(steps: readonly Step[], options: ClusterOptions): Promise<Verdict> {
  const cluster = await createCluster(options)
  const observer = observe(cluster)
  const ledger = keepLedger(cluster)
  const violations: string[] = []
  const within = createJudge(violations)
  try {
    cluster.start()
    await within('set-up', cluster.healthy, BOUND_MS.setUp)
    await within('first value', () => ledger.floor > 0, BOUND_MS.setUp)
    await within('settled', cluster.settled, BOUND_MS.setUp)
    await runSequence(steps, cluster, ledger)
    const heldAlive = ledger.floor > 0
    const servingMs = await within('recovery', cluster.serving, BOUND_MS.serving)
    const wholeMs = servingMs + (await within('whole again', cluster.healthy, BOUND_MS.whole))
    await ledger.stop()
    violations.push(...ledger.lost.map((what) => `rollback: ${what}`))
    const { twoMastersMs } = observer
    if (twoMastersMs > BOUND_MS.twoMasters) violations.push(`two masters for ${twoMastersMs} ms`)
    const evidence = violations.length > 0 ? cluster.pods.map((pod) => `--- ${pod.name}\n${pod.log()}`).join('\n') : ''
    return { network: cluster.network, servingMs, wholeMs, twoMastersMs, heldAlive, violations, evidence }
  } finally {
    await ledger.stop()
    await observer.stop()
    await cluster.destroy()
  }
}

/** @returns what each seed showed, in order; several lanes share the seeds, each with a subnet of its own */
export async function runSeeds(input: {
  readonly seeds: readonly number[]
  readonly subnets: readonly number[]
  readonly progress?: (result: LaneResult, done: number) => void
}): Promise<LaneResult[]> {
  const waiting = [...input.seeds]
  const results: LaneResult[] = []
  await Promise.all(
    input.subnets.map(async (subnet) => {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        const steps = drawSequence(seed)
        const result = { seed, steps, ...(await runSteps(steps, { subnet })) }
        if (result.violations.length > 0) console.error(`seed ${seed}: ${JSON.stringify(steps)}\n${result.evidence}`)
        results.push(result)
        input.progress?.(result, results.length)
      }
    }),
  )
  return results
}
