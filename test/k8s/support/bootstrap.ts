/** What the bootstrap tests ask a pod. */
import { askSentinel, info } from './ask.ts'
import { type Cluster, eventually } from './cluster.ts'
import type { Pod } from './pod.ts'

export const says = (pod: Pod, text: string, timeoutMs = 15_000) =>
  eventually(() => pod.log().includes(text), timeoutMs)
export const timesSaid = (pod: Pod, text: string): number => pod.log().split(text).length - 1
export const redisRuns = async (pod: Pod): Promise<boolean> => (await info(pod.address)) !== undefined
export const sentinelRuns = (pod: Pod) =>
  eventually(async () => (await askSentinel(pod.address, 'PING')) === 'PONG', 10_000)
export const other = (cluster: Cluster, pod: Pod): [Pod, Pod] => cluster.pods.filter((one) => one !== pod) as [Pod, Pod]

/** The same wait, said eleven polls later: proof that it did not time out into anything. */
export const keepsSaying = (pod: Pod, text: string) => eventually(() => timesSaid(pod, text) >= 2, 20_000)
