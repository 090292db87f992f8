/** What the live suites need from the machine, and a clear word where it is missing. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'

export function findOnPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, name))
    .find((file) => existsSync(file))
}

const succeeds = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** How a process gets a name table of its own: a mount namespace, as root or through a user namespace. */
export function namespaceCommand(): readonly string[] | undefined {
  const asRoot = ['unshare', '--mount']
  const asUser = ['unshare', '--user', '--map-root-user', '--mount']
  return [asRoot, asUser].find(([command, ...args]) =>
    succeeds(command as string, [...args, 'mount', '--bind', '/etc/hosts', '/etc/hosts']),
  )
}

/** redis-tools ships the server under another name; called as redis-server it is one. */
const SERVERS = ['redis-server', 'valkey-server', 'redis-check-rdb', 'valkey-check-rdb']

/** Why the live suites cannot run here, or undefined when they can. */
export function missingForLivePods(): string | undefined {
  if (process.platform !== 'linux') return 'live pods need Linux (three loopback addresses and mount namespaces)'
  if (!SERVERS.some(findOnPath))
    return 'no redis-server or valkey-server on the PATH (Debian: apt-get install redis-tools)'
  if (!findOnPath('redis-cli') && !findOnPath('valkey-cli')) return 'no redis-cli on the PATH'
  if (!findOnPath('setpriv')) return 'no setpriv on the PATH (util-linux)'
  if (!namespaceCommand()) return 'mount namespaces are not allowed here (run as root or allow user namespaces)'
  return undefined
}

/** A folder with redis-server and redis-cli under those very names. */
export function linkRedis(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const link = (name: string, candidates: readonly string[]): void => {
    const found = candidates.map(findOnPath).find((file) => file !== undefined)
    if (found && !existsSync(path.join(folder, name))) symlinkSync(found, path.join(folder, name))
  }
  link('redis-server', SERVERS)
  link('redis-cli', ['redis-cli', 'valkey-cli'])
}
