/** A cluster per test, gone afterwards; its logs are shown when the test fails. */
import { onTestFinished } from 'vitest'
import { type Cluster, type ClusterOptions, createCluster, eventually } from './cluster.ts'
import { missingForLivePods } from './tools.ts'

/** The reason to skip, printed once: a skipped suite must say what it needs. */
export const skipReason = missingForLivePods()
if (skipReason) console.warn(`Live pods are skipped: ${skipReason}.`)

/** Short waits: the branches are the same, the figures are those of the drills. */
export const QUICK = {
  DOWN_AFTER_MS: '1500',
  FAILOVER_TIMEOUT_MS: '4000',
  BOOTSTRAP_POLL_SECONDS: '0.2',
  LIVE_PEER_WAIT_SECONDS: '3',
  FIRST_BOOT_WAIT_SECONDS: '2',
  RECONCILE_SECONDS: '6',
  PATIENCE_SECONDS: '1',
} as const

export async function withCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = await createCluster(options)
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') for (const pod of cluster.pods) console.error(`--- ${pod.name}\n${pod.log()}`)
    await cluster.destroy()
  })
  return cluster
}

/** First boot done, both replicas in step. */
export async function withHealthyCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = await withCluster(options)
  cluster.start()
  await eventually(cluster.healthy, 30_000)
  return cluster
}
