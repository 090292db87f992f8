import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { MANIFESTS } from './support/cluster.ts'
import { findOnPath } from './support/tools.ts'

const folder = path.join(MANIFESTS, 'scripts')
const scripts = readdirSync(folder).filter((name) => name.endsWith('.sh'))
const noShellcheck = !findOnPath('shellcheck')
if (noShellcheck) console.warn('The scripts are not linted: no shellcheck on the PATH.')

describe('the scripts of the pod', () => {
  test.skipIf(noShellcheck)('shellcheck finds nothing', () => {
    const { stdout, status } = spawnSync('shellcheck', scripts, { cwd: folder, encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  test.each(scripts)('%s is plain POSIX: sh -n reads it, and nothing of bash is in it', (name) => {
    execFileSync('sh', ['-n', path.join(folder, name)])
    expect(readFileSync(path.join(folder, name), 'utf8')).not.toMatch(/\[\[|\blocal \w+=|\bfunction \w|<<<|\becho -e\b/)
  })

  test('every script is in the ConfigMap, and every file the ConfigMap names exists', () => {
    const kustomization = readFileSync(path.join(MANIFESTS, 'kustomization.yaml'), 'utf8')
    const listed = [...kustomization.matchAll(/- scripts\/(\S+)/g)].map(([, name]) => name)
    expect(listed.sort()).toEqual(scripts.sort())
  })
})
