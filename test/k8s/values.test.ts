/** The manifests as others use them: from an empty folder, by a version, with values of their own. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config.ts'
import {
  idOf,
  K8S,
  type Manifest,
  noKubectl,
  OVERLAYS,
  ofKind,
  overlay,
  renderFolder,
  workloads,
  type Yaml,
} from './support/manifests.ts'
import { findOnPath } from './support/tools.ts'

const missing = noKubectl ?? (findOnPath('git') ? undefined : 'no git on the PATH')
const GUIDE = path.resolve(import.meta.dirname, '../../docs/kubernetes.md')
const REMOTE = 'https://github.com/portcullis/portcullis//'

const defaults = (): Record<string, string> =>
  parse(readFileSync(path.join(K8S, 'values/defaults/values.yaml'), 'utf8')).data

/** The only object of its kind, or the first whose name begins like that. */
function the(all: readonly Manifest[], kind: string, name = ''): Manifest {
  const found = ofKind(all, kind).find(({ metadata }) => metadata.name.startsWith(name))
  if (!found) throw new Error(`no ${kind} ${name}`)
  return found
}
const podsOf = ({ kind, spec }: Manifest): number => (spec.replicas ?? 1) + (kind === 'Deployment' ? 1 : 0)

/** Of processors in thousandths, of memory in bytes. */
function amountOf(quantity: string): number {
  const [, number, unit = ''] = /^(\d+)(m|Mi|Gi)?$/.exec(quantity) ?? []
  return Number(number) * ({ m: 1, Mi: 2 ** 20, Gi: 2 ** 30 }[unit] ?? 1000)
}

/** The generated ConfigMaps that each pod names and that do not exist in its namespace. */
const references = (all: readonly Manifest[]) =>
  workloads(all).map(({ id, namespace, pod, containers }) => {
    const named: string[] = [
      ...(pod.volumes ?? []).flatMap((volume: Yaml) => volume.configMap?.name ?? []),
      ...containers.flatMap(({ envFrom = [] }) => envFrom.map((from: Yaml) => from.configMapRef.name)),
    ]
    const exists = (name: string) =>
      ofKind(all, 'ConfigMap').some(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
    return { id, unknown: named.filter((name) => !exists(name)) }
  })
const settings = (all: readonly Manifest[]) => the(all, 'ConfigMap', 'portcullis-settings').data ?? {}

describe.skipIf(missing)('an overlay from an empty folder', () => {
  let work: string
  beforeAll(() => {
    work = mkdtempSync(path.join(tmpdir(), 'values-'))
    const repository = path.join(work, 'repository')
    cpSync(K8S, path.join(repository, 'k8s'), { recursive: true })
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@test.invalid', ...args], { cwd: repository })
    git('init', '--quiet')
    git('add', '--all')
    git('commit', '--quiet', '--message', 'release')
    git('tag', 'v0.1.0')
  })
  afterAll(() => rmSync(work, { recursive: true, force: true }))

  /** Pulled by kustomize from a repository, at a tag, as from a server. */
  const local = (text: string): string => text.replaceAll(REMOTE, `file://${work}/repository//`)
  function rendered(kustomization: string): Manifest[] {
    const folder = mkdtempSync(path.join(work, 'empty-'))
    writeFileSync(path.join(folder, 'kustomization.yaml'), local(kustomization))
    return renderFolder(folder)
  }
  const withValues = (values: Readonly<Record<string, string>>, components: readonly string[] = [], what = 'install') =>
    rendered(
      JSON.stringify({
        resources: [`${REMOTE}k8s/${what}?ref=v0.1.0`],
        components: components.map((name) => `${REMOTE}k8s/components/${name}?ref=v0.1.0`),
        configMapGenerator: [
          {
            name: 'portcullis-values',
            behavior: 'merge',
            literals: Object.entries(values).map(([name, value]) => `${name}=${value}`),
          },
        ],
        transformers: [`${REMOTE}k8s/values?ref=v0.1.0`],
      }),
    )

  /** The guide's examples, as they are printed. */
  const examples = (): string[] =>
    [...readFileSync(GUIDE, 'utf8').matchAll(/```yaml\n(apiVersion: kustomize[\s\S]*?)```/g)].map(
      ([, text = '']) => text,
    )

  test('the first of the guide has ten lines and gives everything', () => {
    const [first = ''] = examples()
    expect(first.trimEnd().split('\n').length).toBeLessThanOrEqual(10)
    const all = rendered(first)
    for (const [kind, name] of [
      ['Deployment', 'portcullis-api'],
      ['StatefulSet', 'redis-node'],
      ['Job', 'portcullis-migrate-0.1.0'],
      ['NetworkPolicy', 'data'],
    ] as const)
      expect(the(all, kind, name).metadata.namespace).toMatch(/^(portcullis|redis-sentinel)$/)
    expect(all.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('portcullis-values'))).toEqual([])
  })

  test('each of the guide renders, and lets the API reach the ports of the addresses that it names', {
    timeout: 300_000,
  }, () => {
    expect(examples().length).toBeGreaterThan(2)
    const reached = examples().flatMap((example) => {
      const all = rendered(example)
      expect(all.length).toBeGreaterThan(10)
      const { REDIS_URL = '', REDIS_SENTINELS = '' } = settings(all)
      const ports = [...`${REDIS_URL},${REDIS_SENTINELS}`.matchAll(/:(\d+)(?=,|$)/g)].map(([, port]) => Number(port))
      const open = ofKind(all, 'NetworkPolicy')
        .filter(
          ({ metadata, spec }) =>
            spec.egress && metadata.namespace === the(all, 'Deployment', 'portcullis-api').metadata.namespace,
        )
        .flatMap(({ spec }) => spec.egress.flatMap((one: Yaml) => (one.ports ?? []).map(({ port }: Yaml) => port)))
      expect(open).toEqual(expect.arrayContaining([...ports, 5432]))
      return ports
    })
    expect([...new Set(reached)].sort()).toEqual([26379, 6380])
  })

  test('each value reaches what it is for, and there is none that does nothing', { timeout: 300_000 }, () => {
    const components = ['ingress', 'gateway', 'exporter']
    const before = JSON.stringify(withValues({}, components))
    for (const [name, value] of Object.entries(defaults())) {
      const changed =
        name === 'api-replicas' ? '5' : /cpu|memory|volume/.test(name) ? '3Gi' : `other-${value.split(/[@,]/)[0]}`
      const after = JSON.stringify(withValues({ [name]: changed }, components))
      expect([name, after.includes(changed), after === before]).toEqual([name, true, false])
    }
  })

  test('a digest, and a registry with a port', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const all = withValues({ image: 'registry.test:5000/portcullis', version: `1.2.3@${digest}` })
    const image = `registry.test:5000/portcullis:1.2.3@${digest}`
    expect(the(all, 'Deployment', 'portcullis-api').spec.template.spec.containers[0].image).toBe(image)
    expect(the(all, 'Job', 'portcullis-migrate-1.2.3').spec.template.spec.containers[0].image).toBe(image)
  })

  test('a mirror: no image comes from elsewhere, and each pod can name a Secret to pull with', () => {
    const [example = ''] = examples().filter((text) => text.includes('imagePullSecrets'))
    const all = rendered(example)
    for (const { containers } of workloads(all))
      for (const { image } of containers) expect(image).toMatch(/^mirror\.example\.com\//)
    const pulling = ofKind(all, 'ServiceAccount').filter((account) => account.imagePullSecrets)
    const named = new Set(pulling.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
    for (const { namespace, pod } of workloads(all)) expect(named).toContain(`${namespace}/${pod.serviceAccountName}`)
  })

  test('the guide says what a ResourceQuota must allow', () => {
    const all = withValues({})
    const guide = readFileSync(GUIDE, 'utf8')
    for (const namespace of ['portcullis', 'redis-sentinel']) {
      const pods = workloads(all)
        .filter((workload) => workload.namespace === namespace)
        // A rollout adds one.
        .flatMap((each) => Array(podsOf(each.manifest)).fill(each) as (typeof each)[])
      const sum = (of: (container: Yaml) => string) =>
        pods.flatMap(({ containers }) => containers.map((one) => amountOf(of(one)))).reduce((all, one) => all + one, 0)
      const row = new RegExp(`\\| \`${namespace}\` \\|(.*)\\|`)
        .exec(guide)?.[1]
        ?.split('|')
        .map((cell) => cell.trim())
      expect(row?.slice(0, 5).map(amountOf)).toEqual([
        pods.length * 1000,
        sum(({ resources }) => resources.requests.cpu),
        sum(({ resources }) => resources.requests.memory),
        sum(({ resources }) => resources.limits.cpu),
        sum(({ resources }) => resources.limits.memory),
      ])
    }
  })

  test('with the component openshift no pod asks for a user id, and a patch gives the volumes a class', () => {
    const [example = ''] = examples().filter((text) => text.includes('components/openshift'))
    const all = rendered(example)
    expect(JSON.stringify(all)).not.toMatch(/runAsUser|runAsGroup|fsGroup"/)
    const { spec } = the(all, 'StatefulSet')
    expect(spec.volumeClaimTemplates[0].spec.storageClassName).toBe('fast')
    expect(JSON.stringify(all)).not.toContain('cluster.local')
  })

  test('with the component openshift both namespaces reach its DNS, at the port of its pods', () => {
    const policies = withValues({}, ['openshift']).filter(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'names',
    )
    expect(policies.map(({ metadata }) => metadata.namespace).sort()).toEqual(['portcullis', 'redis-sentinel'])
    for (const { spec } of policies)
      expect(spec.egress[1]).toMatchObject({
        to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'openshift-dns' } } }],
        ports: [{ port: 5353 }, { port: 5353 }],
      })
  })

  /** The alerts keep the names; docs/kubernetes.md says so. */
  const COMPONENTS = ['exporter', 'hpa', 'monitoring', 'ingress', 'gateway']
  const elsewhere = (suffix: string): Manifest[] =>
    withValues(
      {
        namespace: `api-${suffix}`,
        'redis-namespace': `redis-${suffix}`,
        'monitoring-namespace': `monitoring-${suffix}`,
        'redis-sentinels': `redis-sentinel.redis-${suffix}.svc.cluster.local:26379`,
      },
      COMPONENTS,
    ).filter(({ kind }) => kind !== 'PrometheusRule')

  test('namespaces of other names: every object, policy and address follows', () => {
    const all = elsewhere('a')
    const used = new Set(all.map(({ metadata }) => metadata.namespace).filter(Boolean))
    expect([...used].sort()).toEqual(['api-a', 'redis-a'])
    expect(ofKind(all, 'Namespace').map(({ metadata }) => metadata.name)).toEqual(['api-a', 'redis-a'])
    const text = JSON.stringify(all)
    const named = new Set([...text.matchAll(/"kubernetes.io\/metadata.name":"([^"]+)"/g)].map(([, name]) => name))
    expect([...named].sort()).toEqual(['api-a', 'kube-system', 'monitoring-a', 'redis-a'])
    const addresses = [...text.matchAll(/([\w.-]+)\.svc\.cluster\.local/g)].map(([, name]) => name)
    expect(addresses.length).toBeGreaterThan(8)
    for (const address of addresses) expect(address).toMatch(/(^|\.)(redis-node|redis-sentinel)\.redis-a$/)
    for (const { id, unknown } of references(all)) expect([id, unknown]).toEqual([id, []])
  })

  test('two installations in one cluster share the priority classes, which are equal, and nothing else', () => {
    const [one, other] = [elsewhere('a'), elsewhere('b')]
    const ids = new Set(one.map(idOf))
    const shared = other.filter((each) => ids.has(idOf(each)))
    expect(shared.map(({ kind }) => kind)).toEqual(['PriorityClass', 'PriorityClass'])
    for (const each of shared) expect(one).toContainEqual(each)
  })

  test('with the component hpa the number of pods is its fewest, and the Deployment has none', () => {
    const all = withValues({ 'api-replicas': '7' }, ['hpa'])
    expect(the(all, 'HorizontalPodAutoscaler').spec.minReplicas).toBe(7)
    expect(the(all, 'Deployment', 'portcullis-api').spec.replicas).toBeUndefined()
  })

  test('an Ingress and an HTTPRoute lead to the Service', () => {
    for (const [component, kind] of [
      ['ingress', 'Ingress'],
      ['gateway', 'HTTPRoute'],
    ] as const) {
      const all = withValues({ host: 'access.test' }, [component])
      const service = the(all, 'Service', 'portcullis').spec.ports[0]
      const text = JSON.stringify(the(all, kind).spec)
      expect(text).toContain('access.test')
      expect(text).toContain(`"name":"portcullis"`)
      expect([80, 'http']).toEqual([service.port, service.name])
    }
  })

  test('external Redis: no Redis is installed, and the API takes such settings', () => {
    const all = withValues({ 'redis-url': 'rediss://cache.test:6380', 'redis-sentinels': '' }, [], 'install-api')
    expect(all.filter(({ metadata }) => [metadata.namespace, metadata.name].includes('redis-sentinel'))).toEqual([])
    const files = Object.fromEntries(Object.entries(settings(all)).filter(([name]) => !name.endsWith('_FILE')))
    const secrets = {
      DATABASE_URL: 'postgresql://db.test/portcullis',
      REDIS_PASSWORD: randomBytes(24).toString('hex'),
      CURSOR_SECRET: randomBytes(32).toString('hex'),
    }
    const { SENTINEL_USERNAME: _, ...environment } = files
    expect(loadConfig({ ...environment, ...secrets }).redis).toMatchObject({ url: 'rediss://cache.test:6380' })
  })
})

describe.skipIf(noKubectl).each(OVERLAYS)('overlay %s', (name) => {
  test('applied twice it changes nothing: quantities are written as the API server writes them, and nothing is null', () => {
    const wrong: string[] = []
    const visit = (value: Yaml, at: string): void => {
      if (value === null) wrong.push(`${at} is null`)
      else if (typeof value === 'object') for (const [key, inner] of Object.entries(value)) visit(inner, `${at}.${key}`)
      else if (/\.(cpu|memory|ephemeral-storage|storage|sizeLimit)$/.test(at) && !isCanonical(String(value)))
        wrong.push(`${at}: ${value}`)
    }
    for (const manifest of overlay(name)) visit(manifest, `${manifest.kind} ${manifest.metadata.name}`)
    expect(wrong).toEqual([])
    expect(JSON.stringify(renderFolder(path.join(K8S, 'overlays', name)))).toBe(JSON.stringify(overlay(name)))
  })

  test('it can be applied by the server: in each list that is merged by a key, keys are there once', () => {
    const merged: Record<string, (one: Yaml) => string> = {
      env: ({ name }) => name,
      volumes: ({ name }) => name,
      containers: ({ name }) => name,
      initContainers: ({ name }) => name,
      volumeMounts: ({ mountPath }) => mountPath,
      ports: ({ containerPort, port, protocol = 'TCP' }) => `${containerPort ?? port}/${protocol}`,
      topologySpreadConstraints: ({ topologyKey, whenUnsatisfiable }) => `${topologyKey}/${whenUnsatisfiable}`,
    }
    const twice: string[] = []
    const visit = (value: Yaml, at: string): void => {
      if (typeof value !== 'object' || value === null) return
      for (const [name, inner] of Object.entries<Yaml>(value)) {
        const keys = Array.isArray(inner) ? inner.map(merged[name] ?? ((one: Yaml) => JSON.stringify(one))) : []
        if (new Set(keys).size !== keys.length) twice.push(`${at}.${name}: ${keys.join(', ')}`)
        visit(inner, `${at}.${name}`)
      }
    }
    for (const manifest of overlay(name)) visit(manifest, `${manifest.kind} ${manifest.metadata.name}`)
    expect(twice).toEqual([])
  })

  test('Argo CD runs the migrations at each sync before the API, and Flux replaces them', () => {
    const job = the(overlay(name), 'Job').metadata.annotations ?? {}
    const api = the(overlay(name), 'Deployment', 'portcullis-api').metadata.annotations ?? {}
    expect(job).toMatchObject({
      'argocd.argoproj.io/hook': 'Sync',
      'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation',
      'kustomize.toolkit.fluxcd.io/force': 'enabled',
    })
    const wave = 'argocd.argoproj.io/sync-wave'
    expect(Number(job[wave])).toBeGreaterThan(0)
    expect(Number(api[wave])).toBeGreaterThan(Number(job[wave]))
  })
})

/** `1024Mi` is kept as `1Gi` and `1000m` as `1`: what was applied and what is stored would differ for ever. */
function isCanonical(quantity: string): boolean {
  const [, number, unit] = /^(\d+)(m|Ki|Mi|Gi|Ti)?$/.exec(quantity) ?? []
  return number !== undefined && Number(number) % (unit === 'm' ? 1000 : unit === undefined ? 1e9 : 1024) !== 0
}
