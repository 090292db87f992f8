/** What the drills' partitions are made of, so that a drill that shows nothing cannot pass for one that found nothing. */
import { describe, expect, test } from 'vitest'
import { type Cluster, eventually } from './support/cluster.ts'
import { createNetwork } from './support/create-network.ts'
import { skipReason, withCluster } from './support/live.ts'
import { canNamespaceNetworks, createNamespaces } from './support/namespaces.ts'
import type { Place } from './support/network.ts'
import { createRelays } from './support/relays.ts'

/** Asks from a pod, by name, with the scripts' own words. */
async function reaches(cluster: Cluster, from: 0 | 1 | 2, to: 0 | 1 | 2): Promise<boolean> {
  const question = `. "$SCRIPT_DIR/lib.sh"; ask_sentinel "$(fqdn ${to})" PING | grep -q PONG`
  return (await cluster.pods[from].redis.exec('-c', question)) === 0
}
const PAIRS = [
  [0, 1],
  [1, 0],
  [0, 2],
  [2, 0],
  [1, 2],
  [2, 1],
] as const
const reached = async (cluster: Cluster): Promise<string[]> => {
  const answers = await Promise.all(PAIRS.map(([from, to]) => reaches(cluster, from, to)))
  return PAIRS.flatMap(([from, to], i) => (answers[i] ? [`${from}>${to}`] : []))
}
const WHOLE = PAIRS.map(([from, to]) => `${from}>${to}`)

test.skipIf(skipReason || !canNamespaceNetworks())('where namespaces are allowed the drills use them', async () => {
  const { kind, close } = await createNetwork(15)
  await close()
  expect(kind).toBe('namespaces')
})

describe.skipIf(skipReason)('a partition', () => {
  test.each([
    ['of namespaces', createNamespaces, !canNamespaceNetworks()],
    ['of relays', createRelays, false],
  ] as const)('%s cuts off exactly the minority, and heals', async (_, network, missing) => {
    if (missing) return console.warn('Partitions by network namespaces are not tried: they need root and ip.')
    const cluster = await withCluster({ subnet: 15, network })
    for (const pod of cluster.pods) pod.sentinel.start()
    await eventually(async () => expect(await reached(cluster)).toEqual(WHOLE), 20_000)
    const cut = async (...minority: Place[]): Promise<string[]> => {
      cluster.partition(minority)
      return reached(cluster)
    }
    expect(await cut(1, 'client')).toEqual(['0>2', '2>0'])
    expect(await cut(2)).toEqual([])
    cluster.heal()
    expect(await reached(cluster)).toEqual(WHOLE)
    expect(await cut(0, 2)).toEqual(['0>2', '2>0'])
  })
})
