/** Who may talk to whom, computed from the rendered policies, compared with the one matrix that is meant. */
import { describe, expect, test } from 'vitest'
import {
  type Manifest,
  noKubectl,
  type Overlay,
  ofKind,
  overlay,
  selects,
  workloads,
  type Yaml,
} from './support/manifests.ts'

interface Peer {
  readonly name: string
  readonly namespace: string
  readonly namespaceLabels: Record<string, string>
  readonly labels: Record<string, string>
}

const outside = (
  name: string,
  namespace: string,
  labels: Record<string, string>,
  more: Record<string, string> = {},
): Peer => ({
  name,
  namespace,
  labels,
  namespaceLabels: { 'kubernetes.io/metadata.name': namespace, ...more },
})

/** Others in the cluster: those that are meant, and a stranger beside each. */
const NEIGHBOURS: readonly Peer[] = [
  outside('dns', 'kube-system', { 'k8s-app': 'kube-dns' }),
  outside('kube-system-other', 'kube-system', { app: 'other' }),
  outside('prometheus', 'monitoring', { 'app.kubernetes.io/name': 'prometheus' }),
  outside('monitoring-other', 'monitoring', { app: 'other' }),
  outside('gateway', 'gateway', { app: 'gateway' }, { 'portcullis.io/may-call-api': 'true' }),
  outside('stranger', 'elsewhere', { 'app.kubernetes.io/name': 'portcullis', 'app.kubernetes.io/component': 'api' }),
  outside('stranger-in-redis', 'redis-sentinel', { app: 'stranger' }),
  outside('stranger-in-portcullis', 'portcullis', { app: 'stranger' }),
]

const PORTS = [53, 443, 3000, 5432, 6379, 9121, 9464, 26379]

function peersOf(all: readonly Manifest[]): Peer[] {
  const own = workloads(all).map(({ manifest, namespace, labels }) =>
    // The last part of the migrations' name is the release.
    outside(manifest.metadata.name.replace(/^(portcullis-migrate)-.*/, '$1'), namespace, labels),
  )
  return [...own, ...NEIGHBOURS]
}

function matches(rule: Yaml, policy: Manifest, peer: Peer): boolean {
  if (rule.ipBlock) return false
  const namespace = rule.namespaceSelector
    ? selects(rule.namespaceSelector, peer.namespaceLabels)
    : peer.namespace === policy.metadata.namespace
  return namespace && selects(rule.podSelector ?? {}, peer.labels)
}

/** Kubernetes' meaning: no policy for a direction allows all of it, several add up. */
function allows(
  all: readonly Manifest[],
  direction: 'Ingress' | 'Egress',
  subject: Peer,
  other: Peer,
  port: number,
): boolean {
  const policies = ofKind(all, 'NetworkPolicy').filter(
    (policy) =>
      policy.metadata.namespace === subject.namespace &&
      selects(policy.spec.podSelector, subject.labels) &&
      policy.spec.policyTypes.includes(direction),
  )
  if (policies.length === 0) return true
  const [rules, side] = direction === 'Ingress' ? (['ingress', 'from'] as const) : (['egress', 'to'] as const)
  return policies.some((policy) =>
    (policy.spec[rules] ?? []).some(
      (rule: Yaml) =>
        rule.ports.some((one: Yaml) => one.port === port) &&
        rule[side].some((one: Yaml) => matches(one, policy, other)),
    ),
  )
}

/** Only pairs of which one is ours; elsewhere we have no say. */
function matrixOf(all: readonly Manifest[]): string[] {
  const peers = peersOf(all)
  const ours = (peer: Peer): boolean => ['redis-sentinel', 'portcullis'].includes(peer.namespace)
  return peers.flatMap((from) =>
    peers.flatMap((to) =>
      !ours(from) && !ours(to)
        ? []
        : PORTS.filter((port) => allows(all, 'Egress', from, to, port) && allows(all, 'Ingress', to, from, port)).map(
            (port) => `${from.name} > ${to.name}:${port}`,
          ),
    ),
  )
}

const EVERYWHERE = [
  'redis-node > redis-node:6379',
  'redis-node > redis-node:26379',
  'portcullis-api > redis-node:6379',
  'portcullis-api > redis-node:26379',
  'gateway > portcullis-api:3000',
  'prometheus > portcullis-api:9464',
]
const MIGRATE = 'portcullis-migrate'
const NAMES = (names: readonly string[]): string[] => names.map((name) => `${name} > dns:53`)
const STRANGERS = ['stranger-in-redis', 'stranger-in-portcullis']
const WITH_EXPORTER = [
  'redis-exporter > redis-node:6379',
  'redis-exporter > redis-node:26379',
  'prometheus > redis-exporter:9121',
]
const WITH_POSTGRES = ['portcullis-api > postgres:5432', `${MIGRATE} > postgres:5432`]

const EXPECTED: Readonly<Record<Overlay, readonly string[]>> = {
  local: [
    ...EVERYWHERE,
    ...WITH_POSTGRES,
    ...NAMES(['redis-node', 'portcullis-api', MIGRATE, 'postgres', ...STRANGERS]),
  ],
  staging: [
    ...EVERYWHERE,
    ...WITH_EXPORTER,
    ...NAMES(['redis-node', 'portcullis-api', MIGRATE, 'redis-exporter', ...STRANGERS]),
  ],
  production: [
    ...EVERYWHERE,
    ...WITH_EXPORTER,
    ...NAMES(['redis-node', 'portcullis-api', MIGRATE, 'redis-exporter', ...STRANGERS]),
  ],
}

describe.skipIf(noKubectl)('the network policies', () => {
  test.each(Object.keys(EXPECTED) as Overlay[])('allow in %s exactly the paths that are needed', (name) => {
    expect(matrixOf(overlay(name)).sort()).toEqual([...EXPECTED[name]].sort())
  })

  test('out of the pods go, besides, only the database, the keys of the identity provider, and questions to NodeLocal DNSCache', () => {
    const blocks = ofKind(overlay('production'), 'NetworkPolicy').flatMap(({ metadata, spec }) =>
      (spec.egress ?? []).flatMap((rule: Yaml) =>
        rule.to
          .filter((one: Yaml) => one.ipBlock)
          .map((one: Yaml) => [metadata.name, one.ipBlock.cidr, rule.ports.map((port: Yaml) => port.port)]),
      ),
    )
    expect(blocks.sort()).toEqual([
      ['database', '10.20.0.0/24', [5432]],
      ['names', '169.254.20.10/32', [53, 53]],
      ['names', '169.254.20.10/32', [53, 53]],
      ['portcullis-api', '0.0.0.0/0', [443]],
      ['portcullis-api', '::/0', [443]],
    ])
  })

  test('without the default deny a stranger gets in: the matrix can show it', () => {
    const open = overlay('local').filter(({ kind, metadata }) => kind !== 'NetworkPolicy' || metadata.name === 'names')
    expect(matrixOf(open)).toContain('stranger > redis-node:6379')
  })
})
