/** Random sequences one after the other on one cluster, with the three invariants after each. */
import { createCluster, eventually } from './cluster.ts'
import { keepLedger } from './ledger.ts'
import { observe } from './observer.ts'
import { drawSequence, runSequence } from './sequence.ts'

export interface LaneResult {
  readonly seed: number
  /** Until a master accepts writes again, from the moment that every fault is over. */
  readonly servingMs: number
  /** Until both replicas and all three Sentinels are back too. */
  readonly wholeMs: number
  readonly twoMastersMs: number
  readonly violations: readonly string[]
}

/** The set-up is no part of the verdict: a busy machine may take its time over it. */
const BOUND_MS = { setUp: 90_000, twoMasters: 10_000, serving: 30_000, whole: 90_000 }

async function runSeed(seed: number, subnet: number): Promise<LaneResult> {
  const cluster = await createCluster({ subnet })
  const observer = observe(cluster)
  const ledger = keepLedger(cluster)
  const violations: string[] = []
  const steps = drawSequence(seed)
  const waitFor = async (what: string, fact: () => Promise<unknown>, boundMs: number): Promise<number> => {
    try {
      return (await eventually(fact, boundMs)).tookMs
    } catch (error) {
      violations.push(`${what}: ${(error as Error).message}`)
      return boundMs
    }
  }
  try {
    cluster.start()
    await eventually(cluster.healthy, BOUND_MS.setUp)
    await eventually(() => ledger.floor > 0, BOUND_MS.setUp)
    await eventually(cluster.settled, BOUND_MS.setUp)
    await runSequence(steps, cluster, ledger)
    const floor = ledger.floor
    const servingMs = await waitFor('recovery', cluster.serving, BOUND_MS.serving)
    const wholeMs = await waitFor('whole again', cluster.healthy, BOUND_MS.whole)
    const { value } = await eventually(async () => ledger.valueAt(await cluster.serving()), BOUND_MS.setUp)
    if (value < floor) violations.push(`rollback: ${value} is older than ${floor}, which a live node held`)
    if (observer.twoMastersMs > BOUND_MS.twoMasters) violations.push(`two masters for ${observer.twoMastersMs} ms`)
    return { seed, servingMs, wholeMs: servingMs + wholeMs, twoMastersMs: observer.twoMastersMs, violations }
  } finally {
    await ledger.stop()
    await observer.stop()
    if (violations.length > 0) {
      console.error(`seed ${seed}: ${violations.join('; ')}\n${JSON.stringify(steps)}`)
      for (const pod of cluster.pods) console.error(`--- ${pod.name}\n${pod.log()}`)
    }
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
        const result = await runSeed(seed, subnet)
        results.push(result)
        input.progress?.(result, results.length)
      }
    }),
  )
  return results
}
