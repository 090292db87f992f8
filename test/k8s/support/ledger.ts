/** What must not be lost: the last confirmed value, as long as a node that holds it lives on undisturbed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { askRedis, setAndWait } from './ask.ts'
import type { Cluster } from './cluster.ts'
import type { Pod } from './pod.ts'

export interface Ledger {
  /** The value that the next master must hold; 0 when no undisturbed node holds any. */
  readonly floor: number
  /** A fault begins at this pod: from now on it counts as a holder no more. */
  disturb(pod: Pod): void
  /** The fault is over; it may become a holder again. */
  calm(): void
  /** @throws when the pod does not answer: no answer is no value */
  valueAt(pod: Pod): Promise<number>
  stop(): Promise<void>
}

const KEY = 'ledger'
const PERIOD_MS = 300

export function keepLedger(cluster: Cluster): Ledger {
  let running = true
  let floor = 0
  let next = 1
  let holders = new Set<Pod>()
  const disturbed = new Set<Pod>()
  let disturbances = 0

  const valueAt = async (pod: Pod): Promise<number> => Number((await askRedis(pod.address, 'GET', KEY)) ?? 0)

  async function confirm(): Promise<void> {
    const seen = disturbances
    const master = await cluster.serving()
    const value = next++
    const confirmed = await setAndWait(master.address, { key: KEY, value: String(value), replicas: 1 })
    if (confirmed < 1) return
    const values = await Promise.all(cluster.pods.map((pod) => valueAt(pod).catch(() => 0)))
    // A fault that began meanwhile may have hit a node after it answered.
    if (seen !== disturbances) return
    const now = cluster.pods.filter((pod, i) => (values[i] ?? 0) >= value && !disturbed.has(pod))
    if (now.length < 2) return
    floor = value
    holders = new Set(now)
  }

  const loop = (async () => {
    while (running) {
      await confirm().catch(() => {})
      await sleep(PERIOD_MS)
    }
  })()

  return {
    get floor() {
      return floor
    },
    disturb(pod) {
      disturbances++
      disturbed.add(pod)
      holders.delete(pod)
      if (holders.size === 0) floor = 0
    },
    calm() {
      disturbed.clear()
    },
    valueAt,
    async stop() {
      running = false
      await loop
    },
  }
}
