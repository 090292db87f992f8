/** What every drill row has around it: a healthy cluster, a writing client, an observer, and the row's verdict. */
import { expect, onTestFinished } from 'vitest'
import { type CountingClient, createCountingClient } from './client.ts'
import { type Cluster, type ClusterOptions, eventually } from './cluster.ts'
import { withHealthyCluster } from './live.ts'
import { type Observer, observe } from './observer.ts'
import type { Pod } from './pod.ts'

export interface Drill {
  readonly cluster: Cluster
  readonly client: CountingClient
  readonly observer: Observer
  readonly master: Pod
  readonly replicas: readonly [Pod, Pod]
  /** Waits for the cluster to be whole again, another master where asked, and returns the time it took. */
  recovered(expected?: { readonly newMaster: true }): Promise<{ tookMs: number; master: Pod }>
  report(row: string, figures: Readonly<Record<string, number | string>>): void
}

export async function beginDrill(options: ClusterOptions): Promise<Drill> {
  const cluster = await withHealthyCluster(options)
  const { master, replicas } = await cluster.healthy()
  const client = createCountingClient(cluster)
  const observer = observe(cluster)
  onTestFinished(async () => {
    await client.stop()
    await observer.stop()
  })
  await eventually(() => client.accepted > 0, 10_000)
  // Sentinels learn the replicas from the master's INFO, once in 10 s: a drill starts from a cluster that has settled.
  await eventually(async () => (await cluster.settled()) === true, 60_000)
  client.forget()
  return {
    cluster,
    client,
    observer,
    master,
    replicas: replicas as [Pod, Pod],
    async recovered(expected) {
      const { tookMs, value } = await eventually(async () => {
        const now = await cluster.healthy()
        if (expected && now.master === master) throw new Error(`${master.name} is still the master`)
        return now
      }, 60_000)
      return { tookMs, master: value.master }
    },
    report(row, figures) {
      expect(observer.twoMastersMs).toBeLessThanOrEqual(10_000)
      const text = Object.entries({
        ...figures,
        'two masters': `${observer.twoMastersMs} ms`,
        'client ended': client.ended,
      })
      console.log(`DRILL ${row}: ${text.map(([name, value]) => `${name} ${value}`).join(', ')}`)
    },
  }
}
