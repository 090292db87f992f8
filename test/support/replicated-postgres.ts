/** A primary and a standby that follows it by streaming replication, for what a failover does. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { createGuardedProcesses } from '../../src/local/guarded-processes.ts'
import { findFreeBase } from '../../src/local/ports.ts'
import { createPostgresServer, type PostgresServer } from '../../src/local/postgres-server.ts'
import { signalWithChildren } from '../../src/local/process-children.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'

export interface ReplicatedServer extends PostgresServer {
  readonly port: number
  /** Like a machine that loses power. */
  kill(): Promise<void>
  /** Like a frozen machine: nothing answers, and no connection ends. */
  freeze(): void
  goOn(): void
}

export interface ReplicatedPostgres {
  readonly primary: ReplicatedServer
  readonly standby: ReplicatedServer
  /** What the primary acknowledges, the standby shows: a failover loses nothing. Until then the one does not wait for the other. */
  synchronise(): Promise<void>
  /** The standby becomes the primary. */
  promote(): Promise<void>
  /** The two change places, in order: nothing is lost, and each follows the other's history. */
  switchOver(): Promise<void>
  /** A URL that names these servers in this order. */
  urlOf(...servers: readonly ReplicatedServer[]): string
  close(): Promise<void>
}

export async function startReplicatedPostgres(): Promise<ReplicatedPostgres> {
  const processes = createGuardedProcesses()
  const base = await findFreeBase({ count: 2, from: 33_300, to: 33_900 })
  const folders: string[] = []

  function serverAt(port: number, passwordFrom?: string): ReplicatedServer {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'portcullis-replicated-'))
    folders.push(dataDir)
    if (passwordFrom) copyFileSync(path.join(passwordFrom, PASSWORD), path.join(dataDir, PASSWORD))
    const logDir = path.join(dataDir, 'logs')
    mkdirSync(logDir)
    const quiet = { onExit: () => {}, onStart: () => {} }
    const server = createPostgresServer({ processes, dataDir, logDir, port, durability: 'memory', ...quiet })
    folders.push(server.home)
    return {
      ...server,
      port,
      async kill() {
        const running = server.process()
        running?.signal('SIGKILL')
        await running?.exited
      },
      freeze: () => signalAll(server, 'SIGSTOP'),
      goOn: () => signalAll(server, 'SIGCONT'),
    }
  }

  const primary = serverAt(base)
  await primary.start()
  await applyMigrations(primary.databaseUrl)
  await primary.stop()
  const standby = serverAt(base + 1, folders[0])
  const [from, to] = [dataOf(primary), dataOf(standby)]
  execFileSync('cp', ['-a', from, to])
  const follow = (server: ReplicatedServer, source: ReplicatedServer) => {
    const { username, password } = new URL(primary.databaseUrl)
    const where = `host=127.0.0.1 port=${source.port} user=${username} password=${password} application_name=standby`
    appendFileSync(path.join(dataOf(server), 'postgresql.auto.conf'), `primary_conninfo = '${where}'\n`)
    writeFileSync(path.join(dataOf(server), 'standby.signal'), '')
  }
  follow(standby, primary)
  await primary.start()
  await standby.start()

  return {
    primary,
    standby,
    async synchronise() {
      // The command line of these servers makes commits forgetful; what the database says counts more.
      await ask(primary.databaseUrl, `ALTER DATABASE portcullis SET synchronous_commit = 'remote_apply'`)
      await ask(primary.databaseUrl, `ALTER SYSTEM SET synchronous_standby_names = 'standby'`)
      await ask(primary.databaseUrl, 'SELECT pg_reload_conf()')
      const isFollowed = async () =>
        (await ask(primary.databaseUrl, `SELECT FROM pg_stat_replication WHERE sync_state = 'sync'`)).length > 0
      await waitUntil('the standby is waited for', isFollowed, { timeoutMs: 10_000 })
    },
    async promote() {
      await ask(standby.databaseUrl, 'SELECT pg_promote()')
    },
    async switchOver() {
      // A primary that is stopped in order waits until its standbys have everything.
      await primary.stop()
      await ask(standby.databaseUrl, 'SELECT pg_promote()')
      follow(primary, standby)
      await primary.start()
    },
    urlOf: (...servers) =>
      primary.databaseUrl.replace(/@[^/]+/, `@${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`),
    async close() {
      for (const server of [primary, standby]) await server.stop()
      await processes.close()
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    },
  }
}

function signalAll(server: PostgresServer, signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  const pid = server.process()?.pid
  if (pid === undefined) throw new Error('the server does not run')
  signalWithChildren(pid, signal)
}

const PASSWORD = 'postgres-password'
const dataOf = ({ home }: PostgresServer) => path.join(home, 'postgres')

export async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}
