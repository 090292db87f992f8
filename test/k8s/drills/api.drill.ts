/** The service attached under load while its Redis is broken in every way that the rows name: nobody may notice. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startApi } from '../support/api.ts'
import { loadApi } from '../support/api-load.ts'
import { beginDrill, type Drill } from '../support/drill.ts'
import { skipReason } from '../support/live.ts'

const SUBNET = 24
const PORTS = { postgres: 24_432, api: 24_300 }

/** What is broken, and mended again, while the API is read. */
const FAULTS: readonly [string, (drill: Drill) => Promise<void>][] = [
  [
    'graceful delete of the master pod',
    async ({ master }) => {
      await master.deleteGracefully()
      master.start()
    },
  ],
  [
    'force delete of the master',
    async ({ master }) => {
      await master.deleteForcibly()
      await sleep(12_000)
      master.start()
    },
  ],
  ['kill -9 of the redis container', async ({ master }) => master.redis.kill()],
  [
    'both replicas killed',
    async ({ replicas }) => {
      await Promise.all(replicas.map((pod) => pod.deleteForcibly()))
      await sleep(12_000)
      for (const pod of replicas) pod.start()
    },
  ],
  [
    'master and one replica down',
    async ({ master, replicas }) => {
      await Promise.all([master, replicas[1]].map((pod) => pod.deleteForcibly()))
      await sleep(12_000)
      for (const pod of [master, replicas[1]]) pod.start()
    },
  ],
  [
    'all three killed',
    async ({ cluster }) => {
      await Promise.all(cluster.pods.map((pod) => pod.deleteForcibly()))
      await sleep(3_000)
      cluster.start()
    },
  ],
  [
    'master partitioned from its peers, the API on its side',
    async ({ cluster, master }) => {
      cluster.partition([master.ordinal as 0 | 1 | 2, 'client'])
      await sleep(20_000)
      cluster.heal()
    },
  ],
  [
    'SIGSTOP of the master for 20 s',
    async ({ master }) => {
      master.redis.pause()
      await sleep(20_000)
      master.redis.resume()
    },
  ],
]

describe.skipIf(skipReason)('the API under load', () => {
  test.each(FAULTS)('%s: no failed read, no revoked permission, no restart', async (row, fault) => {
    const drill = await beginDrill({ subnet: SUBNET })
    const api = await startApi(drill.cluster, PORTS)
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail') console.error(api.log().slice(-4_000))
      await api.stop()
    })
    const load = await loadApi(api)
    await sleep(1_000)
    await fault(drill)
    const { tookMs } = await drill.recovered()
    await sleep(3_000)
    await load.stop()
    expect(load.failures).toEqual([])
    expect([load.staleWithToken, load.stalePastBound]).toEqual([0, 0])
    expect(load.mutationFailures).toEqual([])
    expect(load.revocations).toBeGreaterThan(0)
    expect(api.running).toBe(true)
    drill.report(`API: ${row}`, {
      reads: load.reads,
      failed: 0,
      'slowest read': `${load.slowestMs} ms`,
      revocations: load.revocations,
      'stale answers': 0,
      'whole again after': `${(tookMs / 1000).toFixed(1)} s`,
    })
  })
})
