/** What `npm start` installs first: all of it, whatever the environment would leave out, and never half of it for good. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { projectNode } from '../../scripts/bootstrap/project-node.mjs'

const bootstrap = path.resolve(import.meta.dirname, '../../scripts/bootstrap/dependencies.mjs')
const npm = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync('npm', [...args, '--offline', '--no-audit', '--no-fund'], {
    cwd: checkout,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })

let checkout: string
beforeEach(() => {
  checkout = mkdtempSync(path.join(tmpdir(), 'installation-'))
  for (const name of ['needed', 'for-development']) {
    mkdirSync(path.join(checkout, name))
    writeFileSync(path.join(checkout, name, 'package.json'), JSON.stringify({ name, version: '1.0.0' }))
  }
  writeFileSync(
    path.join(checkout, 'package.json'),
    JSON.stringify({
      name: 'checkout',
      version: '1.0.0',
      dependencies: { needed: 'file:needed' },
      devDependencies: { 'for-development': 'file:for-development' },
    }),
  )
  npm(['install', '--package-lock-only'])
})
afterEach(() => rmSync(checkout, { recursive: true, force: true }))

const isThere = (name: string) => existsSync(path.join(checkout, 'node_modules', name, 'package.json'))
const stamp = () => path.join(checkout, 'node_modules', '.portcullis-installed')

/** As scripts/bootstrap.mjs does it, in a process of its own. */
function ensure(env: NodeJS.ProcessEnv) {
  const script = `import { ensureDependencies } from ${JSON.stringify(pathToFileURL(bootstrap).href)}
await ensureDependencies({ root: ${JSON.stringify(checkout)}, say: (text) => console.error(text) })`
  const { npm_execpath: _, npm_node_execpath: __, ...inherited } = process.env
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: checkout,
    env: { ...inherited, npm_config_offline: 'true', ...env },
    encoding: 'utf8',
  })
}

describe('the dependencies', () => {
  it.each([{ NODE_ENV: 'production' }, { npm_config_omit: 'dev' }, { npm_config_production: 'true' }, {}])(
    'are all installed with %j in the environment',
    (env) => {
      const { status, stderr } = ensure(env as NodeJS.ProcessEnv)
      expect([status, stderr]).toEqual([0, expect.stringContaining('dependencies installed')])
      expect([isThere('needed'), isThere('for-development')]).toEqual([true, true])
    },
  )

  it('are installed again where a former start left some out and stamped the rest', () => {
    npm(['ci', '--omit=dev'])
    expect(isThere('for-development')).toBe(false)
    // Written by a release that took the exit code of npm for an answer.
    const fingerprint = readFormerFingerprint()
    writeFileSync(stamp(), fingerprint)
    expect(ensure({}).status).toBe(0)
    expect(isThere('for-development')).toBe(true)
  })

  it('are not stamped as installed when npm leaves some out and says nothing', () => {
    const folder = path.join(checkout, 'bin')
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'npm'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
    const { status, stderr } = ensure({ PATH: folder })
    expect([status, stderr]).toEqual([1, expect.stringContaining('left out')])
    expect(existsSync(stamp())).toBe(false)
  })

  it('are installed without what has no build for this system, and without trying again at each start', () => {
    const folder = path.join(checkout, 'without-build')
    mkdirSync(folder)
    const scripts = { preinstall: 'exit 1' }
    writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify({ name: 'without-build', version: '1.0.0', scripts }),
    )
    npm(['pack', './without-build'])
    const file = path.join(checkout, 'package.json')
    const manifest = {
      ...JSON.parse(readFileSync(file, 'utf8')),
      optionalDependencies: { 'without-build': 'file:without-build-1.0.0.tgz' },
    }
    writeFileSync(file, JSON.stringify(manifest))
    npm(['install', '--package-lock-only'])
    expect(ensure({}).status).toBe(0)
    expect([isThere('needed'), isThere('without-build')]).toEqual([true, false])
    expect(ensure({ PATH: '/nowhere' })).toMatchObject({ status: 0, stderr: '' })
  })

  it('are without the packaged Node on systems that it has no build for, as macOS: it is an optional one', () => {
    const manifest = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'))
    expect(manifest.optionalDependencies).toHaveProperty('node')
    expect({ ...manifest.dependencies, ...manifest.devDependencies }).not.toHaveProperty('node')
  })

  it('are left as they are when they are complete', () => {
    npm(['ci'])
    const { status, stderr } = ensure({ PATH: '/nowhere' })
    expect([status, stderr]).toEqual([0, ''])
    expect(readFileSync(stamp(), 'utf8')).toContain('v2')
  })
})

function readFormerFingerprint(): string {
  const script = `import { createHash } from 'node:crypto'; import { readFileSync } from 'node:fs'
console.log(process.platform + '-' + process.arch + ' ' + createHash('sha256').update(readFileSync('package-lock.json')).digest('hex'))`
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: checkout, encoding: 'utf8' }).stdout
}

describe('the lock that keeps two commands from installing at once', () => {
  const lock = () => path.join(checkout, '.portcullis', 'bootstrap.lock')

  // As a full disk, or a kill before the first byte, has left it behind.
  it.each(['', '0', '999999999', 'nonsense'])(
    'is void where it says %j, which names no process that runs',
    (content) => {
      mkdirSync(path.dirname(lock()), { recursive: true })
      writeFileSync(lock(), content)
      const { status, stderr } = ensure({})
      expect([status, stderr]).toEqual([0, expect.stringContaining('dependencies installed')])
      expect(existsSync(lock())).toBe(false)
    },
  )
})

describe('the Node that runs everything', () => {
  const old = { version: '20.1.0', file: '/usr/bin/node' }
  const packaged = (program: string) => {
    const folder = path.join(checkout, 'node_modules/node/bin')
    mkdirSync(folder, { recursive: true })
    writeFileSync(path.join(folder, 'node'), program, { mode: 0o755 })
    return path.join(folder, 'node')
  }

  it('is the packaged one, or else the host’s where that is new enough', () => {
    expect(projectNode({ root: checkout, host: { ...old, version: '24.0.0' } })).toBe(old.file)
    const node = packaged('#!/bin/sh\necho v24.21.0\n')
    expect(projectNode({ root: checkout, host: old })).toBe(node)
  })

  it('that cannot run here is named with its reason', () => {
    expect(() => projectNode({ root: checkout, host: old })).toThrow(/20\.1\.0, and the packaged one is not installed/)
    packaged('#!/bin/sh\necho "libatomic.so.1: cannot open shared object file" >&2; exit 127\n')
    expect(() => projectNode({ root: checkout, host: old })).toThrow(
      'the packaged one does not run here: libatomic.so.1',
    )
  })
})
