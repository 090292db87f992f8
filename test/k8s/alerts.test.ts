import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { K8S, noKubectl, ofKind, overlay, type Yaml } from './support/manifests.ts'
import { findOnPath } from './support/tools.ts'

const noPromtool =
  noKubectl ?? (findOnPath('promtool') ? undefined : 'no promtool on the PATH (Debian: package prometheus)')
if (noPromtool) console.warn(`The alerts are not evaluated: ${noPromtool}.`)

const CASES = path.resolve(import.meta.dirname, 'alerts/alerts.promtool.yaml')
const RUNBOOK = path.resolve(import.meta.dirname, '../../docs/runbook.md')

const rules = (): Yaml[] =>
  ofKind(overlay('production'), 'PrometheusRule').flatMap(({ spec }) =>
    spec.groups.flatMap((group: Yaml) => group.rules),
  )
/** One alert may come in several severities. */
const alerts = (): string[] => [
  ...new Set(rules().flatMap(({ alert }) => (alert === undefined ? [] : [alert as string]))),
]

describe.skipIf(noPromtool)('the alerts', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'alerts-'))
    const groups = ofKind(overlay('production'), 'PrometheusRule').flatMap(({ spec }) => spec.groups)
    // Texts are for people; the cases compare labels and moments.
    const bare = groups.map((group) => ({
      ...group,
      rules: group.rules.map(({ annotations: _, ...rule }: Yaml) => rule),
    }))
    writeFileSync(path.join(folder, 'rules.yaml'), stringify({ groups: bare }))
    writeFileSync(path.join(folder, 'full.yaml'), stringify({ groups }))
    cpSync(CASES, path.join(folder, 'cases.yaml'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const promtool = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, encoding: 'utf8' })
    return { status, text: stdout + stderr }
  }

  test('promtool check rules: expressions and templates parse', () => {
    expect(promtool('check', 'rules', 'full.yaml')).toMatchObject({ status: 0 })
  })

  test('the expressions of the runbook parse', () => {
    const expressions = [...readFileSync(RUNBOOK, 'utf8').matchAll(/`((?:sum|histogram_quantile|\d+ -)[ (][^`]+)`/g)]
    expect(expressions.length).toBeGreaterThan(3)
    const groups = [{ name: 'runbook', rules: expressions.map(([, expr], i) => ({ record: `runbook:${i}`, expr })) }]
    writeFileSync(path.join(folder, 'runbook.yaml'), stringify({ groups }))
    expect(promtool('check', 'rules', 'runbook.yaml')).toMatchObject({ status: 0 })
  })

  test('promtool test rules: each fires on its fact and is quiet beside it', () => {
    const { status, text } = promtool('test', 'rules', 'cases.yaml')
    expect(status, text).toBe(0)
  })
})

describe.skipIf(noKubectl)('every alert', () => {
  test('has both a firing and a quiet case', () => {
    const cases = parse(readFileSync(CASES, 'utf8')).tests.map(({ name }: Yaml) => name as string)
    expect(cases.sort()).toEqual(
      alerts()
        .flatMap((alert) => [`${alert} fires`, `${alert} quiet`])
        .sort(),
    )
  })

  test('is scoped to a namespace', () => {
    for (const { alert = 'a recording', expr } of rules())
      expect([alert, /namespace="(redis-sentinel|portcullis)"/.test(expr)]).toEqual([alert, true])
  })

  test('has its section in the runbook, where its link points', () => {
    const headings = [...readFileSync(RUNBOOK, 'utf8').matchAll(/^### (\S+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(expect.arrayContaining(alerts()))
    for (const { alert, annotations } of rules().filter(({ record }) => record === undefined))
      expect(annotations.runbook_url).toMatch(new RegExp(`runbook.md#${alert.toLowerCase()}$`))
  })
})

test('the dashboard asks for its namespaces instead of assuming them', () => {
  const dashboard = JSON.parse(readFileSync(path.join(K8S, 'components/monitoring/dashboard.json'), 'utf8'))
  const asked = dashboard.templating.list.map(({ name }: Yaml) => name)
  const scopes = dashboard.panels.flatMap(({ targets }: Yaml) =>
    targets.flatMap(({ expr }: Yaml) => [...expr.matchAll(/namespace="(.*?)"/g)].map(([, scope]) => scope)),
  )
  expect(new Set(scopes)).toEqual(new Set(['$namespace', '$redis']))
  expect(asked).toEqual(expect.arrayContaining(['namespace', 'redis']))
})

test('every metric of the API that rules and dashboard name is one that the API has', () => {
  const read = (folder: string, pattern: RegExp): string =>
    readdirSync(folder)
      .filter((name) => pattern.test(name))
      .map((name) => readFileSync(path.join(folder, name), 'utf8'))
      .join('\n')
  const source = read(path.resolve(import.meta.dirname, '../../src/telemetry'), /(?<!\.test)\.ts$/)
  const shown = read(path.join(K8S, 'components/monitoring'), /rule|dashboard/)
  const named = [...new Set(shown.match(/portcullis_\w+(?=\{)/g))].map((name) =>
    name.replace(/_(bucket|count|sum)$/, ''),
  )
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !source.includes(`'${name}'`))).toEqual([])
})
