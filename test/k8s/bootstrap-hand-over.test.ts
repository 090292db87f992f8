/** Bootstrap steps 8 and 9, and the probes: memory that was lost, and a master that goes. Real processes, the scripts themselves. */
import { createHash } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { askRedis, askSentinel, info, monitored, setAndWait } from './support/ask.ts'
import { other, timesSaid } from './support/bootstrap.ts'
import { eventually, writeConfirmed } from './support/cluster.ts'
import { QUICK, skipReason, withCluster, withHealthyCluster } from './support/live.ts'
import { canNamespaceNetworks } from './support/namespaces.ts'
import type { Pod } from './support/pod.ts'

const SUBNET = 19
const quick = { subnet: SUBNET, env: QUICK }

describe.skipIf(skipReason)('bootstrap', { timeout: 60_000 }, () => {
  test('step 8: a Sentinel that lost its memory is told the master; one that remembers is left alone', async () => {
    const cluster = await withHealthyCluster(quick)
    const two = cluster.pods[2]
    // It says so a moment after it does.
    const told = 1
    await eventually(() => timesSaid(two, 'the local Sentinel now monitors') === told, 5_000)
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
    // It may convince the others first; then one of them corrects itself, and tells it.
    const corrected = () => cluster.pods.some((pod) => pod.log().includes('correcting its memory'))
    await eventually(corrected, 30_000)
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

  test('step 9: the successor is the next pod, round and round, and is preferred for this one hand-over only', async () => {
    const cluster = await withHealthyCluster(quick)
    const masters: string[] = []
    for (const pod of cluster.pods) {
      await pod.deleteGracefully()
      pod.start()
      const { value } = await eventually(cluster.healthy, 20_000)
      await eventually(cluster.settled, 20_000)
      masters.push(value.master.name)
    }
    expect(masters).toEqual(['redis-node-1', 'redis-node-2', 'redis-node-0'])
    const priorities = cluster.pods.map(({ address }) => askRedis(address, 'CONFIG', 'GET', 'replica-priority'))
    expect((await Promise.all(priorities)).flat()).toEqual(Array(3).fill(['replica-priority', '100']).flat())
  })

  test.skipIf(!canNamespaceNetworks())(
    'step 9: the next pod was cut off and is behind: the other replica is the successor, and nothing is lost',
    async () => {
      const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '20000' } })
      const [zero, one, two] = cluster.pods
      await eventually(cluster.settled, 30_000)
      cluster.partition([1])
      await sleep(11_000)
      expect(await setAndWait(zero.address, { key: 'during-the-cut', value: 'yes', replicas: 1 })).toBe(1)
      expect(await askRedis(one.address, 'GET', 'during-the-cut')).toBeNull()
      cluster.heal()
      await zero.deleteGracefully()
      expect(await cluster.masters()).toEqual([two])
      zero.start()
      await eventually(cluster.healthy, 40_000)
      for (const pod of cluster.pods) expect(await askRedis(pod.address, 'GET', 'during-the-cut')).toBe('yes')
    },
    90_000,
  )

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
