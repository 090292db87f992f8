/** The rows of the design that a manifest answers by itself: the mission, the pod, the API, the layout. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  K8S,
  type Manifest,
  noKubectl,
  OVERLAYS,
  ofKind,
  overlay,
  render,
  withComponents,
  type Yaml,
} from './support/manifests.ts'

const named = (all: readonly Manifest[], kind: string, name: string): Manifest => {
  const found = ofKind(all, kind).find(({ metadata }) => metadata.name === name)
  if (!found) throw new Error(`no ${kind} ${name}`)
  return found
}
const patience = ({ periodSeconds, failureThreshold }: Yaml): number => periodSeconds * failureThreshold

describe.skipIf(noKubectl).each(OVERLAYS)('overlay %s', (name) => {
  const all = (): Manifest[] => overlay(name)
  const set = (): Yaml => named(all(), 'StatefulSet', 'redis-node').spec
  const pod = (): Yaml => set().template.spec
  const container = (which: string): Yaml => pod().containers.find((one: Yaml) => one.name === which)
  const script = (which: string, ...rest: string[]) => ['/bin/sh', `/opt/redis/scripts/${which}.sh`, ...rest]
  const api = (): Yaml => named(all(), 'Deployment', 'portcullis-api').spec

  test('mission: three pods redis-node, and Service redis-sentinel on 26379 that any Sentinel answers', () => {
    expect(set().replicas).toBe(3)
    const service = named(all(), 'Service', 'redis-sentinel')
    expect([service.metadata.namespace, service.spec.ports.map((one: Yaml) => one.port)]).toEqual([
      'redis-sentinel',
      [26379],
    ])
    expect(service.spec.clusterIP).toBeUndefined()
  })

  test('mission: the database number is a setting', () => {
    const settings = ofKind(all(), 'ConfigMap').find(({ metadata }) => metadata.name.startsWith('portcullis-settings'))
    expect([settings?.data?.REDIS_DB, settings?.data?.REDIS_MASTER_NAME]).toEqual(['0', 'mymaster'])
  })

  test('pod: Parallel, because OrderedReady deadlocks when the last master is pod 2', () => {
    expect(set().podManagementPolicy).toBe('Parallel')
  })

  test('drill: of two nodes drained at once the budget lets one go', () => {
    const { spec } = named(all(), 'PodDisruptionBudget', 'redis-node')
    expect([spec.maxUnavailable, spec.unhealthyPodEvictionPolicy]).toEqual([1, 'AlwaysAllow'])
    expect(spec.selector.matchLabels).toEqual(set().selector.matchLabels)
  })

  test('drill: a rolling upgrade goes one pod at a time, and on only when the pod is in step', () => {
    // Twice what Sentinel takes to reach a pod that was replaced.
    expect([set().updateStrategy.type, set().minReadySeconds]).toEqual(['RollingUpdate', 30])
    expect(container('redis').startupProbe.exec.command).toEqual(script('probe', 'redis-startup'))
  })

  test('pod: the names resolve before the pods are ready', () => {
    const { spec } = named(all(), 'Service', 'redis-node')
    expect([spec.clusterIP, spec.publishNotReadyAddresses]).toEqual(['None', true])
  })

  test('pod: dnsConfig ndots 2, timeout 1, attempts 1; no service links; grace 60 s', () => {
    const options = Object.fromEntries(pod().dnsConfig.options.map((one: Yaml) => [one.name, one.value]))
    expect(options).toEqual({ ndots: '2', timeout: '1', attempts: '1' })
    expect([pod().enableServiceLinks, pod().terminationGracePeriodSeconds]).toEqual([false, 60])
  })

  test('pod: startup waits for the sync, readiness is PONG, liveness has 60 s of patience', () => {
    const { startupProbe, readinessProbe, livenessProbe } = container('redis')
    const asked = [startupProbe, readinessProbe, livenessProbe].map((probe: Yaml) => probe.exec.command)
    expect(asked).toEqual(['redis-startup', 'redis-ready', 'redis-live'].map((probe) => script('probe', probe)))
    expect(patience(livenessProbe)).toBe(60)
    // The script gives up after 2 s a question; the kubelet must not be faster.
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) expect(probe.timeoutSeconds).toBeGreaterThan(2)
  })

  test('pod: the Sentinel probes are PING only', () => {
    const { readinessProbe, livenessProbe, startupProbe } = container('sentinel')
    expect([readinessProbe, livenessProbe].map((probe: Yaml) => probe.exec.command)).toEqual(
      ['sentinel-ready', 'sentinel-live'].map((probe) => script('probe', probe)),
    )
    expect(startupProbe).toBeUndefined()
  })

  test('step 9: both preStops are there, and the hand-over and the shutdown fit into the grace', () => {
    for (const which of ['redis', 'sentinel'])
      expect(container(which).lifecycle.preStop.exec.command).toEqual(script(`prestop-${which}`))
    const seconds = (file: string, pattern: RegExp): number =>
      Number(pattern.exec(readFileSync(path.join(K8S, 'base/redis-sentinel', file), 'utf8'))?.[1])
    const handOver = seconds('scripts/prestop-redis.sh', /HAND_OVER_SECONDS=(\d+)/)
    const prefer = seconds('scripts/prestop-redis.sh', /PREFER_SECONDS=(\d+)/)
    const settle = seconds('scripts/prestop-redis.sh', /SETTLE_SECONDS=(\d+)/)
    expect(seconds('scripts/prestop-sentinel.sh', /STAY_SECONDS=(\d+)/)).toBe(prefer + handOver + settle)
    const shutdown = seconds('config/redis.conf', /shutdown-timeout (\d+)/)
    const role = seconds('scripts/lib.sh', /ROLE_SECONDS=(\d+)/)
    expect(role + prefer + handOver + settle + shutdown).toBeLessThan(pod().terminationGracePeriodSeconds)
  })

  test('pod: redis.conf on an emptyDir, sentinel.conf and the snapshot on the volume', () => {
    const mounts = (which: string) =>
      Object.fromEntries(container(which).volumeMounts.map((one: Yaml) => [one.mountPath, one.name]))
    expect(mounts('redis')).toMatchObject({ '/data': 'data', '/run/redis': 'run-redis' })
    expect(mounts('sentinel')).toMatchObject({ '/data/sentinel': 'data' })
    expect(pod().volumes.find((one: Yaml) => one.name === 'run-redis').emptyDir.medium).toBe('Memory')
  })

  test('API: liveness and startup ask the event loop only, so that a wait is no crash loop; readiness never Redis', () => {
    const [{ livenessProbe, readinessProbe, startupProbe }] = api().template.spec.containers
    expect([livenessProbe, readinessProbe, startupProbe].map((probe: Yaml) => probe.httpGet.path)).toEqual([
      '/livez',
      '/readyz',
      '/livez',
    ])
  })

  test('API: preStop sleeps 5 to 10 s, grace 45 s, no pod is taken away before another is there', () => {
    const { containers, terminationGracePeriodSeconds } = api().template.spec
    const [command, seconds] = containers[0].lifecycle.preStop.exec.command
    expect([command, Number(seconds) >= 5 && Number(seconds) <= 10]).toEqual(['/bin/sleep', true])
    expect(terminationGracePeriodSeconds).toBe(45)
    // The pause, the delay with closing answers, and CLOSE_WITHIN_MS of src/main.ts.
    const settings = ofKind(all(), 'ConfigMap').find(({ metadata }) => metadata.name.startsWith('portcullis-settings'))
    const delaySeconds = Number(settings?.data?.SHUTDOWN_DELAY_MS) / 1000
    expect(delaySeconds).toBeGreaterThanOrEqual(10)
    expect(Number(seconds) + delaySeconds + 25).toBeLessThan(terminationGracePeriodSeconds)
    expect(api().strategy.rollingUpdate.maxUnavailable).toBe(0)
  })

  test('API: at least three, spread over hosts and zones', () => {
    const scaler = ofKind(all(), 'HorizontalPodAutoscaler')[0]
    expect(api().replicas ?? scaler?.spec.minReplicas).toBe(3)
    if (scaler) expect(scaler.spec.behavior.scaleDown.stabilizationWindowSeconds).toBeGreaterThanOrEqual(300)
    const keys = api().template.spec.topologySpreadConstraints.map((one: Yaml) => one.topologyKey)
    expect(keys).toEqual(['kubernetes.io/hostname', 'topology.kubernetes.io/zone'])
  })

  test('API: Node takes the place of the shell that picks the command, and there is no npm to start it', () => {
    const entry = readFileSync(path.join(K8S, 'image/portcullis.sh'), 'utf8')
    expect(entry).toMatch(/serve\) exec node .*src\/main\.ts/)
    expect(entry).not.toMatch(/\bnpm\b/)
  })

  test('API: migrations are one Job with a TTL, a backoff limit and a deadline', () => {
    const job = ofKind(all(), 'Job').find(({ metadata }) => metadata.name.startsWith('portcullis-migrate-')) as Manifest
    const { spec, metadata } = job
    const [, tag] = spec.template.spec.containers[0].image.split(/[:@]/)
    expect(metadata.name).toBe(`portcullis-migrate-${tag}`)
    expect([spec.ttlSecondsAfterFinished > 0, spec.backoffLimit > 0, spec.activeDeadlineSeconds > 0]).toEqual([
      true,
      true,
      true,
    ])
    const [command, option, seconds] = spec.template.spec.containers[0].args
    expect([command, option]).toEqual(['migrate', '--wait'])
    expect(Number(seconds)).toBeLessThan(spec.activeDeadlineSeconds)
    expect(spec.template.spec.containers[0].image).toBe(api().template.spec.containers[0].image)
  })

  test('the exporter is a Deployment of its own that is asked with /scrape?target=', () => {
    for (const monitor of ofKind(all(), 'ServiceMonitor').filter(({ metadata }) => metadata.name === 'redis'))
      for (const endpoint of monitor.spec.endpoints)
        expect([endpoint.path, endpoint.params.target.length]).toEqual(['/scrape', 1])
    expect(ofKind(all(), 'ServiceMonitor').length > 0).toBe(
      ofKind(all(), 'Deployment').some(({ metadata }) => metadata.name === 'redis-exporter'),
    )
  })

  test('no label that the monitoring puts on a target is one that the alerts read from the metric itself', () => {
    const labels = ofKind(all(), 'ServiceMonitor').flatMap(({ spec }) =>
      spec.endpoints.flatMap((one: Yaml) => (one.relabelings ?? []).map((relabeling: Yaml) => relabeling.targetLabel)),
    )
    expect([...new Set(labels)]).toEqual(name === 'local' ? [] : ['instance'])
  })
})

describe.skipIf(noKubectl)('the layout', () => {
  const folders = (where: string): string[] =>
    readdirSync(path.join(K8S, where), { withFileTypes: true })
      .filter((one) => one.isDirectory())
      .map((one) => one.name)

  test('has the base, components and overlays of the design', () => {
    expect(folders('base').sort()).toEqual(['api', 'redis-sentinel'])
    expect(folders('components')).toEqual(
      expect.arrayContaining([
        'monitoring',
        'network-policies',
        'tls',
        'postgres-demo',
        'external-secrets',
        'hpa',
        'exporter',
        'valkey',
      ]),
    )
    expect(folders('overlays').sort()).toEqual(['local', 'production', 'staging'])
  })

  test.each(readdirSync(path.join(K8S, 'components')))('component %s renders alone on the bases', (component) => {
    expect(withComponents(component).length).toBeGreaterThan(15)
  })

  test('the bases need no CRD: without the operators, the rest can be applied', () => {
    const groups = new Set(
      [...render('base/api'), ...render('base/redis-sentinel'), ...overlay('local')].map(
        ({ apiVersion }) => apiVersion,
      ),
    )
    expect([...groups].filter((group) => /coreos|external-secrets/.test(group))).toEqual([])
  })

  test('valkey changes image and program of both containers, and nothing of the rest', () => {
    const set = named(withComponents('valkey'), 'StatefulSet', 'redis-node')
    for (const { image, env } of set.spec.template.spec.containers) {
      expect(image).toMatch(/^valkey\/valkey:/)
      expect(env).toEqual(
        expect.arrayContaining([
          { name: 'REDIS_SERVER', value: 'valkey-server' },
          { name: 'REDIS_CLI', value: 'valkey-cli' },
        ]),
      )
    }
  })
})

test.skipIf(noKubectl)('every alert of the design is there', () => {
  const rules = ofKind(overlay('production'), 'PrometheusRule').flatMap(({ spec }) =>
    spec.groups.flatMap((one: Yaml) => one.rules),
  )
  const alerts: Readonly<Record<string, string>> = {
    'no master': 'RedisNoMaster',
    'more than one': 'RedisMoreThanOneMaster',
    'fewer than three usable Sentinels': 'SentinelsTooFew',
    'replica link down': 'RedisReplicaLinkDown',
    'snapshot failed': 'RedisSnapshotFailed',
    'snapshot older than 4 h': 'RedisSnapshotOld',
    'memory over 80 %': 'RedisMemoryHigh',
    'volume over 80 %': 'RedisVolumeFull',
    TILT: 'SentinelTilt',
    'client in state end': 'PortcullisRedisClientStuck',
    'breaker open': 'PortcullisBreakerOpen',
    'log lag over the bound': 'PortcullisLogLag',
    'a tier flush happened': 'PortcullisTierFlush',
  }
  expect(rules.map((rule: Yaml) => rule.alert)).toEqual(expect.arrayContaining(Object.values(alerts)))
})
