/** The distribution's PgBouncer between a test and a database, where it is installed. */

import { execFileSync } from 'node:child_process'
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { createGuardedProcesses } from '../../src/local/guarded-processes.ts'
import { findFreeBase } from '../../src/local/ports.ts'
import { postgresAccount } from '../../src/local/postgres-account.ts'

/** Debian has it in a folder that is on the PATH of root alone. */
const FOLDERS = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin']

export function findPgBouncer(): string | undefined {
  return FOLDERS.map((folder) => path.join(folder, 'pgbouncer')).find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** From 1.21 on names of statements survive in transaction mode. */
export function keepsNames(): boolean {
  const binary = findPgBouncer()
  if (!binary) return false
  const [, major, minor] =
    /PgBouncer (\d+)\.(\d+)/.exec(execFileSync(binary, ['--version'], { encoding: 'utf8' })) ?? []
  return Number(major) * 1000 + Number(minor) >= 1021
}

export interface PgBouncer {
  /** The same database, through the pooler. */
  readonly databaseUrl: string
  /** While this runs, clients wait and are not refused: the server behind the pooler may be replaced. */
  paused(work: () => Promise<void>): Promise<void>
  /** At its console. */
  command(text: 'RECONNECT' | 'RELOAD'): Promise<void>
  /** With these lines at the end of its configuration; without `RELOAD` they count for nothing yet. */
  configure(settings: Readonly<Record<string, string | number>>): void
  /** Ends it and starts another in its place, with the configuration as it is. */
  restart(): Promise<void>
  close(): Promise<void>
}

export async function startPgBouncer(options: {
  readonly mode: 'session' | 'transaction'
  readonly databaseUrl: string
  readonly poolSize: number
  readonly settings?: Readonly<Record<string, string | number>>
}): Promise<PgBouncer> {
  const binary = findPgBouncer()
  if (!binary) throw new Error('PgBouncer is not installed')
  const folder = mkdtempSync(path.join(tmpdir(), 'pgbouncer-'))
  const { hostname, port: serverPort, username, password, pathname } = new URL(options.databaseUrl)
  const port = await findFreeBase({ count: 1, from: 32_700, to: 33_200 })
  const file = path.join(folder, 'pgbouncer.ini')
  const server = `host=${hostname} port=${serverPort} user=${username} password=${decodeURIComponent(password)}`
  const configure: PgBouncer['configure'] = (settings) =>
    writeFileSync(
      file,
      [configuration, ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`), ''].join('\n'),
    )
  const configuration = `[databases]
${pathname.slice(1)} = ${server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
admin_users = ${username}
pool_mode = ${options.mode}
default_pool_size = ${options.poolSize}
max_client_conn = 1000
server_login_retry = 1`
  configure(options.settings ?? {})
  // It refuses to run as root; and another account cannot enter what mkdtemp makes.
  const account = postgresAccount()
  chmodSync(folder, 0o755)
  const processes = createGuardedProcesses()
  const log: string[] = []
  const run = () =>
    processes.start({
      name: 'pgbouncer',
      command: binary,
      args: [file],
      cwd: '/',
      stopSignal: 'SIGINT',
      output: { onData: (chunk) => log.push(chunk.toString()) },
      ...(account && { account }),
    })
  let running = run()
  const close = async () => {
    await running.stop(5000)
    await processes.close()
    rmSync(folder, { recursive: true, force: true })
  }
  async function accepting(): Promise<void> {
    for (let attempt = 0; !(await accepts(port)); attempt++) {
      if (attempt === 100 || !running.isRunning()) {
        await close()
        throw new Error(`PgBouncer did not start:\n${log.join('')}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await accepting()
  const databaseUrl = Object.assign(new URL(options.databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href
  async function administered(command: string): Promise<void> {
    // It knows the simple protocol alone, and no transaction.
    const client = new pg.Client({
      connectionString: Object.assign(new URL(databaseUrl), { pathname: '/pgbouncer' }).href,
    })
    await client.connect()
    await client.query(command)
    await client.end()
  }
  return {
    databaseUrl,
    async paused(work) {
      await administered('PAUSE')
      await work()
      await administered('RESUME')
    },
    command: administered,
    configure,
    async restart() {
      // It waits for its clients at SIGINT.
      await running.stop(0)
      running = run()
      await accepting()
    },
    close,
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
