/** The TLS component's switch on the real scripts: replication, Sentinel, probes and a failover over TLS, and nothing else. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeCertificates } from './support/certificates.ts'
import { type Cluster, createCluster, eventually } from './support/cluster.ts'
import { QUICK, skipReason } from './support/live.ts'
import type { Pod } from './support/pod.ts'
import { findOnPath } from './support/tools.ts'

const missing = skipReason ?? (findOnPath('openssl') ? undefined : 'no openssl on the PATH')
if (missing && !skipReason) console.warn(`TLS is not tried: ${missing}.`)

describe.skipIf(missing)('with TLS on', { timeout: 60_000 }, () => {
  let folder: string
  let cluster: Cluster
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'tls-'))
    writeCertificates(path.join(folder, 'ours'))
    writeCertificates(path.join(folder, 'foreign'))
    cluster = await createCluster({ subnet: 18, env: { ...QUICK, TLS: 'on', TLS_DIR: path.join(folder, 'ours') } })
    cluster.start()
  })
  afterAll(async () => {
    await cluster.destroy()
    rmSync(folder, { recursive: true })
  })

  /** In the pod, with the scripts' own words. */
  const shell = async (pod: Pod, script: string): Promise<boolean> =>
    (await pod.redis.exec('-c', `. "$SCRIPT_DIR/lib.sh"; ${script}`)) === 0
  const isMaster = (pod: Pod) => shell(pod, 'is_followed_master "$SELF"')
  const inStep = (pod: Pod) => pod.redis.exec(path.join(pod.scriptFolder, 'probe.sh'), 'redis-startup')

  test('three pods find each other: all probes pass', async () => {
    for (const pod of cluster.pods) {
      await eventually(async () => (await inStep(pod)) === 0, 30_000)
      for (const probe of ['redis-ready', 'redis-live', 'sentinel-ready', 'sentinel-live'])
        expect([probe, await pod.redis.exec(path.join(pod.scriptFolder, 'probe.sh'), probe)]).toEqual([probe, 0])
    }
    expect(await isMaster(cluster.pods[0])).toBe(true)
  })

  test('nobody is answered without TLS, and nobody trusts a foreign authority', async () => {
    const zero = cluster.pods[0]
    const plain = (port: number) => shell(zero, `TLS_ARGS=; timeout 2 "$CLI" -h "$SELF" -p ${port} PING | grep -q .`)
    expect([await plain(6379), await plain(26379)]).toEqual([false, false])
    const foreign = path.join(folder, 'foreign/ca.crt')
    const ask = (ca: string) => shell(zero, `TLS_ARGS="--tls --cacert ${ca}"; ask_redis "$SELF" PING | grep -q PONG`)
    expect(await ask(foreign)).toBe(false)
    expect(await ask(path.join(folder, 'ours/ca.crt'))).toBe(true)
  })

  test('a failover works, and the old master returns as a replica', async () => {
    const [zero, ...others] = cluster.pods
    await zero.redis.destroy()
    await eventually(async () => (await Promise.all(others.map(isMaster))).some(Boolean), 30_000)
    zero.redis.start()
    await eventually(async () => (await inStep(zero)) === 0 && !(await isMaster(zero)), 30_000)
  })

  test("the secrets' rotation waits for a Sentinel that monitors nothing yet", async () => {
    const [zero] = cluster.pods
    const forget = 'ask_sentinel "$SELF" SENTINEL REMOVE "$MASTER_NAME"'
    expect(await shell(zero, `${forget} | grep -q OK`)).toBe(true)
    const reloaded = zero.redis.exec(path.join(zero.scriptFolder, 'reload-secrets.sh'))
    // More than once: the pod has just returned, and may register itself meanwhile.
    await shell(zero, `for _ in $(seq 20); do ${forget}; sleep 0.05; done`)
    await shell(zero, '"$SCRIPT_DIR/monitor.sh" "$(master_of "$SELF")"')
    expect(await reloaded).toBe(0)
  })

  test("preStop hands the master over, and the secrets' rotation passes", async () => {
    const masters = () => Promise.all(cluster.pods.map(isMaster))
    await eventually(async () => (await masters()).includes(true), 30_000)
    const master = cluster.pods[(await masters()).indexOf(true)] as Pod
    expect(await master.redis.exec(path.join(master.scriptFolder, 'reload-secrets.sh'))).toBe(0)
    expect(await master.redis.preStop()).toBe(0)
    expect(master.log()).toContain('prestop-redis handed over')
  })
})
