/** Fetches Redis with the system's package manager: installs as root, unpacks without; never starts a service. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'

export interface RedisBinary {
  readonly command: string
  /** The name under which the binary is a server; several tools share one file. */
  readonly argv0?: string
  readonly env?: NodeJS.ProcessEnv
}

type Log = (message: string) => void

/** `unpacked` names the binary where nothing was installed; otherwise the server is on the PATH now. */
export interface Fetched {
  readonly unpacked?: RedisBinary | null
}

/** @throws Error saying which command failed, or that no known package manager is here */
export async function fetchRedis(options: { readonly toolsDir: string; readonly log: Log }): Promise<Fetched> {
  const { log } = options
  const isRoot = process.getuid?.() === 0
  if (has('brew') && !isRoot) {
    log('redis-server is missing: installing it with `brew install redis` (no service is started)')
    run('brew', ['install', 'redis'], log)
    return {}
  }
  if (has('apt-get')) return isRoot ? installWithApt(log) : { unpacked: unpackWithApt(options.toolsDir, log) }
  for (const { manager, args } of SYSTEM_INSTALLS) {
    if (!has(manager)) continue
    if (!isRoot) throw new Error(`installing with ${manager} needs root: sudo ${manager} ${args.join(' ')}`)
    log(`redis-server is missing: installing it with \`${manager} ${args.join(' ')}\` (no service is started)`)
    run(manager, args, log)
    return {}
  }
  throw new Error('no package manager that this program knows (apt-get, dnf, apk, brew)')
}

/** None of these starts what it installs. */
const SYSTEM_INSTALLS = [
  { manager: 'dnf', args: ['install', '-y', '/usr/bin/redis-server'] },
  { manager: 'apk', args: ['add', 'redis'] },
]

function installWithApt(log: Log): Fetched {
  // redis-tools holds the server's binary without the service that the package redis-server starts on port 6379.
  const args = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', 'redis-tools']
  log(`redis-server is missing: installing it with \`apt-get ${args.slice(2).join(' ')}\` (no service is started)`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  if (attempt('apt-get', args, { env }) === null) return {}
  run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', 'update'], log, { env })
  run('apt-get', args, log, { env })
  return {}
}

function unpackWithApt(toolsDir: string, log: Log): RedisBinary | null {
  log(
    'redis-server is missing: downloading the package redis-tools with apt-get and unpacking it (nothing is installed)',
  )
  mkdirSync(toolsDir, { recursive: true })
  const work = mkdtempSync(path.join(toolsDir, 'redis-'))
  try {
    downloadPackages(work, log)
    const root = path.join(work, 'root')
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
      run('dpkg-deb', ['-x', path.join(work, file), root], log)
    replace(path.join(toolsDir, 'redis'), root)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return unpackedRedis(toolsDir)
}

/** What an earlier start unpacked; null when none did. */
export function unpackedRedis(toolsDir: string): RedisBinary | null {
  const home = path.join(toolsDir, 'redis')
  const command = path.join(home, 'usr', 'bin', 'redis-check-rdb')
  if (!existsSync(command)) return null
  const libraries = [...libraryFolders(home), ...(process.env.LD_LIBRARY_PATH?.split(':') ?? [])].join(':')
  return { command, argv0: 'redis-server', env: { ...process.env, LD_LIBRARY_PATH: libraries } }
}

/** None when everything that the server needs is installed already. */
function libraryFolders(home: string): string[] {
  const parents = [path.join(home, 'usr', 'lib'), path.join(home, 'lib')].filter((folder) => existsSync(folder))
  return parents.flatMap((parent) => [parent, ...readdirSync(parent).map((name) => path.join(parent, name))])
}

function downloadPackages(work: string, log: Log): void {
  const packages = ['redis-tools', ...missingDependencies('redis-tools', [])]
  if (attempt('apt-get', ['download', ...packages], { cwd: work }) === null) return
  // The system's package lists are absent or old, and only root may renew those: keep lists of our own.
  const own = ['state/lists/partial', 'cache/archives/partial'].map((name) => path.join(work, name))
  for (const folder of own) mkdirSync(folder, { recursive: true })
  const places = [`Dir::State::lists=${path.join(work, 'state/lists')}`, `Dir::Cache=${path.join(work, 'cache')}`]
  const options = places.flatMap((place) => ['-o', place])
  run('apt-get', [...options, 'update'], log, { cwd: work })
  const again = ['redis-tools', ...missingDependencies('redis-tools', options)]
  run('apt-get', [...options, 'download', ...again], log, { cwd: work })
}

/** The libraries that the package names and this machine lacks. */
function missingDependencies(name: string, options: readonly string[]): string[] {
  const { stdout } = spawnSync('apt-cache', [...options, 'depends', '--important', name], { encoding: 'utf8' })
  const named = [...(stdout ?? '').matchAll(/^\s*\|?Depends: ([a-z0-9.+-]+)$/gm)].map((match) => match[1] ?? '')
  return named.filter((dependency) => !isInstalled(dependency))
}

/** dpkg also knows packages that were removed. */
function isInstalled(name: string): boolean {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is dpkg's, not ours
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status} ', name], { encoding: 'utf8' })
  return (stdout ?? '').split(' ').includes('installed')
}

/** What was unpacked earlier lacks a library by now; another process may be replacing it as well, then its copy stays. */
function replace(folder: string, by: string): void {
  rmSync(folder, { recursive: true, force: true })
  try {
    renameSync(by, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  }
}

interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

function run(command: string, args: readonly string[], log: Log, options: RunOptions = {}): void {
  const problem = attempt(command, args, options)
  if (problem === null) return
  log(`\`${command} ${args.join(' ')}\` failed`)
  throw new Error(`\`${command} ${args.join(' ')}\`: ${problem}`)
}

/** @returns null when the command succeeded, else the end of what it said */
function attempt(command: string, args: readonly string[], options: RunOptions): string | null {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 300_000, ...options })
  if (status === 0) return null
  return error?.message ?? `${stderr}${stdout}`.trim().split('\n').slice(-4).join(' / ')
}

function has(command: string): boolean {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return folders.some((folder) => folder !== '' && existsSync(path.join(folder, command)))
}
