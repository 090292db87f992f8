/** Bootstrap steps 6 and 7: a master restarts, and what was not saved must survive. Real processes, the manifests' scripts. */
import { rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { askRedis, setAndWait } from './support/ask.ts'
import { keepsSaying, redisRuns, says } from './support/bootstrap.ts'
import { eventually, MANIFESTS, writeConfirmed } from './support/cluster.ts'
import { QUICK, skipReason, withCluster, withHealthyCluster } from './support/live.ts'
import { canNamespaceNetworks } from './support/namespaces.ts'
import { copyManifests } from './support/pod.ts'

const SUBNET = 12

describe.skipIf(skipReason)('bootstrap', { timeout: 60_000 }, () => {
  test('step 6: a master that restarts at once does not roll its live replicas back to the snapshot', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '5000' } })
    const zero = cluster.pods[0]
    await eventually(cluster.settled, 30_000)
    await writeConfirmed(zero, 'since-the-snapshot', 'yes')
    zero.redis.kill()
    await says(zero, 'a live peer holds newer data: asking for a failover')
    const { value } = await eventually(async () => {
      const now = await cluster.healthy()
      if (now.master === zero) throw new Error('the old master is still the master')
      return now
    }, 30_000)
    for (const pod of cluster.pods) expect(await askRedis(pod.address, 'GET', 'since-the-snapshot')).toBe('yes')
    expect(value.replicas).toContain(zero)
  })

  test('step 6: without the guard the same restart loses what came after the snapshot (the hazard is real)', async () => {
    const shared = await withCluster({ subnet: 27 })
    const manifestFolder = copyManifests(MANIFESTS, path.join(shared.folder, 'manifests'), (script) =>
      script.replace('master_restarts() {', "master_restarts() {\n  run ''"),
    )
    const cluster = await withHealthyCluster({
      subnet: SUBNET,
      manifestFolder,
      env: { ...QUICK, DOWN_AFTER_MS: '5000' },
    })
    const zero = cluster.pods[0]
    await writeConfirmed(zero, 'since-the-snapshot', 'yes')
    zero.redis.kill()
    await eventually(() => zero.redis.restarts === 1, 10_000)
    expect((await eventually(cluster.healthy, 30_000)).value.master).toBe(zero)
    for (const pod of cluster.pods) expect(await askRedis(pod.address, 'GET', 'since-the-snapshot')).toBeNull()
  })

  test.skipIf(!canNamespaceNetworks())(
    'step 6: the live replica that holds most is promoted, even if a Sentinel that was cut off takes another for it',
    async () => {
      const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '20000' } })
      const [zero, one, two] = cluster.pods
      await eventually(cluster.settled, 30_000)
      // Sentinel looks at the replicas every 10 s: that of pod 1 sees this at its own Redis alone.
      await writeConfirmed(zero, 'before-the-cut', 'yes')
      cluster.partition([1])
      await sleep(11_000)
      expect(await setAndWait(zero.address, { key: 'during-the-cut', value: 'yes', replicas: 1 })).toBe(1)
      expect(await askRedis(one.address, 'GET', 'during-the-cut')).toBeNull()
      zero.redis.kill()
      cluster.heal()
      const { value } = await eventually(cluster.healthy, 40_000)
      expect(value.master).toBe(two)
      for (const pod of cluster.pods) expect(await askRedis(pod.address, 'GET', 'during-the-cut')).toBe('yes')
    },
    90_000,
  )

  test('step 6: a peer was promoted, and the Sentinel that did it died before it told anybody: another failover is asked for', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '60000' } })
    const [zero, one] = cluster.pods
    await eventually(cluster.settled, 30_000)
    await askRedis(one.address, 'REPLICAOF', 'NO', 'ONE')
    zero.redis.kill()
    await says(zero, 'no Sentinel has heard of the promotion')
    expect((await eventually(cluster.healthy, 30_000)).value.master).not.toBe(zero)
  })

  test('step 7: the master finds no live peer: it starts from its snapshot and logs the age', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '60000' } })
    const [zero, one, two] = cluster.pods
    await writeConfirmed(zero, 'saved', 'yes')
    await askRedis(zero.address, 'SAVE')
    await Promise.all([one.redis.destroy(), two.redis.destroy()])
    zero.redis.kill()
    await says(zero, 'looking for a live replica for 3 s')
    expect(await redisRuns(zero)).toBe(false)
    await says(zero, 'starting from a snapshot that is ')
    await eventually(async () => (await askRedis(zero.address, 'GET', 'saved')) === 'yes', 10_000)
  })

  test('step 7: replicas that only loaded a snapshot are no reason to wait: all three killed come back at once', async () => {
    const cluster = await withHealthyCluster({
      subnet: SUBNET,
      env: { ...QUICK, DOWN_AFTER_MS: '5000', LIVE_PEER_WAIT_SECONDS: '60' },
    })
    await writeConfirmed(cluster.pods[0], 'lost', 'yes')
    await Promise.all(cluster.pods.map((pod) => pod.deleteForcibly()))
    cluster.start()
    await eventually(cluster.healthy, 20_000)
    expect(cluster.pods[0].log()).toContain('no live replica: starting from a snapshot')
  })

  test('step 7: a master whose snapshot is missing refuses to start empty, and says so', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '60000' } })
    // The replicas must be known to all Sentinels, or there is nothing to promote later.
    await eventually(cluster.settled, 20_000)
    const [zero, one, two] = cluster.pods
    await Promise.all([one.redis.destroy(), two.redis.destroy()])
    await zero.redis.destroy()
    rmSync(path.join(zero.volume, 'dump.rdb'))
    zero.redis.start()
    await keepsSaying(zero, 'STOPPED: this pod is the master by the Sentinels')
    expect(await redisRuns(zero)).toBe(false)
    // Replicas that come back with their snapshots are more than nothing: one is promoted, and the empty node refills from it.
    one.redis.start()
    two.redis.start()
    for (const pod of [one, two]) await eventually(() => redisRuns(pod), 10_000)
    expect((await eventually(cluster.healthy, 30_000)).value.master).not.toBe(zero)
  })
})
