/** The drill rows that need no kubelet, one test a row, with the production timings. */
import { createSocket } from 'node:dgram'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { askRedis, askSentinel, info, monitored } from '../support/ask.ts'
import { eventually, writeConfirmed } from '../support/cluster.ts'
import { beginDrill, type Drill } from '../support/drill.ts'
import { skipReason } from '../support/live.ts'
import { PASSWORDS } from '../support/secrets.ts'

const SUBNET = 20
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
const count = async (drill: Drill, address: string): Promise<number> =>
  Number(await askRedis(address, 'GET', 'portcullis:drill:count')) - drill.client.accepted
const failovers = async (drill: Drill): Promise<number> => (await monitored(drill.master.address))?.epoch ?? -1

/** A value that both replicas hold; it must be there afterwards. */
const plant = (drill: Drill): Promise<void> => writeConfirmed(drill.master, 'planted', 'yes')
async function expectPlanted(drill: Drill): Promise<void> {
  for (const pod of drill.cluster.pods) expect(await askRedis(pod.address, 'GET', 'planted')).toBe('yes')
}

describe.skipIf(skipReason)('drills', () => {
  test('graceful delete of the master pod: writes stall a few seconds, nothing is lost, the pod returns as a replica', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    const started = performance.now()
    await drill.master.deleteGracefully()
    const stoppedMs = performance.now() - started
    drill.master.start()
    const { tookMs, master } = await drill.recovered({ newMaster: true })
    expect(drill.client.longestStallMs).toBeLessThan(5_000)
    expect(await count(drill, master.address)).toBeGreaterThanOrEqual(0)
    drill.report('graceful delete of the master pod', {
      'writes stalled': seconds(drill.client.longestStallMs),
      'pod stopped in': seconds(stoppedMs),
      'whole again after': seconds(tookMs),
      'writes lost': 0,
    })
  })

  test('force delete of the master: failover within 10 s', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await plant(drill)
    const gone = drill.master.deleteForcibly()
    await eventually(() => drill.client.longestStallMs > 2_000, 20_000)
    await gone
    await eventually(async () => (await drill.cluster.masters()).length === 1, 30_000)
    const before = drill.client.accepted
    await eventually(() => drill.client.accepted > before, 30_000)
    const stall = drill.client.longestStallMs
    expect(stall).toBeLessThan(15_000)
    drill.master.start()
    await drill.recovered({ newMaster: true })
    await expectPlanted(drill)
    drill.report('force delete of the master', { 'writes stalled': seconds(stall) })
  })

  test('kill -9 of the redis container (pod stays): no rollback to the snapshot', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await plant(drill)
    drill.master.redis.kill()
    const { tookMs } = await drill.recovered({ newMaster: true })
    await expectPlanted(drill)
    drill.report('kill -9 of the redis container', {
      'whole again after': seconds(tookMs),
      'writes stalled': seconds(drill.client.longestStallMs),
    })
  })

  test('master pod and its volume deleted: data kept, refilled from a replica', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await plant(drill)
    await drill.master.deleteForcibly()
    drill.master.wipeVolume()
    drill.master.start()
    const { tookMs } = await drill.recovered({ newMaster: true })
    await expectPlanted(drill)
    expect(drill.master.hasSnapshot()).toBe(true)
    drill.report('master pod and its volume deleted', { 'whole again after': seconds(tookMs) })
  })

  test('both replicas killed: NOREPLICAS in about 10 s, heals when one returns', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    const started = performance.now()
    await Promise.all(drill.replicas.map((pod) => pod.deleteForcibly()))
    const refused = await eventually(async () => {
      const answer = await askRedis(drill.master.address, 'SET', 'a', 'b').catch((error) => String(error))
      return String(answer).includes('NOREPLICAS')
    }, 15_000)
    expect(await askRedis(drill.master.address, 'GET', 'portcullis:drill:count')).not.toBeNull()
    drill.replicas[0].start()
    const before = drill.client.accepted
    const healed = await eventually(() => drill.client.accepted > before + 10, 30_000)
    drill.replicas[1].start()
    const { master } = await drill.recovered()
    expect(master).toBe(drill.master)
    drill.report('both replicas killed', {
      'refused after': seconds(refused.tookMs),
      'writes again after one started': seconds(healed.tookMs),
      'in all': seconds(performance.now() - started),
    })
  })

  test('master and one replica down: no failover with one Sentinel; recovers when a second pod returns', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await plant(drill)
    const [kept, lost] = drill.replicas
    await Promise.all([drill.master.deleteForcibly(), lost.deleteForcibly()])
    // Longer than down-after, an election and its retry: the one Sentinel that is left had every chance.
    await eventually(async () => Number((await info(kept.address))?.master_link_down_since_seconds) > 20, 40_000)
    expect((await info(kept.address))?.role).toBe('slave')
    lost.start()
    const second = await eventually(async () => (await info(kept.address))?.role === 'master', 40_000)
    drill.master.start()
    await drill.recovered({ newMaster: true })
    await expectPlanted(drill)
    drill.report('master and one replica down', { 'failover after the second pod returned': seconds(second.tookMs) })
  })

  test('all three killed: parallel restart, the last master by epoch', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await drill.master.redis.preStop()
    const promoted = await eventually(async () => {
      const now = await drill.cluster.healthy()
      if (now.master === drill.master) throw new Error('not yet')
      return now.master
    }, 30_000)
    await askRedis(promoted.value.address, 'SET', 'saved', 'yes')
    await askRedis(promoted.value.address, 'SAVE')
    await Promise.all(drill.cluster.pods.map((pod) => pod.deleteForcibly()))
    drill.cluster.start()
    const { tookMs, master } = await drill.recovered()
    expect(master).toBe(promoted.value)
    expect(await askRedis(master.address, 'GET', 'saved')).toBe('yes')
    drill.report('all three killed', { 'whole again after': seconds(tookMs) })
  })

  test('node lost with the master: failover, and the client is freed though its connection never closed', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await plant(drill)
    drill.cluster.partition([drill.master.ordinal as 0 | 1 | 2])
    const before = drill.client.accepted
    await eventually(async () => (await monitored(drill.replicas[0].address))?.master !== drill.master.fqdn, 30_000)
    await eventually(() => drill.client.accepted > before + 50, 30_000)
    const stall = drill.client.longestStallMs
    expect(stall).toBeLessThan(15_000)
    await drill.master.deleteForcibly()
    drill.cluster.heal()
    drill.master.start()
    await drill.recovered({ newMaster: true })
    await expectPlanted(drill)
    drill.report('node lost with the master', { 'writes stalled': seconds(stall) })
  })

  test('master partitioned from its peers: its writes stop in about 10 s, the majority promotes, on heal it resyncs', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await plant(drill)
    drill.cluster.partition([drill.master.ordinal as 0 | 1 | 2])
    const stopped = await eventually(async () => {
      const answer = await askRedis(drill.master.address, 'SET', 'minority', 'write').catch((error) => String(error))
      return String(answer).includes('NOREPLICAS')
    }, 20_000)
    const promoted = await eventually(async () => {
      for (const pod of drill.replicas) if ((await info(pod.address))?.role === 'master') return true
      throw new Error('no replica is promoted')
    }, 30_000)
    drill.cluster.heal()
    const { tookMs } = await drill.recovered({ newMaster: true })
    await expectPlanted(drill)
    for (const pod of drill.cluster.pods) expect(await askRedis(pod.address, 'GET', 'minority')).toBeNull()
    drill.report('master partitioned from its peers', {
      'its writes stopped after': seconds(stopped.tookMs),
      'promoted after': seconds(stopped.tookMs + promoted.tookMs),
      'whole after heal': seconds(tookMs),
    })
  })

  test('two of three Sentinels down: traffic unaffected, no failover possible', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    const [one, two] = drill.replicas
    await Promise.all([one.sentinel.destroy(), two.sentinel.destroy()])
    drill.client.forget()
    const before = drill.client.accepted
    await eventually(() => drill.client.accepted > before + 300, 30_000)
    expect(drill.client.longestStallMs).toBeLessThan(1_000)
    await eventually(async () => {
      const quorum = await askSentinel(drill.master.address, 'SENTINEL', 'CKQUORUM', 'mymaster').catch((error) => error)
      return String(quorum).includes('NOQUORUM')
    }, 15_000)
    one.sentinel.start()
    two.sentinel.start()
    await drill.recovered()
    drill.report('two of three Sentinels down', { 'longest stall': `${drill.client.longestStallMs} ms` })
  })

  test('SIGSTOP of the master for 60 s: failover; on CONT it becomes a replica within 20 s', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await plant(drill)
    drill.master.redis.pause()
    const before = drill.client.accepted
    await eventually(() => drill.client.accepted > before + 50, 30_000)
    const stall = drill.client.longestStallMs
    expect(stall).toBeLessThan(15_000)
    await sleep(60_000 - stall)
    drill.master.redis.resume()
    const demoted = await eventually(async () => (await info(drill.master.address))?.role === 'slave', 20_000)
    await drill.recovered({ newMaster: true })
    await expectPlanted(drill)
    drill.report('SIGSTOP of the master for 60 s', {
      'writes stalled': seconds(stall),
      'a replica after CONT in': seconds(demoted.tookMs),
    })
  })

  test.each([
    ['down', () => '127.0.0.1'],
    ['slow', (drill: Drill) => drill.cluster.outside],
  ])(
    'DNS %s, then the master killed: established traffic continues, failover, TILT time recorded',
    async (kind, resolver) => {
      const drill = await beginDrill({ subnet: SUBNET })
      const swallow = createSocket('udp4')
      await new Promise<void>((resolve, reject) =>
        swallow.once('error', reject).bind(53, drill.cluster.outside, resolve),
      )
      try {
        await plant(drill)
        drill.cluster.breakNames(`nameserver ${resolver(drill)}`)
        drill.client.forget()
        const before = drill.client.accepted
        await eventually(() => drill.client.accepted > before + 500, 30_000)
        const undisturbed = drill.client.longestStallMs
        expect(undisturbed).toBeLessThan(1_000)
        await drill.master.deleteForcibly()
        await sleep(15_000)
        const promotedDuring = (await drill.cluster.masters()).length === 1
        drill.cluster.restoreNames()
        drill.master.start()
        const { tookMs } = await drill.recovered({ newMaster: true })
        await expectPlanted(drill)
        const tilts = drill.cluster.pods.map((pod) => pod.log().split('+tilt').length - 1)
        drill.report(`DNS ${kind}, then the master killed`, {
          'longest stall before': `${undisturbed} ms`,
          'promoted while names were away': String(promotedDuring),
          'TILT entered': tilts.join('/'),
          'whole after names returned': seconds(tookMs),
        })
      } finally {
        await new Promise<void>((resolve) => swallow.close(() => resolve()))
      }
    },
  )

  test('an old snapshot restored on all volumes: starts, and holds what the snapshot held', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await writeConfirmed(drill.master, 'era', 'old')
    await askRedis(drill.master.address, 'SAVE')
    const snapshot = path.join(drill.cluster.folder, 'old.rdb')
    cpSync(path.join(drill.master.volume, 'dump.rdb'), snapshot)
    await writeConfirmed(drill.master, 'era', 'new')
    for (const pod of drill.cluster.pods) await pod.deleteForcibly()
    for (const pod of drill.cluster.pods) cpSync(snapshot, path.join(pod.volume, 'dump.rdb'))
    drill.cluster.start()
    const { tookMs, master } = await drill.recovered()
    for (const pod of drill.cluster.pods) expect(await askRedis(pod.address, 'GET', 'era')).toBe('old')
    expect(master.log()).toMatch(/starting from a snapshot that is \d+ s old/)
    drill.report('an old snapshot restored on all volumes', { 'whole again after': seconds(tookMs) })
  })

  test('rolling upgrade: one pod at a time, each waits for sync, one controlled failover', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    await plant(drill)
    const before = await failovers(drill)
    for (const pod of [...drill.cluster.pods].reverse()) {
      await pod.deleteGracefully()
      pod.start()
      const probe = path.join(pod.scriptFolder, 'probe.sh')
      await eventually(async () => (await pod.redis.exec(probe, 'redis-startup')) === 0, 30_000)
      await eventually(async () => (await pod.redis.exec(probe, 'redis-ready')) === 0, 10_000)
    }
    await drill.recovered({ newMaster: true })
    await expectPlanted(drill)
    expect((await failovers(drill)) - before).toBe(1)
    drill.report('rolling upgrade', { failovers: 1, 'writes stalled': seconds(drill.client.longestStallMs) })
  })

  test('150 MB written at once, as one value and as many, while a replica hangs: the master stays under its limit', async () => {
    const limit = 256 * 1024 * 1024
    const drill = await beginDrill({ subnet: SUBNET, env: { MEMORY_LIMIT_BYTES: String(limit) } })
    const { address } = drill.master
    const { Redis } = await import('ioredis')
    const write = async (commands: number, bytes: number): Promise<string> => {
      const redis = new Redis({
        host: address,
        username: 'operator',
        password: PASSWORDS.operator,
        maxRetriesPerRequest: 0,
      })
      redis.on('error', () => {})
      const value = Buffer.alloc(bytes)
      const written = Array.from({ length: commands }, (_, i) => redis.set(`large:${i}`, value))
      const results = await Promise.allSettled(written)
      redis.disconnect()
      return results.every(({ status }) => status === 'fulfilled') ? 'written' : 'refused'
    }
    drill.replicas[0].redis.pause()
    const asOne = await write(1, 150_000_000)
    const asMany = await write(150, 1_000_000)
    drill.replicas[0].redis.resume()
    const { process_id } = (await info(address)) ?? {}
    const status = readFileSync(`/proc/${process_id}/status`, 'utf8')
    const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
    expect(drill.master.redis.restarts).toBe(0)
    // A cluster counts more than the process: what its files keep in memory. With buffers of a fixed size it was 95 %.
    expect(peak).toBeLessThan(0.85 * limit)
    expect(asOne).toBe('refused')
    await drill.recovered()
    drill.report('150 MB written at once', {
      'as one value': asOne,
      'as many': asMany,
      peak: `${Math.round((peak / limit) * 100)} %`,
    })
  })

  test('memory full, snapshot under load: the pod stays under its limit', async () => {
    // The smallest size that an overlay ships. The backlog counts as used, and every write turns it over.
    const limit = 256 * 1024 * 1024
    const drill = await beginDrill({ subnet: SUBNET, env: { MEMORY_LIMIT_BYTES: String(limit) } })
    const { address } = drill.master
    const filler = 'x'.repeat(2_800)
    const fill = async (from: number): Promise<void> => {
      const { Redis } = await import('ioredis')
      const redis = new Redis({ host: address, username: 'operator', password: PASSWORDS.operator })
      for (let round = 0; round < 60; round++) {
        const pipeline = redis.pipeline()
        for (let i = 0; i < 1_000; i++) pipeline.set(`fill:${(from + round * 1_000 + i) % 60_000}`, filler)
        await pipeline.exec()
      }
      redis.disconnect()
    }
    await fill(0)
    const full = await info(address)
    expect(Number(full?.maxmemory)).toBe(Math.round(limit * 0.6))
    expect(Number(full?.evicted_keys)).toBeGreaterThan(0)
    const proportional = (pid: string): number => {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
      return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024
    }
    const server = String(full?.process_id)
    let peak = 0
    let saving = false
    let watching = true
    const watch = (async () => {
      while (watching) {
        const children = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8')
          .trim()
          .split(' ')
          .filter(Boolean)
        try {
          peak = Math.max(
            peak,
            [server, ...children].reduce((sum, pid) => sum + proportional(pid), 0),
          )
          if (children.length > 0) saving = true
        } catch {
          // A child that ended between the two reads holds no memory.
        }
        await sleep(20)
      }
    })()
    await askRedis(address, 'BGSAVE')
    await fill(30_000)
    await eventually(async () => (await info(address))?.rdb_bgsave_in_progress === '0', 30_000)
    watching = false
    await watch
    expect(saving).toBe(true)
    expect(peak).toBeLessThan(limit)
    await drill.recovered()
    const replication = Number(full?.mem_total_replication_buffers) / 2 ** 20
    drill.report('memory full, snapshot under load', {
      'peak of the limit': `${Math.round((100 * peak) / limit)} %`,
      'replication buffers': `${replication.toFixed(0)} MiB`,
      'not counted for eviction': `${full?.mem_not_counted_for_evict} bytes`,
    })
  })

  test('password rotation: two passwords overlap, no failover', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    const before = await failovers(drill)
    const folder = path.join(drill.cluster.folder, 'secrets')
    const names = Object.keys(PASSWORDS) as (keyof typeof PASSWORDS)[]
    const write = (lines: (old: string) => string[]): void => {
      for (const name of names)
        if (name !== 'operator') writeFileSync(path.join(folder, name), lines(PASSWORDS[name]).join('\n'))
    }
    const reload = async (): Promise<void> => {
      for (const pod of drill.cluster.pods)
        expect(await pod.redis.exec(path.join(pod.scriptFolder, 'reload-secrets.sh'))).toBe(0)
    }
    write((old) => [old, `new-${old}`])
    await reload()
    write((old) => [`new-${old}`, old])
    await reload()
    // The client still signs in with the old password here; a new link of a replica uses the new one.
    await askRedis(drill.replicas[0].address, 'REPLICAOF', 'NO', 'ONE')
    await askRedis(drill.replicas[0].address, 'REPLICAOF', drill.master.fqdn, '6379')
    await drill.recovered()
    expect(await failovers(drill)).toBe(before)
    expect(drill.client.longestStallMs).toBeLessThan(1_000)
    drill.report('password rotation', { failovers: 0, 'longest stall': `${drill.client.longestStallMs} ms` })
    // A restart after it starts from the new secrets, and the failover that it needs still works.
    write((old) => [`new-${old}`, old])
    await drill.master.deleteGracefully()
    drill.master.start()
    await eventually(async () => (await drill.cluster.masters()).length === 1, 30_000)
  })

  test('SENTINEL FAILOVER five times in a row: INPROG tolerated, no client ends', async () => {
    const drill = await beginDrill({ subnet: SUBNET })
    const answers: string[] = []
    for (let i = 0; i < 5; i++) {
      const pod = drill.cluster.pods[i % 3] as (typeof drill.cluster.pods)[0]
      answers.push(
        String(await askSentinel(pod.address, 'SENTINEL', 'FAILOVER', 'mymaster').catch((error) => error.message)),
      )
      await sleep(500)
    }
    await drill.recovered()
    const before = drill.client.accepted
    await eventually(() => drill.client.accepted > before + 50, 10_000)
    expect(answers).toContain('OK')
    expect(drill.client.ended).toBe(0)
    drill.report('SENTINEL FAILOVER five times in a row', {
      answers: answers.map((answer) => answer.split(' ')[0]).join('/'),
      'writes stalled': seconds(drill.client.longestStallMs),
    })
  })
})
