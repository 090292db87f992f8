/** Three pods of the manifests on loopback addresses, the edges between them, and what an observer can see and break. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { info, monitored, setAndWait, writable } from './ask.ts'
import { createNetwork } from './create-network.ts'
import type { Network, Place } from './network.ts'
import { createPod, type Pod } from './pod.ts'
import { writeSecrets } from './secrets.ts'
import { linkRedis, namespaceCommand } from './tools.ts'

export const MANIFESTS = fileURLToPath(new URL('../../../k8s/base/redis-sentinel/', import.meta.url))

export interface ClusterOptions {
  /** Third number of the addresses: one cluster each, so that several run at once. */
  readonly subnet: number
  readonly env?: Readonly<Record<string, string>>
  readonly manifestFolder?: string
  /** The kubelet's waits before a crashed container's restarts. */
  readonly backOffMs?: readonly number[]
  readonly network?: (subnet: number) => Promise<Network>
}

export interface Cluster {
  readonly folder: string
  readonly pods: readonly [Pod, Pod, Pod]
  readonly network: 'namespaces' | 'relays'
  /** An address of the test's own process that every pod reaches. */
  readonly outside: string
  /** The names as seen from a place: what its hosts file holds. */
  names(from: Place): Record<string, string>
  start(): void
  /**
   * As a StatefulSet replaces a pod: it goes in good order, and after `awayMs` another comes by its name with another address.
   * Peers' Sentinels reach it only 14 to 15 s after that, as was observed on a cluster.
   */
  recreate(pod: Pod, awayMs: number): Promise<void>
  /**
   * All pods are lost and come back with other addresses at once, while the cluster's DNS goes on answering with the old address
   * of `stale`, from its cache. `updateNames` ends that. A pod's own name is in its own table: always right.
   */
  recreateAll(stale: Pod): Promise<{ updateNames(): void }>
  /** Cuts every route between the two groups; those inside a group stay. */
  partition(minority: readonly Place[]): void
  heal(): void
  /** Takes the names away from pods: "refused" answers at once, "slow" never answers. */
  breakNames(resolver: string): void
  restoreNames(): void
  masters(): Promise<Pod[]>
  /** One master that every Sentinel names, with both replicas linked, and nothing else claiming to be it. */
  healthy(): Promise<{ master: Pod; replicas: Pod[] }>
  /** The master that accepts writes and that a majority of Sentinels names. */
  serving(): Promise<Pod>
  /** Every Sentinel knows both replicas and both other Sentinels. */
  settled(): Promise<boolean>
  destroy(): Promise<void>
}

export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const namespace = namespaceCommand()
  if (!namespace) throw new Error('mount namespaces are not allowed here')
  const folder = mkdtempSync(path.join(tmpdir(), 'sentinel-pods-'))
  linkRedis(path.join(folder, 'bin'))
  writeSecrets(path.join(folder, 'secrets'))
  const network = await (options.network ?? createNetwork)(options.subnet)
  const pods = [0, 1, 2].map((ordinal) =>
    createPod({
      ordinal,
      address: network.observed(ordinal),
      bindAddress: network.bind(ordinal),
      manifestFolder: options.manifestFolder ?? MANIFESTS,
      folder: path.join(folder, `redis-node-${ordinal}`),
      secretFolder: path.join(folder, 'secrets'),
      namespace: [...network.enter(ordinal), ...namespace],
      env: options.env ?? {},
      ...(options.backOffMs ? { backOffMs: options.backOffMs } : {}),
    }),
  ) as unknown as [Pod, Pod, Pod]
  const names = (from: Place): Record<string, string> =>
    Object.fromEntries(pods.map((pod) => [pod.fqdn, network.seen(from, pod.ordinal)]))
  const restoreNames = (): void => {
    for (const pod of pods) pod.writeNames(names(pod.ordinal as Place))
  }
  restoreNames()

  const masters = async (): Promise<Pod[]> => {
    const roles = await Promise.all(pods.map((pod) => info(pod.address)))
    return pods.filter((_, i) => roles[i]?.role === 'master' && roles[i].loading === '0')
  }
  return {
    folder,
    pods,
    network: network.kind,
    outside: network.outside,
    names,
    start() {
      for (const pod of pods) pod.start()
    },
    async recreate(pod, awayMs) {
      await pod.deleteGracefully()
      network.forgetAddress?.(pod.ordinal)
      await sleep(awayMs)
      restoreNames()
      pod.start()
    },
    async recreateAll(stale) {
      const before = pods.map((pod) => names(pod.ordinal as Place)[stale.fqdn] as string)
      await Promise.all(pods.map((pod) => pod.deleteForcibly()))
      for (const pod of pods) network.forgetAddress?.(pod.ordinal)
      for (const pod of pods) {
        const now = names(pod.ordinal as Place)
        pod.writeNames(pod === stale ? now : { ...now, [stale.fqdn]: before[pod.ordinal] as string })
      }
      for (const pod of pods) pod.start()
      return { updateNames: restoreNames }
    },
    partition: network.partition,
    heal: network.heal,
    breakNames(resolver) {
      for (const pod of pods) pod.writeNames({ [pod.fqdn]: network.seen(pod.ordinal as Place, pod.ordinal) }, resolver)
    },
    restoreNames,
    masters,
    async healthy() {
      const opinions = await Promise.all(pods.map((pod) => monitored(pod.address)))
      const states = await Promise.all(pods.map((pod) => info(pod.address)))
      const now = pods.filter((_, i) => states[i]?.role === 'master')
      const [master] = now
      if (!master || now.length !== 1) throw new Error(`masters: ${now.map((pod) => pod.name).join(', ') || 'none'}`)
      const votes = opinions.filter((opinion) => opinion?.master === master.fqdn).length
      if (votes < 3) throw new Error(`${votes} Sentinels name ${master.name}`)
      const linked = pods.filter(
        (_, i) => states[i]?.master_link_status === 'up' && states[i]?.master_host === master.fqdn,
      )
      if (linked.length !== 2) throw new Error(`${linked.length} replicas are linked to ${master.name}`)
      const good = states[master.ordinal]?.min_slaves_good_slaves
      if (good !== '2') throw new Error(`${master.name} counts ${good} good replicas`)
      return { master, replicas: linked }
    },
    async serving() {
      const opinions = await Promise.all(pods.map((pod) => monitored(pod.address)))
      const states = await Promise.all(pods.map((pod) => info(pod.address)))
      const [master, another] = pods.filter((_, i) => writable(states[i]))
      if (!master || another) throw new Error(another ? 'two masters accept writes' : 'no master accepts writes')
      const votes = opinions.filter((opinion) => opinion?.master === master.fqdn).length
      if (votes < 2) throw new Error(`${votes} Sentinels name ${master.name}`)
      return master
    },
    async settled() {
      const opinions = await Promise.all(pods.map((pod) => monitored(pod.address)))
      return opinions.every((opinion) => opinion?.replicas === 2 && opinion.otherSentinels === 2)
    },
    async destroy() {
      await Promise.all(pods.map((pod) => pod.deleteForcibly()))
      await network.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Waits until `fact` returns without throwing (and not false), asking every 100 ms.
 * @returns what it returned and how long that took
 * @throws with the last reason after `timeoutMs`
 */
export async function eventually<T>(
  fact: () => Promise<T> | T,
  timeoutMs: number,
): Promise<{ value: T; tookMs: number }> {
  const started = performance.now()
  for (;;) {
    try {
      const value = await fact()
      if (value === false) throw new Error('still false')
      return { value, tookMs: Math.round(performance.now() - started) }
    } catch (reason) {
      if (performance.now() - started > timeoutMs)
        throw new Error(`not within ${timeoutMs} ms: ${(reason as Error).message}`, { cause: reason })
      await sleep(100)
    }
  }
}

/** A write that both replicas confirm: what must survive a drill. */
export async function writeConfirmed(pod: Pod, key: string, value: string): Promise<void> {
  await eventually(async () => (await setAndWait(pod.address, { key, value, replicas: 2 })) === 2, 10_000)
}
