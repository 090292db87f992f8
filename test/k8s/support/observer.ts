/** Watches what must hold in every drill: two masters that both accept writes, and for how long. */
import { setTimeout as sleep } from 'node:timers/promises'
import { info, writable } from './ask.ts'
import type { Cluster } from './cluster.ts'

export interface Observer {
  /** Longest time that two nodes accepted writes at once, in milliseconds. */
  readonly twoMastersMs: number
  stop(): Promise<void>
}

const PERIOD_MS = 200

export function observe(cluster: Cluster): Observer {
  let running = true
  let since: number | undefined
  let twoMastersMs = 0
  const loop = (async () => {
    while (running) {
      const states = await Promise.all(cluster.pods.map((pod) => info(pod.address)))
      const now = performance.now()
      if (states.filter(writable).length > 1) {
        since ??= now
        twoMastersMs = Math.max(twoMastersMs, Math.round(now - since + PERIOD_MS))
      } else since = undefined
      await sleep(PERIOD_MS)
    }
  })()
  return {
    get twoMastersMs() {
      return twoMastersMs
    },
    async stop() {
      running = false
      await loop
    },
  }
}
