/** Strict schema validation: every rendered object as a literal of its Kubernetes type; an unknown field is an error. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Manifest, noKubectl, OVERLAYS, overlay, render, withComponents } from './support/manifests.ts'

const modules = path.resolve(import.meta.dirname, '../../node_modules')
const tsc = path.join(modules, 'typescript/bin/tsc')

/** Kubernetes 1.29 and the newest that has types. */
const VERSIONS = ['kubernetes-types-1.29', 'kubernetes-types']

const MODULES: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'batch/v1': 'batch/v1',
  'policy/v1': 'policy/v1',
  'autoscaling/v2': 'autoscaling/v2',
  'networking.k8s.io/v1': 'networking/v1',
  'scheduling.k8s.io/v1': 'scheduling/v1',
}
/** Other people's types, which no package of Kubernetes' own can know. */
const FOREIGN = ['monitoring.coreos.com/v1', 'external-secrets.io/v1', 'gateway.networking.k8s.io/v1']

function problemsOf(objects: readonly Manifest[], version: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'schema-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const lines = objects.flatMap((object, i) => {
    if (FOREIGN.includes(object.apiVersion)) return []
    const module = MODULES[object.apiVersion]
    if (!module) return [`export const o${i}: never = ${JSON.stringify(object.apiVersion)}`]
    const type = `import(${JSON.stringify(path.join(modules, version, `${module}.d.ts`))}).${object.kind}`
    return [`export const o${i}: ${type} = ${JSON.stringify(object, null, 1)}`]
  })
  writeFileSync(path.join(folder, 'objects.ts'), lines.join('\n'))
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--ignoreConfig',
    '--types',
    '',
    '--moduleResolution',
    'bundler',
    '--module',
    'esnext',
  ]
  try {
    execFileSync(process.execPath, [tsc, ...options, 'objects.ts'], { cwd: folder, encoding: 'utf8' })
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}

test.skipIf(noKubectl).each(OVERLAYS.flatMap((name) => VERSIONS.map((version) => [name, version] as const)))(
  'overlay %s is valid by %s',
  (name, version) => {
    expect(problemsOf(overlay(name), version)).toBe('')
  },
)

test.skipIf(noKubectl)('what no overlay has is valid, too', () => {
  const rest = withComponents('data-access', 'gateway', 'ingress', 'openshift', 'tls', 'tracing', 'valkey')
  for (const version of VERSIONS) expect(problemsOf(rest, version)).toBe('')
})

test.skipIf(noKubectl)('an unknown field, a wrong type and a missing one are found', () => {
  const broken = structuredClone(render('base/api'))
  const deployment = broken.find(({ kind }) => kind === 'Deployment') as Manifest
  deployment.spec.template.spec.containers[0].livenesProbe = {}
  deployment.spec.replicas = 'three'
  const job = broken.find(({ kind }) => kind === 'Job') as Manifest
  delete job.spec.template
  const problems = problemsOf(broken, 'kubernetes-types')
  for (const word of ['livenesProbe', "'string' is not assignable", "'template' is missing"])
    expect(problems).toContain(word)
})
