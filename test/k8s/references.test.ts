/** Whatever a manifest names exists: in the overlay itself, or in the list of what an operator brings. */
import { describe, expect, test } from 'vitest'
import {
  type Manifest,
  noKubectl,
  OVERLAYS,
  type Overlay,
  ofKind,
  overlay,
  workloads,
  type Yaml,
} from './support/manifests.ts'

/** Made by hand or by cert-manager; docs/runbook.md says how. */
const BROUGHT: Readonly<Record<Overlay, readonly string[]>> = {
  local: ['ConfigMap portcullis/portcullis-jwt'],
  staging: [],
  production: ['Secret redis-sentinel/redis-tls', 'ConfigMap portcullis/redis-ca'],
}

function provided(all: readonly Manifest[]): Set<string> {
  const own = all.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)
  const external = ofKind(all, 'ExternalSecret').map(
    ({ metadata, spec }) => `Secret ${metadata.namespace}/${spec.target.name}`,
  )
  return new Set([...own, ...external])
}

/** Every ConfigMap and Secret that a pod mounts or reads. */
function named(all: readonly Manifest[]): string[] {
  return workloads(all).flatMap(({ pod, namespace, containers }) => [
    ...(pod.volumes ?? []).flatMap((volume: Yaml) => [
      ...(volume.configMap ? [`ConfigMap ${namespace}/${volume.configMap.name}`] : []),
      ...(volume.secret ? [`Secret ${namespace}/${volume.secret.secretName}`] : []),
    ]),
    ...containers.flatMap((container) =>
      (container.envFrom ?? []).map((from: Yaml) => `ConfigMap ${namespace}/${from.configMapRef.name}`),
    ),
  ])
}

describe.skipIf(noKubectl).each(OVERLAYS)('overlay %s', (name) => {
  test('every ConfigMap and Secret exists or is brought', () => {
    const known = provided(overlay(name))
    const missing = new Set(named(overlay(name)).filter((id) => !known.has(id)))
    expect([...missing].sort()).toEqual([...BROUGHT[name]].sort())
  })

  test('every volume that is mounted is declared, and every declared one is mounted', () => {
    for (const { manifest, pod, containers } of workloads(overlay(name))) {
      const claims = (manifest.spec.volumeClaimTemplates ?? []).map((claim: Yaml) => claim.metadata.name)
      const declared = [...(pod.volumes ?? []).map((volume: Yaml) => volume.name), ...claims]
      const mounted = new Set(
        containers.flatMap((container) => (container.volumeMounts ?? []).map((mount: Yaml) => mount.name)),
      )
      expect([...mounted].sort()).toEqual(declared.sort())
    }
  })

  test('every namespace that is used is created', () => {
    const created = ofKind(overlay(name), 'Namespace').map(({ metadata }) => metadata.name)
    const used = overlay(name).flatMap(({ metadata }) => metadata.namespace ?? [])
    expect([...new Set(used)].sort()).toEqual(created.sort())
  })

  test('the Sentinels that the API is told are Services and pods that exist', () => {
    const settings = ofKind(overlay(name), 'ConfigMap').find(({ metadata }) =>
      metadata.name.startsWith('portcullis-settings'),
    )
    const addresses = settings?.data?.REDIS_SENTINELS?.split(',') ?? []
    expect(addresses).toHaveLength(4)
    const set = ofKind(overlay(name), 'StatefulSet').find(({ metadata }) => metadata.name === 'redis-node')
    const services = ofKind(overlay(name), 'Service')
    for (const address of addresses) {
      const [, pod, service] =
        /^(?:(redis-node-\d)\.)?([a-z-]+)\.redis-sentinel\.svc\.cluster\.local:26379$/.exec(address) ?? []
      expect(
        services.some(({ metadata }) => metadata.name === service && metadata.namespace === 'redis-sentinel'),
      ).toBe(true)
      if (pod) expect([service, Number(pod.at(-1)) < set?.spec.replicas]).toEqual([set?.spec.serviceName, true])
    }
  })

  test('the API that is deployed knows that it is behind a proxy; the try-out is behind none', () => {
    const settings = ofKind(overlay(name), 'ConfigMap').find(({ metadata }) =>
      metadata.name.startsWith('portcullis-settings'),
    )
    expect(settings?.data?.TRUST_PROXY).toBe(name === 'local' ? 'false' : '1')
  })

  test('the volume of Redis is twice its memory', () => {
    const set = ofKind(overlay(name), 'StatefulSet').find(({ metadata }) => metadata.name === 'redis-node')
    const redis = set?.spec.template.spec.containers.find((container: Yaml) => container.name === 'redis')
    const { requests, limits } = redis.resources
    expect(requests.memory).toBe(limits.memory)
    expect(bytesOf(set?.spec.volumeClaimTemplates[0].spec.resources.requests.storage)).toBe(2 * bytesOf(limits.memory))
    expect(redis.env).toContainEqual({ name: 'SNAPSHOT_SECONDS', value: '10800' })
  })

  test('the pods have exactly the two containers of the mission, on its ports', () => {
    const set = ofKind(overlay(name), 'StatefulSet').find(({ metadata }) => metadata.name === 'redis-node')
    const containers = set?.spec.template.spec.containers.map((one: Yaml) => [one.name, one.ports[0].containerPort])
    expect(containers).toEqual([
      ['redis', 6379],
      ['sentinel', 26379],
    ])
    expect(set?.metadata.namespace).toBe('redis-sentinel')
  })

  test('sample secrets are in the local overlay alone', () => {
    expect(ofKind(overlay(name), 'Secret').length > 0).toBe(name === 'local')
  })

  test('a change of a script or of a setting rolls out: their names carry a hash', () => {
    const generated = ofKind(overlay(name), 'ConfigMap').filter(
      ({ metadata }) => metadata.name !== 'portcullis-dashboard',
    )
    for (const { metadata } of generated) expect(metadata.name).toMatch(/-[a-z0-9]{10}$/)
  })
})

describe.skipIf(noKubectl)('production', () => {
  test('third-party images of the data path are pinned by digest', () => {
    const images = workloads(overlay('production')).flatMap(({ containers }) =>
      containers.map(({ image }) => image as string),
    )
    for (const image of images.filter((one) => one.startsWith('redis:'))) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/)
  })

  test('Redis, Sentinel and the API speak TLS', () => {
    const tls = workloads(overlay('production')).flatMap(({ containers }) =>
      containers.flatMap(({ name, env = [] }) =>
        env
          .filter((one: Yaml) => /^(REDIS_|SENTINEL_)?TLS$/.test(one.name))
          .map((one: Yaml) => `${name} ${one.name}=${one.value}`),
      ),
    )
    expect(tls.sort()).toEqual(['api REDIS_TLS=on', 'api SENTINEL_TLS=on', 'redis TLS=on', 'sentinel TLS=on'])
  })

  test('an HPA owns the number of API pods', () => {
    const deployment = ofKind(overlay('production'), 'Deployment').find(
      ({ metadata }) => metadata.name === 'portcullis-api',
    )
    expect(deployment?.spec.replicas).toBeUndefined()
  })
})

function bytesOf(quantity = ''): number {
  const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? []
  return Number(number) * (unit === 'Gi' ? 1024 : 1) * 1024 * 1024
}
