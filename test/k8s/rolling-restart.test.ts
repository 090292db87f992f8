/**
 * A rolling restart as a cluster does it: each pod comes back with another address, and its peers' Sentinels reach it late. The
 * pod that is master goes right after another was replaced. Production timings.
 */
import path from 'node:path'
import { expect, test } from 'vitest'
import { monitored } from './support/ask.ts'
import { eventually } from './support/cluster.ts'
import { beginDrill } from './support/drill.ts'
import { skipReason } from './support/live.ts'
import { canNamespaceNetworks } from './support/namespaces.ts'

const SUBNET = 28
/** Longer than Sentinel takes to move a replica that follows the wrong master. */
const AWAY_MS = 15_000

test.skipIf(skipReason || !canNamespaceNetworks())(
  'a hand-over right after another pod was replaced leaves a master with a replica',
  async () => {
    const { cluster, client, master, replicas, recovered, report } = await beginDrill({ subnet: SUBNET })
    const [replaced] = replicas
    await cluster.recreate(replaced, 1000)
    const probe = path.join(replaced.scriptFolder, 'probe.sh')
    await eventually(async () => (await replaced.redis.exec(probe, 'redis-startup')) === 0, 30_000)
    client.forget()
    await cluster.recreate(master, AWAY_MS)
    const { master: successor } = await recovered({ newMaster: true })
    report('hand-over after a replacement', { 'writes stalled': `${client.longestStallMs} ms` })
    expect(client.longestStallMs).toBeLessThan(5000)
    expect((await monitored(successor.address))?.master).toBe(successor.fqdn)
  },
  180_000,
)
