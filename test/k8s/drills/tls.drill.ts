/** The service over TLS to Redis and Sentinel, under load, through a failover. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startApi } from '../support/api.ts'
import { loadApi } from '../support/api-load.ts'
import { writeCertificates } from '../support/certificates.ts'
import { eventually } from '../support/cluster.ts'
import { skipReason, withCluster } from '../support/live.ts'

test.skipIf(skipReason)('API: over TLS, the master killed: no failed read, and hits before and after', async () => {
  const folder = writeCertificates(mkdtempSync(path.join(tmpdir(), 'tls-')))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const cluster = await withCluster({ subnet: 26, env: { TLS: 'on', TLS_DIR: folder } })
  cluster.start()
  const shell = async (ordinal: 0 | 1 | 2, script: string): Promise<boolean> =>
    (await cluster.pods[ordinal].redis.exec('-c', `. "$SCRIPT_DIR/lib.sh"; ${script}`)) === 0
  const followed = async (ordinal: 0 | 1 | 2): Promise<boolean> => shell(ordinal, 'is_followed_master "$SELF"')
  await eventually(() => followed(0), 30_000)
  const ca = path.join(folder, 'ca.crt')
  const env = { REDIS_TLS: 'on', SENTINEL_TLS: 'on', REDIS_TLS_CA_FILE: ca, SENTINEL_TLS_CA_FILE: ca }
  const api = await startApi(cluster, { postgres: 24_632, api: 24_600 }, env)
  onTestFinished(() => api.stop())
  const load = await loadApi(api)
  const resident = await api.token('resident')
  const hit = async (): Promise<boolean> => {
    const response = await fetch(`${api.url}/resources`, { headers: { authorization: `Bearer ${resident}` } })
    await response.text()
    return /portcullis; hit/.test(response.headers.get('cache-status') ?? '')
  }
  await eventually(hit, 10_000)
  // The pods' Sentinels learn of the replicas from the master, once in 10 s.
  await sleep(11_000)
  await cluster.pods[0].redis.destroy()
  const promoted = await eventually(async () => (await followed(1)) || (await followed(2)), 30_000)
  await eventually(hit, 10_000)
  cluster.pods[0].redis.start()
  await sleep(3_000)
  await load.stop()
  expect([load.failures, load.mutationFailures, load.staleWithToken, load.stalePastBound]).toEqual([[], [], 0, 0])
  console.log(
    `DRILL API over TLS, the master killed: reads ${load.reads}, failed 0, slowest read ${load.slowestMs} ms, ` +
      `promoted after ${(promoted.tookMs / 1000).toFixed(1)} s`,
  )
})
