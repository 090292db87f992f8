/** The nine bootstrap steps, each on real Redis and Sentinel processes driven by the scripts of the manifests. */
import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { askRedis, askSentinel, info, monitored, setAndWait } from './support/ask.ts'
import { type Cluster, eventually, MANIFESTS, writeConfirmed } from './support/cluster.ts'
import { QUICK, skipReason, withCluster, withHealthyCluster } from './support/live.ts'
import { copyManifests, type Pod } from './support/pod.ts'

const SUBNET = 11
const quick = { subnet: SUBNET, env: QUICK }

const says = (pod: Pod, text: string, timeoutMs = 15_000) => eventually(() => pod.log().includes(text), timeoutMs)
const timesSaid = (pod: Pod, text: string): number => pod.log().split(text).length - 1
const redisRuns = async (pod: Pod): Promise<boolean> => (await info(pod.address)) !== undefined
const sentinelRuns = (pod: Pod) => eventually(async () => (await askSentinel(pod.address, 'PING')) === 'PONG', 10_000)
const other = (cluster: Cluster, pod: Pod): [Pod, Pod] => cluster.pods.filter((one) => one !== pod) as [Pod, Pod]

/** The same wait, said eleven polls later: proof that it did not time out into anything. */
const keepsSaying = (pod: Pod, text: string) => eventually(() => timesSaid(pod, text) >= 2, 20_000)

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
    const shared = await withCluster({ subnet: 12 })
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

  test.each([
    ['step 6', 'the master returns', 0],
    ['step 5', 'the other replica returns', 1],
  ] as const)(
    '%s: a live replica without its master for longer than a restarted Sentinel forgives is promoted when %s',
    async (_, __, first) => {
      const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '600' } })
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
      await says(cluster.pods[first], 'no Sentinel promotes', 30_000)
      expect((await eventually(cluster.serving, 20_000)).value).toBe(two)
      cluster.start()
      expect((await eventually(cluster.healthy, 30_000)).value.master).toBe(two)
      for (const pod of cluster.pods) expect(await askRedis(pod.address, 'GET', 'since-the-snapshot')).toBe('yes')
    },
    120_000,
  )

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

  test('step 8: a Sentinel that lost its memory is told the master; one that remembers is left alone', async () => {
    const cluster = await withHealthyCluster(quick)
    const two = cluster.pods[2]
    const told = timesSaid(two, 'the local Sentinel now monitors')
    await two.deleteForcibly()
    two.start()
    await eventually(cluster.healthy, 20_000)
    expect(timesSaid(two, 'the local Sentinel now monitors')).toBe(told)
    await two.deleteForcibly()
    two.wipeVolume()
    two.start()
    await eventually(cluster.healthy, 20_000)
    await eventually(() => timesSaid(two, 'the local Sentinel now monitors') === told + 1, 5_000)
    await eventually(async () => {
      const master = (await askSentinel(two.address, 'SENTINEL', 'MASTER', 'mymaster')) as string[]
      return master[master.indexOf('down-after-milliseconds') + 1] === QUICK.DOWN_AFTER_MS
    }, 5_000)
  })

  test('step 8: the three Sentinels know each other as soon as they monitor, so that the first second may be the last', async () => {
    const cluster = await withCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '5000' } })
    cluster.start()
    await eventually(async () => {
      const opinions = await Promise.all(cluster.pods.map((pod) => monitored(pod.address)))
      return opinions.every((opinion) => opinion?.master === cluster.pods[0].fqdn)
    }, 20_000)
    await writeConfirmed(cluster.pods[0], 'young', 'yes')
    cluster.pods[0].redis.kill()
    const { value } = await eventually(cluster.healthy, 45_000)
    expect(await askRedis(value.master.address, 'GET', 'young')).toBe('yes')
  })

  test('step 8: a Sentinel whose memory was spoilt while names did not resolve is corrected, and a tie of epochs is broken', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, RECONCILE_SECONDS: '1' } })
    await eventually(cluster.settled, 30_000)
    const [zero, one] = cluster.pods
    const epoch = (await monitored(one.address))?.epoch ?? 0
    const id = createHash('sha1').update('redis-node-1').digest('hex')
    // What the spoilt memory looks like: the wrong master under an epoch that nothing overrides.
    const words = [one.fqdn, 26379, id, epoch + 1, 'mymaster', one.fqdn, 6379, epoch + 1].join(',')
    cluster.partition([2])
    await askSentinel(cluster.pods[2].address, 'PUBLISH', '__sentinel__:hello', words)
    expect((await monitored(cluster.pods[2].address))?.master).toBe(one.fqdn)
    cluster.heal()
    await says(cluster.pods[2], 'correcting its memory')
    expect((await eventually(cluster.healthy, 30_000)).value.master).toBe(zero)
  })

  test('step 9: preStop hands the master over with nothing lost, and the pod returns as a replica', async () => {
    const cluster = await withHealthyCluster(quick)
    const zero = cluster.pods[0]
    await writeConfirmed(zero, 'before', 'yes')
    await zero.deleteGracefully()
    expect(zero.log()).toContain('prestop-redis handed over')
    const [master] = await cluster.masters()
    expect(master && other(cluster, zero).includes(master)).toBe(true)
    expect(await askRedis((master as Pod).address, 'GET', 'before')).toBe('yes')
    zero.start()
    expect((await eventually(cluster.healthy, 20_000)).value.replicas).toContain(zero)
  })

  test('step 9: preStop of a replica does nothing', async () => {
    const cluster = await withHealthyCluster(quick)
    expect(await cluster.pods[1].redis.preStop()).toBe(0)
    expect((await cluster.healthy()).master).toBe(cluster.pods[0])
  })

  test('step 9: with no replica to take over, preStop ends the pause and goes', async () => {
    const cluster = await withHealthyCluster(quick)
    const [zero, one, two] = cluster.pods
    await Promise.all([one.redis.destroy(), two.redis.destroy()])
    await eventually(async () => {
      const replicas = (await askSentinel(zero.address, 'SENTINEL', 'REPLICAS', 'mymaster')) as string[][]
      return replicas.every((fields) => fields[fields.indexOf('flags') + 1]?.includes('s_down'))
    }, 15_000)
    expect(await zero.redis.preStop()).toBe(0)
    expect(zero.log()).toContain('no replica can take over')
    // Refused for want of replicas, not held back by a pause.
    await eventually(
      async () => String(await askRedis(zero.address, 'SET', 'a', 'b').catch((error) => error)).includes('NOREPLICAS'),
      15_000,
    )
  })

  test("step 9: the Sentinel's preStop waits until the hand-over is done", async () => {
    const cluster = await withHealthyCluster(quick)
    const zero = cluster.pods[0]
    const order: string[] = []
    const sentinel = zero.sentinel.preStop().then(() => order.push('sentinel'))
    expect((await info(zero.address))?.role).toBe('master')
    expect(order).toEqual([])
    await zero.redis.preStop()
    await sentinel
    expect((await info(zero.address))?.role).toBe('slave')
  })
})

describe.skipIf(skipReason)('probes', { timeout: 60_000 }, () => {
  const probe = (pod: Pod, name: string) => pod.redis.exec(path.join(pod.scriptFolder, 'probe.sh'), name)

  test('startup passes for a master and a linked replica, and waits for a replica without its master', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '60000' } })
    const [zero, one] = cluster.pods
    expect([await probe(zero, 'redis-startup'), await probe(one, 'redis-startup')]).toEqual([0, 0])
    await zero.redis.destroy()
    await eventually(async () => (await info(one.address))?.master_link_status === 'down', 10_000)
    expect(await probe(one, 'redis-startup')).not.toBe(0)
    expect([await probe(one, 'redis-ready'), await probe(one, 'redis-live')]).toEqual([0, 0])
    expect(await probe(one, 'sentinel-ready')).toBe(0)
  })

  test('liveness and readiness fail for a hung Redis, and within their timeout', async () => {
    const cluster = await withHealthyCluster(quick)
    const two = cluster.pods[2]
    two.redis.pause()
    const started = performance.now()
    expect(await probe(two, 'redis-live')).not.toBe(0)
    expect(await probe(two, 'redis-ready')).not.toBe(0)
    expect(performance.now() - started).toBeLessThan(5_000)
    two.redis.resume()
  })
})
