/** PostgreSQL refuses to run as root: as root, an account without rights runs it, from folders that this account can enter. */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import path from 'node:path'

export interface Account {
  readonly uid: number
  readonly gid: number
}

const CANDIDATES = ['postgres', 'nobody']

/** @returns undefined when this process is not root and so may run PostgreSQL itself */
export function postgresAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of CANDIDATES) {
    const [uid, gid] = [idOf('-u', name), idOf('-g', name)]
    if (uid !== null && gid !== null && uid !== 0) return { uid, gid }
  }
  throw new Error(`PostgreSQL does not run as root, and this machine has none of the accounts ${CANDIDATES.join(', ')}`)
}

function idOf(flag: '-u' | '-g', name: string): number | null {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' })
  return status === 0 ? Number(stdout) : null
}

/** Whether the account can reach a path: asked of the system itself, since modes, ACLs and mounts all count. */
export function canEnter(account: Account | undefined, folder: string): boolean {
  const options = { stdio: 'ignore', cwd: '/', ...account } as const
  return spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], options).status === 0
}

/**
 * The folder for the data cluster: inside `dataDir`, or, where the account cannot go there, a folder elsewhere that
 * `dataDir` remembers.
 */
export function homeForPostgres(dataDir: string, account: Account | undefined): string {
  if (!account || canEnter(account, dataDir)) return dataDir
  const memory = path.join(dataDir, 'postgres-home')
  if (existsSync(memory)) {
    const remembered = readFileSync(memory, 'utf8').trim()
    if (isOwnFolder(remembered, account)) return remembered
  }
  const home = createHome()
  chownSync(home, account.uid, account.gid)
  chmodSync(home, 0o700)
  writeFileSync(memory, `${home}\n`)
  return home
}

/** The remembered folder may have been removed, and recreated by another account. */
function isOwnFolder(folder: string, account: Account): boolean {
  const found = existsSync(folder) ? lstatSync(folder) : undefined
  return found?.isDirectory() === true && found.uid === account.uid
}

/** A place that outlives a reboot where there is one. */
function createHome(): string {
  for (const parent of ['/var/lib', '/var/tmp', tmpdir()]) {
    try {
      return mkdtempSync(path.join(parent, 'portcullis-'))
    } catch {
      // Read-only or absent: the next one.
    }
  }
  throw new Error('Found no folder outside of this one for PostgreSQL to keep its data in')
}

/**
 * The binaries where the account can run them: as installed, else copied into the home (60 MB, a quarter of a second).
 * @throws Error with what the system says when it can run neither
 */
export function reachableBinaries(installed: string, home: string, account: Account | undefined): string {
  if (!account || whyNotRun(account, installed) === null) return installed
  const copy = path.join(home, 'postgresql')
  if (!existsSync(path.join(copy, 'complete'))) {
    cpSync(installed, copy, { recursive: true, verbatimSymlinks: true })
    // Under umask 077 the installed ones, and so their copies, are for their owner alone.
    spawnSync('chmod', ['-R', 'a+rX', copy])
    writeFileSync(path.join(copy, 'complete'), '')
  }
  const why = whyNotRun(account, copy)
  if (why !== null)
    throw new Error(`The account that is to run PostgreSQL (id ${account.uid}) cannot run ${copy}: ${why}`)
  return copy
}

/** Asked by running it: the folders above, the files' own modes and their libraries all count. */
function whyNotRun(account: Account, binaries: string): string | null {
  const options = { encoding: 'utf8', cwd: '/', ...account } as const
  const { status, error, stderr } = spawnSync(path.join(binaries, 'bin', 'postgres'), ['--version'], options)
  return status === 0 ? null : (error?.message ?? stderr.trim())
}

/**
 * A command line that runs `initdb` under a name: it insists on one, and a container may run us as a user id that has none.
 * The server itself does not mind. A user namespace shows `nobody` in its place; the files are still this user's.
 */
export function underSomeName(command: string, args: readonly string[]): readonly [string, readonly string[]] {
  if (hasName()) return [command, args]
  const [uid, gid] = [idOf('-u', 'nobody'), idOf('-g', 'nobody')]
  return ['unshare', ['--user', `--map-user=${uid}`, `--map-group=${gid}`, command, ...args]]
}

/** What a failure of `initdb` comes from, where this user has no name; null where it has one. */
export const namelessUser = (): string | null =>
  hasName()
    ? null
    : `The user id ${process.getuid?.()} has no name in /etc/passwd, which PostgreSQL needs to create its data, and no user ` +
      'namespace could stand in. Add a line for it to /etc/passwd, start as another user, or set DATABASE_URL.'

function hasName(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}
