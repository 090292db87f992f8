/** What a cluster does around the pods, with the timings that were seen on one: replacements, cached names, the kubelet's back-off. */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { askRedis, monitored } from '../support/ask.ts'
import { type Cluster, eventually, writeConfirmed } from '../support/cluster.ts'
import { KUBELET_BACK_OFF_MS } from '../support/container.ts'
import { beginDrill } from '../support/drill.ts'
import { skipReason } from '../support/live.ts'
import { canNamespaceNetworks } from '../support/namespaces.ts'
import type { Pod } from '../support/pod.ts'

const SUBNET = 29
/** Between the end of a pod and the start of the one that takes its name. */
const AWAY_MS = 1500
/** Of the StatefulSet. */
const MIN_READY_MS = 30_000
/** What kubeadm's CoreDNS and NodeLocal DNSCache keep an answer for. */
const NAMES_CACHED_MS = 30_000
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

async function isReady(pod: Pod): Promise<void> {
  const probe = path.join(pod.scriptFolder, 'probe.sh')
  await eventually(async () => (await pod.redis.exec(probe, 'redis-startup')) === 0, 60_000)
}

/** Hands the master on until it is this one. */
async function makeMaster(cluster: Cluster, wanted: Pod): Promise<void> {
  for (;;) {
    const { master } = (await eventually(cluster.healthy, 30_000)).value
    if (master === wanted) return
    await master.redis.preStop()
    await eventually(async () => (await cluster.healthy()).master !== master, 60_000)
    await eventually(cluster.settled, 60_000)
  }
}

describe.skipIf(skipReason || !canNamespaceNetworks())('beside a kubelet', () => {
  test.each([
    [0, 1],
    [1, 1],
    [2, 2],
  ])(
    'rolling restart, the master is pod %i: at most two hand-overs, and no write waits long',
    { timeout: 400_000 },
    async (ordinal, handOvers) => {
      const { cluster, client, report, recovered } = await beginDrill({ subnet: SUBNET })
      const first = cluster.pods[ordinal] as Pod
      await makeMaster(cluster, first)
      await writeConfirmed(first, 'planted', 'yes')
      const before = (await monitored(first.address))?.epoch ?? 0
      await sleep(MIN_READY_MS)
      client.forget()
      for (const pod of [...cluster.pods].reverse()) {
        await cluster.recreate(pod, AWAY_MS)
        await isReady(pod)
        await sleep(MIN_READY_MS)
      }
      const { master } = await recovered()
      const seen = ((await monitored(master.address))?.epoch ?? 0) - before
      report(`rolling restart, master ${ordinal}`, {
        'hand-overs': seen,
        'writes stalled': seconds(client.longestStallMs),
      })
      expect(seen).toBe(handOvers)
      expect(client.longestStallMs).toBeLessThan(5000)
      for (const pod of cluster.pods) expect(await askRedis(pod.address, 'GET', 'planted')).toBe('yes')
    },
  )

  test('all pods replaced while names are cached: the master that comes back stays the master', async () => {
    const { cluster, client, observer, master, recovered, report } = await beginDrill({ subnet: SUBNET })
    await writeConfirmed(master, 'planted', 'yes')
    await askRedis(master.address, 'SAVE')
    const before = await monitored(master.address)
    const names = await cluster.recreateAll(master)
    await sleep(NAMES_CACHED_MS)
    names.updateNames()
    const { tookMs } = await recovered()
    report('all pods replaced, names cached for 30 s', {
      'writes stalled': seconds(client.longestStallMs),
      'whole after names were right': seconds(tookMs),
    })
    expect(observer.twoMastersMs).toBe(0)
    expect(await monitored(master.address)).toMatchObject({
      master: master.fqdn,
      epoch: before?.epoch,
    })
    expect(await askRedis(master.address, 'GET', 'planted')).toBe('yes')
  })

  test('a redis container killed four times: its back-off grows, writes go on', { timeout: 300_000 }, async () => {
    const drill = await beginDrill({ subnet: SUBNET, backOffMs: KUBELET_BACK_OFF_MS })
    await writeConfirmed(drill.master, 'planted', 'yes')
    for (const [crash] of KUBELET_BACK_OFF_MS.entries()) {
      await eventually(() => drill.master.redis.running, 60_000)
      await isReady(drill.master)
      drill.master.redis.kill()
      await eventually(() => drill.master.redis.restarts > crash, 5000)
    }
    const { tookMs } = await drill.recovered({ newMaster: true })
    drill.report('a redis container killed four times', {
      'writes stalled': seconds(drill.client.longestStallMs),
      'back after': seconds(tookMs),
    })
    expect(drill.client.longestStallMs).toBeLessThan(15_000)
    for (const pod of drill.cluster.pods) expect(await askRedis(pod.address, 'GET', 'planted')).toBe('yes')
  })

  test('three redis containers killed twice: back as soon as the kubelet starts them', {
    timeout: 300_000,
  }, async () => {
    const drill = await beginDrill({ subnet: SUBNET, backOffMs: KUBELET_BACK_OFF_MS })
    await writeConfirmed(drill.master, 'planted', 'yes')
    await askRedis(drill.master.address, 'SAVE')
    for (const pod of drill.cluster.pods) pod.redis.kill()
    await drill.recovered()
    drill.client.forget()
    for (const pod of drill.cluster.pods) pod.redis.kill()
    await drill.recovered()
    drill.report('three redis containers killed, the second crash', {
      'writes stalled': seconds(drill.client.longestStallMs),
    })
    expect(drill.client.longestStallMs).toBeLessThan((KUBELET_BACK_OFF_MS[1] as number) + 10_000)
  })
})
