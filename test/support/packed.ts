/** The packed tarball, unpacked into an empty folder as npm would, beside the peers that this repository has. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../src/local/wait-until.ts'
import { freePort } from './free-port.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Another Node to run the package on: `PACKAGE_NODE=/path/to/node20`. */
const node = process.env.PACKAGE_NODE ?? process.execPath
const PEERS = [
  'pg',
  'ioredis',
  'express',
  '@prisma/client',
  '@prisma/client-runtime-utils',
  '@prisma/adapter-pg',
  '@types',
]

/** Another release of an example: the same program with one text replaced by another. */
export interface Release {
  readonly text: string
  readonly instead: string
}

export interface Packed {
  readonly folder: string
  readonly bytes: number
  /** Runs a checker of packages over it; returns what it printed, and throws where it complains. */
  lint(checker: 'publint' | 'attw', ...args: string[]): string
  /** Runs the package's command; returns what it printed. */
  command(...args: string[]): string
  /**
   * Starts a program of test/examples/package; resolves with its address when it listens.
   * @param release what another release of it has in the place of some of its text
   */
  start(program: string, environment: Readonly<Record<string, string>>, release?: Release): Promise<string>
  /** Puts an example, or another release of it, into the folder; returns its path. */
  put(program: string, release?: Release): string
  /** Generates the Prisma client of the examples, as `npx prisma generate` does. */
  generateClient(): void
  /** Runs a program of test/examples/package to its end; returns its exit code and what it printed. */
  run(program: string, environment: Readonly<Record<string, string>>, release?: Release): { code: number; text: string }
  /** Compiles a program of test/examples/package against the package's own types; throws where it fails. */
  compile(program: string): void
  /** Ends all programs. */
  stop(): void
  close(): void
}

export function unpack(): Packed {
  execFileSync(process.execPath, [path.join(root, 'scripts/package.mjs')], { cwd: root, stdio: 'ignore' })
  const folder = mkdtempSync(path.join(tmpdir(), 'portcullis-packed-'))
  const modules = path.join(folder, 'node_modules')
  const own = path.join(modules, 'portcullis-cache')
  mkdirSync(own, { recursive: true })
  const { version } = JSON.parse(readFileSync(path.join(root, 'dist/package/package.json'), 'utf8'))
  const tarball = path.join(root, `dist/portcullis-cache-${version}.tgz`)
  execFileSync('tar', ['xzf', tarball, '--strip-components=1', '-C', own])
  mkdirSync(path.join(modules, '@prisma'))
  for (const peer of PEERS) symlinkSync(path.join(root, 'node_modules', peer), path.join(modules, peer))
  writeFileSync(path.join(folder, 'package.json'), '{}')
  const running: ChildProcess[] = []
  const stop = () => {
    for (const each of running.splice(0)) each.kill('SIGKILL')
  }

  function put(example: string, release?: Release): string {
    const program = path.join(folder, release ? `next-${example}` : example)
    writeFileSync(program, textOf(example, release))
    return program
  }

  return {
    folder,
    bytes: statSync(tarball).size,
    lint: (checker, ...args) =>
      execFileSync(path.join(root, 'node_modules/.bin', checker), [...args, path.join(root, 'dist/package')], {
        encoding: 'utf8',
        cwd: root,
      }),
    command: (...args) => execFileSync(node, [path.join(own, 'cli.cjs'), ...args], { encoding: 'utf8' }),
    generateClient() {
      cpSync(path.join(root, 'test/examples/package/schema.prisma'), path.join(folder, 'schema.prisma'))
      // The command looks for a native engine that generating does not use (scripts/bootstrap/database-client.mjs).
      const quiet = { PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' }
      const env = { ...process.env, ...quiet, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath }
      const prisma = path.join(root, 'node_modules/prisma/build/index.js')
      execFileSync(process.execPath, [prisma, 'generate', '--schema', 'schema.prisma'], {
        cwd: folder,
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    },
    put,
    async start(example, environment, release) {
      const port = await freePort()
      const program = put(example, release)
      const env = { ...environment, PORT: String(port), PATH: process.env.PATH }
      running.push(spawn(node, [program], { cwd: folder, env, stdio: 'inherit' }))
      const url = `http://127.0.0.1:${port}`
      await waitUntil(`${program} listens`, () => fetch(url).then(() => true), { timeoutMs: 20_000 })
      return url
    },
    run(example, environment, release) {
      const env = { ...environment, PATH: process.env.PATH }
      const { status, stdout, stderr } = spawnSync(node, ['--test', put(example, release)], { env, encoding: 'utf8' })
      return { code: status ?? 1, text: stdout + stderr }
    },
    compile(program) {
      cpSync(path.join(root, 'test/examples/package', program), path.join(folder, program))
      const options = [
        '--noEmit',
        '--strict',
        '--exactOptionalPropertyTypes',
        '--module',
        'nodenext',
        '--types',
        'node',
      ]
      const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
      execFileSync(process.execPath, [compiler, ...options, program], { cwd: folder, stdio: 'inherit' })
    },
    stop,
    close() {
      stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function textOf(example: string, release: Release | undefined): string {
  const text = readFileSync(path.join(root, 'test/examples/package', example), 'utf8')
  if (!release) return text
  if (!text.includes(release.text)) throw new Error(`${example} has no ${release.text}`)
  return text.replace(release.text, release.instead)
}
