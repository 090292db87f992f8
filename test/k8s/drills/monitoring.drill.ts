/** The alerts on real metrics: exporters and Prometheus as the manifests have them, on a cluster that is really broken. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/cluster.ts'
import { beginDrill } from '../support/drill.ts'
import { skipReason } from '../support/live.ts'
import { K8S, noKubectl } from '../support/manifests.ts'
import { missingForMonitoring, startMonitoring } from '../support/monitoring.ts'

const missing = skipReason ?? noKubectl ?? missingForMonitoring()
if (missing) console.warn(`The alerts are not tried on real metrics: ${missing}.`)

const FOLDER = path.join(K8S, 'components/monitoring')
const sources = ['prometheus-rule.yaml', 'dashboard.json'].map((name) => readFileSync(path.join(FOLDER, name), 'utf8'))
/** What rules and dashboard ask the exporters for. */
const METRICS = [...new Set(sources.join('\n').match(/(?<![a-z_])redis_\w+(?=\{)/g))].sort()

test.skipIf(missing)(
  'the alerts are silent on a whole cluster, and each loss raises its own: two of three Sentinels down, no master',
  { timeout: 900_000 },
  async () => {
    const drill = await beginDrill({ subnet: 25 })
    const monitoring = await startMonitoring(drill.cluster, 24_910)
    onTestFinished(() => monitoring.stop())
    const targets = 'count(max by (instance) (redis_up{namespace="redis-sentinel"}) == 1)'
    await eventually(async () => (await monitoring.query(targets))[0] === 6, 60_000)
    for (const metric of METRICS)
      await eventually(
        async () => expect([metric, (await monitoring.query(metric)).length > 0]).toEqual([metric, true]),
        30_000,
      )
    const witnesses = 'count by (instance) (redis_instance_info{role="master"})'
    await eventually(async () => expect(await monitoring.query(witnesses)).toEqual([2]), 30_000)
    // Longer than any of their patience on facts that can be staged here.
    await sleep(100_000)
    expect(await monitoring.firing()).toEqual([])

    const [one, two] = drill.replicas
    await Promise.all([one.sentinel.destroy(), two.sentinel.destroy()])
    const few = await eventually(async () => expect(await monitoring.firing()).toEqual(['SentinelsTooFew']), 180_000)
    one.sentinel.start()
    two.sentinel.start()
    const many = await eventually(async () => expect(await monitoring.firing()).toEqual([]), 180_000)

    await Promise.all(drill.cluster.pods.map((pod) => pod.redis.destroy()))
    const none = await eventually(async () => expect(await monitoring.firing()).toContain('RedisNoMaster'), 180_000)
    expect(monitoring.exporterLog()).not.toMatch(/NOPERM|WRONGPASS|NOAUTH/)
    const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`
    drill.report('alerts on real metrics', {
      metrics: METRICS.length,
      'two Sentinels down: alert after': seconds(few.tookMs),
      'silent again after': seconds(many.tookMs),
      'no Redis: alert after': seconds(none.tookMs),
    })
  },
)
