/** Random sequences of faults, each on a cluster of its own, several at once, judged by the three invariants. */
import { startApi } from './api.ts'
import { type ApiLoad, loadApi } from './api-load.ts'
import { type Cluster, type ClusterOptions, createCluster, eventually } from './cluster.ts'
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
  /** Of the service beside the pods; 0 without it. */
  readonly reads: number
  readonly slowestReadMs: number
  readonly violations: readonly string[]
  /** The pods' logs, where something was violated. */
  readonly evidence: string
}

export interface LaneResult extends Verdict {
  readonly seed: number
  readonly steps: readonly Step[]
}

/** For each of a few readers: several lanes share the machine. */
const READ_EVERY_MS = 100

interface LaneOptions extends ClusterOptions {
  /** Whether the service runs beside the pods and is read and changed all the time. */
  readonly served?: boolean
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

/** Faults of Redis that its callers noticed. */
function noticed(load: ApiLoad): string[] {
  return [
    ...load.failures.map((what) => `read: ${what}`),
    ...load.mutationFailures.map((what) => `change: ${what}`),
    ...(load.staleWithToken + load.stalePastBound > 0 ? ['a revoked permission was shown'] : []),
  ]
}

interface Service {
  readonly load: ApiLoad
  /** @returns what callers noticed */
  judge(): Promise<string[]>
  stop(): Promise<void>
}

async function readService(cluster: Cluster, subnet: number): Promise<Service> {
  const base = 20_000 + 10 * subnet
  const api = await startApi(cluster, { postgres: base, api: base + 1 })
  const load = await loadApi(api, READ_EVERY_MS)
  return {
    load,
    async judge() {
      await load.stop()
      return [...noticed(load), ...(api.running ? [] : ['the service ended'])]
    },
    async stop() {
      await load.stop()
      await api.stop()
    },
  }
}

/** Runs one sequence on a cluster of its own, with the service beside it where `served`. */
export async function runSteps(steps: readonly Step[], options: LaneOptions): Promise<Verdict> {
  const cluster = await createCluster(options)
  const observer = observe(cluster)
  const ledger = keepLedger(cluster)
  const violations: string[] = []
  const within = createJudge(violations)
  let service: Service | undefined
  try {
    cluster.start()
    await within('set-up', cluster.healthy, BOUND_MS.setUp)
    await within('first value', () => ledger.floor > 0, BOUND_MS.setUp)
    await within('settled', cluster.settled, BOUND_MS.setUp)
    if (options.served)
      await within(
        'set-up of the service',
        async () => (service = await readService(cluster, options.subnet)),
        BOUND_MS.setUp,
      )
    await runSequence(steps, cluster, ledger)
    const heldAlive = ledger.floor > 0
    const servingMs = await within('recovery', cluster.serving, BOUND_MS.serving)
    const wholeMs = servingMs + (await within('whole again', cluster.healthy, BOUND_MS.whole))
    await ledger.stop()
    violations.push(...ledger.lost.map((what) => `rollback: ${what}`))
    const { twoMastersMs } = observer
    if (twoMastersMs > BOUND_MS.twoMasters) violations.push(`two masters for ${twoMastersMs} ms`)
    if (service) violations.push(...(await service.judge()))
    const { reads, slowestMs: slowestReadMs } = service?.load ?? { reads: 0, slowestMs: 0 }
    const evidence = violations.length > 0 ? cluster.pods.map((pod) => `--- ${pod.name}\n${pod.log()}`).join('\n') : ''
    return {
      network: cluster.network,
      servingMs,
      wholeMs,
      twoMastersMs,
      heldAlive,
      reads,
      slowestReadMs,
      violations,
      evidence,
    }
  } finally {
    await service?.stop()
    await ledger.stop()
    await observer.stop()
    await cluster.destroy()
  }
}

/** @returns what each seed showed, in order; several lanes share the seeds, each with a subnet of its own */
export async function runSeeds(input: {
  readonly seeds: readonly number[]
  readonly subnets: readonly number[]
  readonly served?: boolean
  readonly progress?: (result: LaneResult, done: number) => void
}): Promise<LaneResult[]> {
  const waiting = [...input.seeds]
  const results: LaneResult[] = []
  await Promise.all(
    input.subnets.map(async (subnet) => {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        const steps = drawSequence(seed)
        const result = { seed, steps, ...(await runSteps(steps, { subnet, served: input.served ?? false })) }
        if (result.violations.length > 0) console.error(`seed ${seed}: ${JSON.stringify(steps)}\n${result.evidence}`)
        results.push(result)
        input.progress?.(result, results.length)
      }
    }),
  )
  return results
}
