/** The overlays as a cluster would get them: rendered by kubectl, parsed, and easy to ask. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { findOnPath } from './tools.ts'

export const K8S = path.resolve(import.meta.dirname, '../../../k8s')
export const OVERLAYS = ['local', 'staging', 'production'] as const
export type Overlay = (typeof OVERLAYS)[number]

/** Loosely typed on purpose: the schema test says what is allowed, the rules only look. */
// biome-ignore lint/suspicious/noExplicitAny: the shape of arbitrary YAML
export type Yaml = any

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    name: string
    namespace?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  readonly spec: Yaml
  readonly data?: Record<string, string>
  readonly [key: string]: Yaml
}

export interface Workload {
  readonly manifest: Manifest
  readonly id: string
  readonly namespace: string
  readonly labels: Record<string, string>
  readonly pod: Yaml
  readonly containers: readonly Yaml[]
}

export const noKubectl = findOnPath('kubectl') ? undefined : 'no kubectl on the PATH'
if (noKubectl) console.warn(`The manifests are not checked: ${noKubectl}.`)

/** @param folder below k8s/ */
export const render = (folder: string): Manifest[] => renderFolder(path.join(K8S, folder))

export function renderFolder(folder: string): Manifest[] {
  const text = execFileSync('kubectl', ['kustomize', folder], {
    maxBuffer: 64 * 1024 * 1024,
  }).toString()
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest)
}

const rendered = new Map<Overlay, Manifest[]>()
export function overlay(name: Overlay): Manifest[] {
  const known = rendered.get(name) ?? render(`overlays/${name}`)
  rendered.set(name, known)
  return known
}

/** The bases with components on top, as somebody else's overlay would have them. */
export function withComponents(...components: readonly string[]): Manifest[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'overlay-'))
  const from = (where: string): string => path.relative(folder, path.join(K8S, where))
  const kustomization = {
    resources: ['base/redis-sentinel', 'base/api', 'values/defaults'].map(from),
    components: components.map((name) => from(`components/${name}`)),
    transformers: [from('values')],
  }
  writeFileSync(path.join(folder, 'kustomization.yaml'), JSON.stringify(kustomization))
  try {
    return renderFolder(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const ofKind = (all: readonly Manifest[], ...kinds: string[]): Manifest[] =>
  all.filter(({ kind }) => kinds.includes(kind))

export const idOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.namespace ?? '-'}/${metadata.name}`

export function workloads(all: readonly Manifest[]): Workload[] {
  return ofKind(all, 'Deployment', 'StatefulSet', 'DaemonSet', 'Job').map((manifest) => ({
    manifest,
    id: idOf(manifest),
    namespace: manifest.metadata.namespace ?? 'default',
    labels: manifest.spec.template.metadata.labels,
    pod: manifest.spec.template.spec,
    containers: [...(manifest.spec.template.spec.initContainers ?? []), ...manifest.spec.template.spec.containers],
  }))
}

/** An empty selector selects everything, as Kubernetes has it. */
export function selects(selector: Yaml, labels: Record<string, string>): boolean {
  if (selector?.matchExpressions) throw new Error('matchExpressions are not used in these manifests')
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value)
}
