/** The default rules of the usual checkers over the rendered overlays; each rule carries the name its tool gives it. */
import { describe, expect, test } from 'vitest'
import {
  type Manifest,
  noKubectl,
  OVERLAYS,
  ofKind,
  overlay,
  selects,
  type Workload,
  withComponents,
  workloads,
  type Yaml,
} from './support/manifests.ts'

/** Returns what is wrong, one line each. */
type Rule = (all: readonly Manifest[]) => string[]

const perWorkload =
  (check: (workload: Workload, all: readonly Manifest[]) => string | false | undefined): Rule =>
  (all) =>
    workloads(all).flatMap((workload) => {
      const problem = check(workload, all)
      return problem ? [`${workload.id}: ${problem}`] : []
    })

const perContainer = (check: (container: Yaml, workload: Workload) => string | false | undefined): Rule =>
  perWorkload((workload) => {
    const problems = workload.containers.flatMap((container) => {
      const problem = check(container, workload)
      return problem ? [`${container.name}: ${problem}`] : []
    })
    return problems.length > 0 && problems.join('; ')
  })

const lives = ({ manifest }: Workload): boolean => manifest.kind !== 'Job'
const replicated = (workload: Workload): boolean => lives(workload) && (workload.manifest.spec.replicas ?? 3) > 1
const matching = (
  all: readonly Manifest[],
  kind: string,
  workload: Workload,
  selectorOf: (one: Manifest) => Yaml,
): Manifest[] =>
  ofKind(all, kind).filter(
    (one) => one.metadata.namespace === workload.namespace && selects(selectorOf(one), workload.labels),
  )

const portsOf = (container: Yaml): (string | number)[] =>
  (container.ports ?? []).flatMap((port: Yaml) => [port.name, port.containerPort])
function probePort(kind: string): Rule {
  return perContainer((container) => {
    const probe = container[kind]
    const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port
    return (
      port !== undefined && !portsOf(container).includes(port) && `${kind} asks port ${port}, which is not declared`
    )
  })
}
const handlerOf = ({ exec, httpGet, tcpSocket }: Yaml = {}): string => JSON.stringify({ exec, httpGet, tcpSocket })

const RULES: Readonly<Record<string, Rule>> = {
  'kube-score container-resources, kube-linter unset-cpu-requirements, unset-memory-requirements': perContainer(
    ({ resources }) => {
      const missing = ['requests', 'limits'].flatMap((side) =>
        ['cpu', 'memory'].filter((unit) => !resources?.[side]?.[unit]),
      )
      return missing.length > 0 && `no ${missing.join(', ')}`
    },
  ),
  'kube-score container-ephemeral-storage-request-and-limit': perContainer(
    ({ resources }) =>
      !(resources?.requests?.['ephemeral-storage'] && resources?.limits?.['ephemeral-storage']) &&
      'no ephemeral storage',
  ),
  'kube-score container-image-tag, kube-linter latest-tag': perContainer(({ image }) =>
    !/:[^/:@]+(@sha256:[0-9a-f]{64})?$/.test(image) || image.includes(':latest') ? `tag of ${image}` : undefined,
  ),
  'kube-score container-image-pull-policy (or its exemption)': perContainer(
    ({ imagePullPolicy }, { manifest }) =>
      imagePullPolicy !== 'Always' &&
      !manifest.metadata.annotations?.['kube-score/ignore']?.split(',').includes('container-image-pull-policy') &&
      'not Always and not exempt',
  ),
  'kube-score pod-probes, polaris readinessProbeMissing, livenessProbeMissing': perContainer((container, workload) => {
    if (!lives(workload)) return undefined
    if (!container.readinessProbe || !container.livenessProbe) return 'a probe is missing'
    return (
      handlerOf(container.readinessProbe) === handlerOf(container.livenessProbe) &&
      'readiness and liveness ask the same'
    )
  }),
  'kube-linter liveness-port': probePort('livenessProbe'),
  'kube-linter readiness-port': probePort('readinessProbe'),
  'kube-linter startup-port': probePort('startupProbe'),
  'kube-score deployment-has-poddisruptionbudget, statefulset-has-poddisruptionbudget': perWorkload(
    (workload, all) =>
      lives(workload) &&
      matching(all, 'PodDisruptionBudget', workload, ({ spec }) => spec.selector).length !==
        (workload.manifest.spec.replicas === 1 ? 0 : 1) &&
      'not exactly one PDB, or one that protects a single replica from nothing',
  ),
  'kube-linter pdb-max-unavailable, pdb-min-available, pdb-unhealthy-pod-eviction-policy': (all) =>
    ofKind(all, 'PodDisruptionBudget').flatMap(({ metadata, spec }) =>
      spec.maxUnavailable === 1 && spec.minAvailable === undefined && spec.unhealthyPodEvictionPolicy === 'AlwaysAllow'
        ? []
        : [metadata.name],
    ),
  'kube-score pod-networkpolicy, polaris missingNetworkPolicy, kubescape C-0030': perWorkload((workload, all) => {
    const policies = matching(all, 'NetworkPolicy', workload, ({ spec }) => spec.podSelector)
    const missing = ['Ingress', 'Egress'].filter(
      (type) => !policies.some(({ spec }) => spec.policyTypes.includes(type)),
    )
    return missing.length > 0 && `no policy for ${missing.join(', ')}`
  }),
  'kube-score networkpolicy-targets-pod, kube-linter dangling-networkpolicy': (all) =>
    ofKind(all, 'NetworkPolicy').flatMap(({ metadata, spec }) =>
      workloads(all).some(
        ({ namespace, labels }) => namespace === metadata.namespace && selects(spec.podSelector, labels),
      )
        ? []
        : [`${metadata.namespace}/${metadata.name} selects nothing`],
    ),
  'kube-score deployment-has-host-podantiaffinity, kube-linter no-anti-affinity': perWorkload((workload) => {
    if (!replicated(workload)) return undefined
    const affinity = workload.pod.affinity?.podAntiAffinity ?? {}
    const terms = [
      ...(affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one: Yaml) => one.podAffinityTerm),
    ]
    const keepsApart = terms.some(
      (term: Yaml) => term.topologyKey === 'kubernetes.io/hostname' && selects(term.labelSelector, workload.labels),
    )
    return !keepsApart && 'its pods may share a host'
  }),
  'polaris topologySpreadConstraint': perWorkload(
    (workload) =>
      replicated(workload) &&
      !(workload.pod.topologySpreadConstraints ?? []).some(
        (one: Yaml) => one.topologyKey === 'topology.kubernetes.io/zone' && selects(one.labelSelector, workload.labels),
      ) &&
      'no spread over zones',
  ),
  'kube-score container-security-context-user-group-id': perWorkload(
    ({ pod }) =>
      !(pod.securityContext?.runAsUser > 10_000 && pod.securityContext?.runAsGroup > 10_000) &&
      'UID or GID of 10000 or less',
  ),
  'kube-score container-security-context-readonlyrootfilesystem, kube-linter no-read-only-root-fs': perContainer(
    ({ securityContext }) => securityContext?.readOnlyRootFilesystem !== true && 'writable root',
  ),
  'kube-linter run-as-non-root, polaris runAsRootAllowed': perContainer(
    ({ securityContext }, { pod }) =>
      !(securityContext?.runAsNonRoot ?? pod.securityContext?.runAsNonRoot) && 'may run as root',
  ),
  'kube-linter privilege-escalation-container, polaris privilegeEscalationAllowed': perContainer(
    ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false && 'may escalate',
  ),
  'kube-linter privileged-container, drop-net-raw-capability, polaris insecureCapabilities': perContainer(
    ({ securityContext }) =>
      (securityContext?.privileged ||
        securityContext?.capabilities?.add ||
        securityContext?.capabilities?.drop?.[0] !== 'ALL') &&
      'keeps capabilities',
  ),
  'polaris linuxHardening, kubescape C-0055, pod security seccomp': perWorkload(
    ({ pod }) => pod.securityContext?.seccompProfile?.type !== 'RuntimeDefault' && 'no seccomp profile',
  ),
  'kube-linter host-ipc, host-network, host-pid, sensitive-host-mounts, docker-sock': perWorkload(({ pod }) => {
    const host = ['hostIPC', 'hostNetwork', 'hostPID'].filter((name) => pod[name])
    const mounts = (pod.volumes ?? []).filter((volume: Yaml) => volume.hostPath)
    return host.length + mounts.length > 0 && 'reaches into the host'
  }),
  'pod security restricted: volume types': perWorkload(({ pod }) => {
    const allowed = [
      'configMap',
      'csi',
      'downwardAPI',
      'emptyDir',
      'ephemeral',
      'persistentVolumeClaim',
      'projected',
      'secret',
    ]
    const other = (pod.volumes ?? []).filter((volume: Yaml) => !allowed.some((type) => type in volume))
    return other.length > 0 && 'a volume type that "restricted" refuses'
  }),
  'pod security restricted: namespace labels': (all) =>
    ofKind(all, 'Namespace').flatMap(({ metadata }) =>
      ['enforce', 'audit', 'warn'].every(
        (mode) => metadata.labels?.[`pod-security.kubernetes.io/${mode}`] === 'restricted',
      )
        ? []
        : [metadata.name],
    ),
  'kube-linter read-secret-from-env-var, env-var-secret, kubescape C-0012': perContainer(
    ({ env = [], envFrom = [] }) => {
      const bySecret =
        env.some((one: Yaml) => one.valueFrom?.secretKeyRef) || envFrom.some((one: Yaml) => one.secretRef)
      const literal = env.some(
        (one: Yaml) => /password|secret|token/i.test(one.name) && one.value && !/_FILE$/.test(one.name),
      )
      return (bySecret || literal) && 'a secret in the environment'
    },
  ),
  'kube-score environment-variable-key-duplication, kube-linter duplicate-env-var': perContainer(({ env = [] }) => {
    const names = env.map((one: Yaml) => one.name)
    return new Set(names).size !== names.length && 'a variable twice'
  }),
  'polaris automountServiceAccountToken, kubescape C-0034': perWorkload(
    ({ pod }) => pod.automountServiceAccountToken !== false && 'mounts a service account token',
  ),
  'kube-linter non-existent-service-account, default-service-account': perWorkload(
    ({ pod, namespace }, all) =>
      !ofKind(all, 'ServiceAccount').some(
        ({ metadata }) => metadata.name === pod.serviceAccountName && metadata.namespace === namespace,
      ) && 'no such service account',
  ),
  'polaris priorityClassNotSet': perWorkload(
    ({ pod }, all) =>
      !ofKind(all, 'PriorityClass').some(({ metadata }) => metadata.name === pod.priorityClassName) &&
      'no such priority class',
  ),
  'kube-linter job-ttl-seconds-after-finished': (all) =>
    ofKind(all, 'Job').flatMap(({ metadata, spec }) =>
      spec.ttlSecondsAfterFinished > 0 && spec.backoffLimit !== undefined ? [] : [metadata.name],
    ),
  'kube-score service-targets-pod, kube-linter dangling-service': (all) =>
    ofKind(all, 'Service').flatMap(({ metadata, spec }) =>
      workloads(all).some(
        ({ namespace, labels }) => namespace === metadata.namespace && selects({ matchLabels: spec.selector }, labels),
      )
        ? []
        : [metadata.name],
    ),
  'kube-linter invalid-target-ports, Service to a port that does not exist': (all) =>
    ofKind(all, 'Service').flatMap(({ metadata, spec }) => {
      const targets = workloads(all).filter(
        ({ namespace, labels }) => namespace === metadata.namespace && selects({ matchLabels: spec.selector }, labels),
      )
      const open = targets.flatMap(({ containers }) => containers.flatMap(portsOf))
      return spec.ports.flatMap((port: Yaml) =>
        open.includes(port.targetPort ?? port.port) ? [] : [`${metadata.name}:${port.name} to ${port.targetPort}`],
      )
    }),
  'kube-score statefulset-has-servicename': (all) =>
    ofKind(all, 'StatefulSet').flatMap(({ metadata, spec }) => {
      const headless = ofKind(all, 'Service').some(
        (service) =>
          service.metadata.name === spec.serviceName &&
          service.metadata.namespace === metadata.namespace &&
          service.spec.clusterIP === 'None',
      )
      return headless ? [] : [metadata.name]
    }),
  'kube-linter mismatching-selector, kube-score deployment-pod-selector-labels-match-template-metadata-labels':
    perWorkload(
      (workload) =>
        lives(workload) &&
        !selects(workload.manifest.spec.selector, workload.labels) &&
        'selector does not match its own pods',
    ),
  'kube-score deployment-targeted-by-hpa-does-not-have-replicas-configured, horizontalpodautoscaler-has-target': (
    all,
  ) =>
    ofKind(all, 'HorizontalPodAutoscaler').flatMap(({ metadata, spec }) => {
      const target = ofKind(all, spec.scaleTargetRef.kind).find(
        (one) => one.metadata.name === spec.scaleTargetRef.name && one.metadata.namespace === metadata.namespace,
      )
      if (!target) return [`${metadata.name} scales nothing`]
      return target.spec.replicas === undefined ? [] : [`${metadata.name} and a number of replicas`]
    }),
  'kube-linter use-namespace, kubescape C-0061': (all) =>
    all.flatMap(({ kind, metadata }) =>
      ['Namespace', 'PriorityClass'].includes(kind) || (metadata.namespace && metadata.namespace !== 'default')
        ? []
        : [metadata.name],
    ),
  'kubescape C-0077 common labels': (all) =>
    all.flatMap((manifest) => {
      const generated = ['ConfigMap', 'Secret'].includes(manifest.kind)
      const wanted = generated ? ['part-of', 'managed-by'] : ['name', 'instance', 'part-of', 'managed-by']
      const missing = wanted.filter((label) => !manifest.metadata.labels?.[`app.kubernetes.io/${label}`])
      return missing.length > 0 ? [`${manifest.kind} ${manifest.metadata.name}: ${missing.join(', ')}`] : []
    }),
  'kube-score stable-version, kube-linter no-extensions-v1beta': (all) =>
    all.flatMap(({ apiVersion, kind }) => (/(alpha|beta)/.test(apiVersion) ? [`${apiVersion} ${kind}`] : [])),
  'two objects of one name': (all) => {
    const ids = all.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)
    return ids.filter((id, i) => ids.indexOf(id) !== i)
  },
}

describe.skipIf(noKubectl).each(OVERLAYS)('overlay %s passes', (name) => {
  test.each(Object.keys(RULES))('%s', (rule) => {
    expect(RULES[rule]?.(overlay(name))).toEqual([])
  })
})

// Without openshift, which leaves the user ids to the cluster.
describe.skipIf(noKubectl)('what no overlay has passes', () => {
  const all = noKubectl
    ? []
    : withComponents(
        'network-policies',
        'data-access',
        'exporter',
        'monitoring',
        'hpa',
        'gateway',
        'ingress',
        'tls',
        'tracing',
        'valkey',
      )
  test.each(Object.keys(RULES))('%s', (rule) => {
    expect(RULES[rule]?.(all)).toEqual([])
  })
})

describe.skipIf(noKubectl)('the rules can fail', () => {
  const without = (kind: string) => overlay('production').filter((one) => one.kind !== kind)
  const changed = (change: (pod: Yaml) => void): Manifest[] => {
    const copy = structuredClone(overlay('production'))
    for (const { pod } of workloads(copy)) change(pod)
    return copy
  }
  test.each([
    [
      'a missing PDB',
      'kube-score deployment-has-poddisruptionbudget, statefulset-has-poddisruptionbudget',
      () => without('PodDisruptionBudget'),
    ],
    [
      'missing policies',
      'kube-score pod-networkpolicy, polaris missingNetworkPolicy, kubescape C-0030',
      () => without('NetworkPolicy'),
    ],
    [
      'a missing probe',
      'kube-score pod-probes, polaris readinessProbeMissing, livenessProbeMissing',
      () => changed((pod) => delete pod.containers[0].livenessProbe),
    ],
    [
      'a tag that moves',
      'kube-score container-image-tag, kube-linter latest-tag',
      () => changed((pod) => Object.assign(pod.containers[0], { image: 'redis:latest' })),
    ],
    [
      'a low UID',
      'kube-score container-security-context-user-group-id',
      () => changed((pod) => Object.assign(pod.securityContext, { runAsUser: 999 })),
    ],
    [
      'a mounted token',
      'polaris automountServiceAccountToken, kubescape C-0034',
      () => changed((pod) => delete pod.automountServiceAccountToken),
    ],
    [
      'a Service of nothing',
      'kube-score service-targets-pod, kube-linter dangling-service',
      () => without('Deployment'),
    ],
    ['a renamed port', 'kube-linter readiness-port', () => changed((pod) => delete pod.containers[0].ports)],
  ])('%s is found', (_, rule, broken) => {
    expect(RULES[rule]?.(broken())).not.toEqual([])
  })
})
