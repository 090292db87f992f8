/** PostgreSQL as Debian packages it, for the tools that the embedded one lacks (pg_resetwal, pg_upgrade); where it is installed. */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { createGuardedProcesses, type GuardedProcess } from '../../src/local/guarded-processes.ts'
import { findFreeBase } from '../../src/local/ports.ts'
import { postgresAccount } from '../../src/local/postgres-account.ts'
import { waitUntil } from '../../src/local/wait-until.ts'

const FOLDER = '/usr/lib/postgresql'
const binaryOf = (version: number, tool: string) => path.join(FOLDER, String(version), 'bin', tool)

/** The major versions that are installed with all their tools, oldest first. */
export function installedVersions(): number[] {
  if (!existsSync(FOLDER)) return []
  const versions = readdirSync(FOLDER).map(Number)
  return versions.filter((version) => existsSync(binaryOf(version, 'pg_upgrade'))).sort((one, other) => one - other)
}

export interface DebianPostgres {
  readonly databaseUrl: string
  readonly data: string
  start(): Promise<void>
  stop(): Promise<void>
  /** Runs a tool of this version as the account that owns the data, in a folder of its own. @returns what it says */
  run(tool: string, ...args: string[]): string
  close(): Promise<void>
}

/** A new cluster, not started. @param port of another one, to take its place */
export async function createDebianPostgres(version: number, port?: number): Promise<DebianPostgres & { port: number }> {
  const processes = createGuardedProcesses()
  const account = postgresAccount()
  const folder = mkdtempSync(path.join(tmpdir(), 'portcullis-debian-'))
  if (account) chownSync(folder, account.uid, account.gid)
  chmodSync(folder, 0o700)
  const data = path.join(folder, 'data')
  const at = port ?? (await findFreeBase({ count: 1, from: 33_900, to: 34_400 }))
  const urlOf = (database: string) => `postgresql://portcullis@127.0.0.1:${at}/${database}`
  const said: string[] = []
  let server: GuardedProcess | undefined

  const run = (tool: string, ...args: string[]) =>
    execFileSync(binaryOf(version, tool), args, { encoding: 'utf8', cwd: folder, stdio: 'pipe', ...account })
  run('initdb', '-D', data, '-U', 'portcullis', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync')

  async function ask(database: string, text: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: urlOf(database), connectionTimeoutMillis: 1000 })
    client.on('error', () => {})
    await client.connect()
    return client.query(text).finally(() => client.end())
  }

  return {
    databaseUrl: urlOf('portcullis'),
    data,
    port: at,
    run,
    async start() {
      const settings = ['listen_addresses=127.0.0.1', `port=${at}`, 'unix_socket_directories=', 'fsync=off']
      const started = processes.start({
        name: 'postgres',
        command: binaryOf(version, 'postgres'),
        args: ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
        cwd: '/',
        stopSignal: 'SIGINT',
        output: { onData: (chunk) => void said.push(chunk.toString()) },
        ...(account && { account }),
      })
      server = started
      const answers = async () => {
        if (!started.isRunning()) throw new Error(`PostgreSQL ended:\n${said.slice(-8).join('')}`)
        await ask('postgres', 'SELECT 1')
        return true
      }
      await waitUntil('PostgreSQL answers', answers, { timeoutMs: 30_000 })
      const { rowCount } = await ask('postgres', `SELECT FROM pg_database WHERE datname = 'portcullis'`)
      if (rowCount === 0) await ask('postgres', 'CREATE DATABASE portcullis')
    },
    async stop() {
      await server?.stop(20_000)
    },
    async close() {
      await server?.stop(20_000)
      await processes.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
