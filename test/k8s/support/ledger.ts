/** What must not be lost: the last confirmed entry, as long as a node that holds it lives on undisturbed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { askRedis, setAndWait } from './ask.ts'
import type { Cluster } from './cluster.ts'
import type { Pod } from './pod.ts'

export interface Ledger {
  /** The entry that every master must hold; 0 when no undisturbed node holds any. */
  readonly floor: number
  /** Entries that a serving master had lost although a live node held them: rollbacks. */
  readonly lost: readonly string[]
  /** A fault begins at this pod: from now on it counts as a holder no more. */
  disturb(pod: Pod): void
  /** Its fault is over: once it shows a confirmed entry again, it counts. */
  calm(pod: Pod): void
  /** Looks once more, and then no longer. */
  stop(): Promise<void>
}

// Each entry has a key of its own: a later one must not cover up that an earlier one is gone.
const keyOf = (entry: number): string => `ledger:${entry}`
const PERIOD_MS = 300

export function keepLedger(cluster: Cluster): Ledger {
  let running = true
  let floor = 0
  let next = 1
  let holders = new Set<Pod>()
  const disturbed = new Set<Pod>()
  let disturbances = 0
  const lost: string[] = []

  const holds = async (pod: Pod, entry: number): Promise<boolean> =>
    (await askRedis(pod.address, 'EXISTS', keyOf(entry))) === 1

  async function look(): Promise<Pod> {
    const [seen, expected] = [disturbances, floor]
    const master = await cluster.serving()
    if (expected === 0 || (await holds(master, expected)) || seen !== disturbances) return master
    lost.push(`${master.name} serves without entry ${expected}, which ${[...holders].map(({ name }) => name)} held`)
    floor = 0
    return master
  }

  async function confirm(): Promise<void> {
    const master = await look()
    const seen = disturbances
    const entry = next++
    const confirmed = await setAndWait(master.address, { key: keyOf(entry), value: '1', replicas: 1 })
    if (confirmed < 1) return
    const held = await Promise.all(cluster.pods.map((pod) => holds(pod, entry).catch(() => false)))
    // A node that hung and comes back while its successor is already promoted still finds replicas to confirm with. That
    // write is lost in the failover: the price of asynchronous replication, and no return to a snapshot.
    const masters = await cluster.masters()
    if (masters.length !== 1 || masters[0] !== master) return
    // A fault that began meanwhile may have hit a node after it answered.
    if (seen !== disturbances) return
    const now = cluster.pods.filter((pod, i) => held[i] && !disturbed.has(pod))
    if (now.length < 2) return
    floor = entry
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
    lost,
    disturb(pod) {
      disturbances++
      disturbed.add(pod)
      holders.delete(pod)
      if (holders.size === 0) floor = 0
    },
    calm(pod) {
      disturbed.delete(pod)
    },
    async stop() {
      running = false
      await loop
      await look().catch(() => {})
    },
  }
}
