/** Bootstrap steps 1 to 5 on real Redis and Sentinel processes, driven by the scripts of the manifests. */
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { askRedis, askSentinel, info, monitored, setAndWait } from './support/ask.ts'
import { keepsSaying, redisRuns, says, sentinelRuns } from './support/bootstrap.ts'
import { eventually, writeConfirmed } from './support/cluster.ts'
import { QUICK, skipReason, withCluster, withHealthyCluster } from './support/live.ts'

const SUBNET = 11
const quick = { subnet: SUBNET, env: QUICK }

describe.skipIf(skipReason)('bootstrap', { timeout: 60_000 }, () => {
  test('step 1: a new Sentinel answers at once and monitors nothing', async () => {
    const { pods } = await withCluster(quick)
    pods[1].sentinel.start()
    await sentinelRuns(pods[1])
    await expect(askSentinel(pods[1].address, 'SENTINEL', 'MASTER', 'mymaster')).rejects.toThrow('No such master')
  })

  test('step 1: a Sentinel starts from what it remembers, also while no name resolves, and still knows the replicas', async () => {
    const cluster = await withHealthyCluster(quick)
    const pod = cluster.pods[2]
    cluster.breakNames('nameserver 127.0.0.1')
    await pod.sentinel.destroy()
    pod.sentinel.start()
    await sentinelRuns(pod)
    expect((await monitored(pod.address))?.master).toBe(cluster.pods[0].fqdn)
    // A second start reads what the first wrote with unresolved names: Redis 7.0 confuses those among each other.
    await askSentinel(pod.address, 'SENTINEL', 'FLUSHCONFIG')
    await pod.sentinel.destroy()
    cluster.restoreNames()
    pod.sentinel.start()
    await sentinelRuns(pod)
    const replicas = JSON.stringify(await askSentinel(pod.address, 'SENTINEL', 'REPLICAS', 'mymaster'))
    for (const replica of [cluster.pods[1], pod]) expect(replicas).toContain(replica.fqdn)
  })

  test('step 2: with fewer than two Sentinels Redis waits and never becomes master by itself', async () => {
    const { pods } = await withCluster(quick)
    pods[0].start()
    await keepsSaying(pods[0], 'fewer than 2 Sentinels answer')
    expect(await redisRuns(pods[0])).toBe(false)
  })

  test('step 4: only pod 0 may become the first master', async () => {
    const cluster = await withCluster(quick)
    const [zero, one, two] = cluster.pods
    one.start()
    two.start()
    await keepsSaying(one, `first boot: waiting for ${zero.fqdn}`)
    expect(await redisRuns(one)).toBe(false)
    expect(await redisRuns(two)).toBe(false)
    zero.start()
    expect((await eventually(cluster.healthy, 20_000)).value.master).toBe(zero)
  })

  test('step 4: with one Sentinel missing the first boot waits for it, then goes on', async () => {
    const { pods } = await withCluster(quick)
    pods[0].start()
    pods[1].start()
    await says(pods[0], 'waiting 2 s for the others')
    await eventually(async () => (await info(pods[1].address))?.master_link_status === 'up', 20_000)
    expect((await info(pods[0].address))?.role).toBe('master')
  })

  test('step 4: data on the volume but no monitor: it stops and says so, until an operator names the snapshot', async () => {
    const cluster = await withHealthyCluster(quick)
    const [zero, one, two] = cluster.pods
    await writeConfirmed(zero, 'kept', 'yes')
    await askRedis(zero.address, 'SAVE')
    for (const pod of cluster.pods) await pod.deleteForcibly()
    for (const pod of cluster.pods) rmSync(path.join(pod.volume, 'sentinel'), { recursive: true })
    one.wipeVolume()
    two.wipeVolume()
    cluster.start()
    await keepsSaying(zero, 'STOPPED: ')
    expect(await redisRuns(zero)).toBe(false)
    writeFileSync(path.join(zero.volume, 'bootstrap-from-snapshot'), '')
    expect((await eventually(cluster.healthy, 20_000)).value.master).toBe(zero)
    expect(await askRedis(zero.address, 'GET', 'kept')).toBe('yes')
  })

  test('step 5: the master is another pod: Redis starts as its replica', async () => {
    const cluster = await withHealthyCluster(quick)
    const two = cluster.pods[2]
    await two.deleteForcibly()
    two.wipeVolume()
    two.start()
    await says(two, `starting as a replica of ${cluster.pods[0].fqdn}`)
    await eventually(cluster.healthy, 20_000)
  })

  test('step 5: a replica with an old snapshot waits while the master is away and a peer that holds more lives', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '5000' } })
    const [zero, one, two] = cluster.pods
    await eventually(cluster.settled, 30_000)
    await one.deleteForcibly()
    await askRedis(zero.address, 'CONFIG', 'SET', 'min-replicas-max-lag', '60')
    expect(await setAndWait(zero.address, { key: 'since-the-snapshot', value: 'yes', replicas: 1 })).toBe(1)
    await zero.deleteForcibly()
    // What a failover leaves whose leader died at once: a promoted node that no Sentinel has heard of.
    await askRedis(two.address, 'REPLICAOF', 'NO', 'ONE')
    await two.sentinel.destroy()
    two.sentinel.start()
    one.start()
    await says(one, 'waiting until it is promoted')
    const { value } = await eventually(cluster.serving, 45_000)
    expect(value).toBe(two)
    expect(await askRedis(two.address, 'GET', 'since-the-snapshot')).toBe('yes')
    zero.start()
    await eventually(cluster.healthy, 30_000)
  })
})
