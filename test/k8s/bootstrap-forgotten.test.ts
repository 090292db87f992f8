/** Bootstrap steps 5 and 6: the last live replica is one that no Sentinel would promote by itself. */
import { describe, expect, test } from 'vitest'
import { askRedis, info } from './support/ask.ts'
import { says, sentinelRuns } from './support/bootstrap.ts'
import { eventually, writeConfirmed } from './support/cluster.ts'
import { QUICK, skipReason, withHealthyCluster } from './support/live.ts'

const SUBNET = 30

describe.skipIf(skipReason)('bootstrap', () => {
  test.each([
    ['step 6', 'the master returns', 0],
    ['step 5', 'the other replica returns', 1],
  ] as const)(
    '%s: a live replica without its master for longer than a restarted Sentinel forgives is promoted when %s',
    async (_, __, first) => {
      // A Sentinel that is still patient with cached names forgives for longer.
      const env = { ...QUICK, DOWN_AFTER_MS: '600', PATIENCE_SECONDS: '0' }
      const cluster = await withHealthyCluster({ subnet: SUBNET, env })
      const [zero, one, two] = cluster.pods
      await eventually(cluster.settled, 30_000)
      await writeConfirmed(zero, 'since-the-snapshot', 'yes')
      await Promise.all([zero.deleteForcibly(), one.deleteForcibly()])
      // Sentinel refuses a replica that lost its master ten times down-after before the Sentinel noticed; this one forgets.
      await eventually(async () => Number((await info(two.address))?.master_link_down_since_seconds) > 8, 40_000)
      two.sentinel.kill()
      await eventually(() => two.sentinel.restarts === 1, 10_000)
      await sentinelRuns(two)
      cluster.pods[first].start()
      // Which node serves in the end is not asserted: a down-after of 0.6 s brings a second failover on a busy machine.
      await says(cluster.pods[first], `no Sentinel promotes ${two.fqdn}`, 30_000)
      await eventually(cluster.serving, 20_000)
      cluster.start()
      await eventually(cluster.healthy, 30_000)
      for (const pod of cluster.pods) expect(await askRedis(pod.address, 'GET', 'since-the-snapshot')).toBe('yes')
    },
    120_000,
  )
})
