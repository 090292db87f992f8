/** A random sequence of faults, the same for the same seed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import type { Ledger } from './ledger.ts'
import type { Place } from './network.ts'
import type { Pod } from './pod.ts'

/** mulberry32: small, and the same everywhere. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const FAULTS = ['kill-redis', 'kill-sentinel', 'delete', 'force-delete', 'wipe', 'stop', 'partition'] as const
type Fault = (typeof FAULTS)[number]

export interface Step {
  readonly fault: Fault
  readonly ordinal: number
  readonly lastsMs: number
  readonly thenMs: number
}

export function drawSequence(seed: number): Step[] {
  const random = createRandom(seed)
  const between = (min: number, max: number): number => Math.round(min + random() * (max - min))
  const steps = Array.from({ length: between(2, 5) }, () => ({
    fault: FAULTS[between(0, FAULTS.length - 1)] as Fault,
    ordinal: between(0, 2),
    lastsMs: between(100, 8_000),
    thenMs: between(0, 2_500),
  }))
  // One lost volume is a fault, two at once are a lost cluster: only the first wipe of a sequence is one.
  const firstWipe = steps.findIndex(({ fault }) => fault === 'wipe')
  return steps.map((step, i) => (step.fault === 'wipe' && i !== firstWipe ? { ...step, fault: 'force-delete' } : step))
}

async function inflict(step: Step, cluster: Cluster): Promise<void> {
  const pod = cluster.pods[step.ordinal] as Pod
  const place = step.ordinal as Place
  switch (step.fault) {
    case 'kill-redis':
      return pod.redis.kill()
    case 'kill-sentinel':
      return pod.sentinel.kill()
    case 'delete':
      await pod.deleteGracefully()
      return pod.start()
    case 'force-delete':
      await pod.deleteForcibly()
      await sleep(step.lastsMs)
      return pod.start()
    case 'wipe':
      await pod.deleteForcibly()
      pod.wipeVolume()
      return pod.start()
    case 'stop':
      pod.redis.pause()
      await sleep(step.lastsMs)
      return pod.redis.resume()
    case 'partition':
      cluster.partition([place])
      await sleep(step.lastsMs)
      return cluster.heal()
    default:
      return step.fault satisfies never
  }
}

async function judged(step: Step, cluster: Cluster, ledger: Ledger): Promise<void> {
  const pod = cluster.pods[step.ordinal] as Pod
  if (step.fault === 'kill-sentinel') return inflict(step, cluster)
  ledger.disturb(pod)
  await inflict(step, cluster)
  ledger.calm(pod)
}

/** Runs the steps so that they overlap: each begins `thenMs` after the one before it began. Ends with every fault over. */
export async function runSequence(steps: readonly Step[], cluster: Cluster, ledger: Ledger): Promise<void> {
  const busy = new Map<number, Promise<void>>()
  for (const step of steps) {
    // One fault a pod at a time; another pod's may overlap.
    const before = busy.get(step.ordinal) ?? Promise.resolve()
    busy.set(
      step.ordinal,
      before.then(() => judged(step, cluster, ledger)),
    )
    await sleep(step.thenMs)
  }
  await Promise.all(busy.values())
  cluster.heal()
}
