/**
 * What a cluster refuses to change in an existing object. If the manifests changed it, an existing installation could not apply them,
 * so it is written down here. Before changing a line, find a way for existing installations: docs/runbook.md, "Upgrade the manifests".
 */
import { describe, expect, test } from 'vitest'
import { type Manifest, noKubectl, OVERLAYS, ofKind, overlay, render, type Yaml } from './support/manifests.ts'

const of = (name: string, component: string) => ({
  matchLabels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': component },
})
const claimLabels = (more: Readonly<Record<string, string>>) => ({
  'app.kubernetes.io/managed-by': 'kustomize',
  'app.kubernetes.io/part-of': 'portcullis',
  ...more,
})

/** By name. How large a claim is, is a value: the runbook says how it grows. */
const FIXED: Readonly<Record<string, Yaml>> = {
  'Deployment portcullis-api': { selector: of('portcullis', 'api') },
  'Deployment redis-exporter': { selector: of('redis-exporter', 'exporter') },
  'StatefulSet redis-node': {
    selector: of('redis-sentinel', 'redis-node'),
    serviceName: 'redis-node',
    podManagementPolicy: 'Parallel',
    revisionHistoryLimit: 5,
    claims: [
      {
        name: 'data',
        labels: claimLabels({
          'app.kubernetes.io/instance': 'redis-sentinel',
          'app.kubernetes.io/name': 'redis-sentinel',
        }),
        accessModes: ['ReadWriteOnce'],
      },
    ],
  },
  'StatefulSet postgres': {
    selector: of('postgres', 'database'),
    serviceName: 'postgres',
    podManagementPolicy: undefined,
    revisionHistoryLimit: 5,
    claims: [{ name: 'data', labels: claimLabels({}), accessModes: ['ReadWriteOnce'] }],
  },
  'Service portcullis': { clusterIP: undefined },
  'Service portcullis-metrics': { clusterIP: 'None' },
  'Service postgres': { clusterIP: 'None' },
  'Service redis-exporter': { clusterIP: undefined },
  'Service redis-node': { clusterIP: 'None' },
  'Service redis-sentinel': { clusterIP: undefined },
  'PriorityClass portcullis-api': { value: 90_000, preemptionPolicy: undefined },
  'PriorityClass portcullis-redis': { value: 100_000, preemptionPolicy: undefined },
}

/** By the validation of Kubernetes 1.29; `revisionHistoryLimit` of a StatefulSet can be changed from 1.33 on. */
function fixedOf({ kind, spec, ...rest }: Manifest): Yaml {
  switch (kind) {
    case 'Deployment':
      return { selector: spec.selector }
    case 'StatefulSet': {
      const { selector, serviceName, podManagementPolicy, revisionHistoryLimit, volumeClaimTemplates = [] } = spec
      const claims = volumeClaimTemplates.map(({ metadata, spec: claim }: Yaml) => {
        const { resources: _, ...others } = claim
        return { name: metadata.name, labels: metadata.labels, ...others }
      })
      return { selector, serviceName, podManagementPolicy, revisionHistoryLimit, claims }
    }
    case 'Service':
      return { clusterIP: spec.clusterIP }
    case 'PriorityClass':
      return { value: rest.value, preemptionPolicy: rest.preemptionPolicy }
    default:
      return undefined
  }
}

const fixedIn = (all: readonly Manifest[]) =>
  all.flatMap((manifest) => {
    const fixed = fixedOf(manifest)
    return fixed === undefined ? [] : [[`${manifest.kind} ${manifest.metadata.name}`, fixed] as const]
  })

describe.skipIf(noKubectl)('an installation that exists', () => {
  test.each(OVERLAYS)('can apply the manifests of %s: what cannot be changed has not changed', (name) => {
    for (const [id, fixed] of fixedIn(overlay(name))) expect([id, fixed]).toEqual([id, FIXED[id]])
  })

  test('each object that is written down here is still in an overlay: a new name would leave the old one behind', () => {
    const names = OVERLAYS.flatMap((name) => fixedIn(overlay(name)).map(([id]) => id))
    expect([...new Set(names)].sort()).toEqual(Object.keys(FIXED).sort())
  })

  test('what people install from agrees with it, whatever values they choose', () => {
    for (const folder of ['install', 'install-api'])
      for (const [id, fixed] of fixedIn(render(folder))) expect([id, fixed]).toEqual([id, FIXED[id]])
  })

  test('the Job, of which nothing can be changed, is another one with each release', () => {
    for (const name of OVERLAYS) {
      const [job] = ofKind(overlay(name), 'Job')
      const [, tag = ''] = job?.spec.template.spec.containers[0].image.split(':') ?? []
      expect(job?.metadata.name).toBe(`portcullis-migrate-${tag}`)
    }
  })
})
