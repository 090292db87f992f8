/** A PostgreSQL server for one test file, with settings that the shared one must not have. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { createGuardedProcesses } from '../../src/local/guarded-processes.ts'
import { findFreeBase } from '../../src/local/ports.ts'
import { createPostgresServer, type PostgresServer } from '../../src/local/postgres-server.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'

export interface OwnPostgres extends Pick<PostgresServer, 'databaseUrl' | 'home' | 'start' | 'stop'> {
  readonly port: number
  urlOf(database: string): string
  connect(options?: { database?: string; applicationName?: string }): Promise<pg.Client>
  /** A database with the current schema. Returns its URL. */
  createMigrated(database: string): Promise<string>
  close(): Promise<void>
}

/** @param settings as in postgresql.conf; they are there from the start */
export async function startOwnPostgres(settings: Readonly<Record<string, string>> = {}): Promise<OwnPostgres> {
  const processes = createGuardedProcesses()
  const dataDir = mkdtempSync(path.join(tmpdir(), 'portcullis-own-'))
  const logDir = path.join(dataDir, 'logs')
  mkdirSync(logDir)
  const port = await findFreeBase({ count: 1, from: 32_100, to: 32_700 })
  const quiet = { onExit: () => {}, onStart: () => {} }
  const server = createPostgresServer({ processes, dataDir, logDir, port, durability: 'memory', ...quiet })
  const urlOf = (database: string) => Object.assign(new URL(server.databaseUrl), { pathname: `/${database}` }).href

  async function connect({ database = 'portcullis', applicationName = 'test' } = {}): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: urlOf(database), application_name: applicationName })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  await server.start()
  const names = Object.keys(settings)
  if (names.length > 0) {
    const client = await connect()
    for (const name of names) await client.query(`ALTER SYSTEM SET ${name} = '${settings[name]}'`)
    await client.end()
    await server.stop()
    await server.start()
  }
  return {
    databaseUrl: server.databaseUrl,
    home: server.home,
    start: server.start,
    stop: server.stop,
    port,
    urlOf,
    connect,
    async createMigrated(database) {
      const client = await connect()
      if (database !== 'portcullis') await client.query(`CREATE DATABASE ${database}`)
      await client.end()
      await applyMigrations(urlOf(database))
      return urlOf(database)
    },
    async close() {
      await server.stop()
      await processes.close()
      for (const folder of [server.home, dataDir]) rmSync(folder, { recursive: true, force: true })
    },
  }
}
