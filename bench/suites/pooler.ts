/**
 * The service on three routes to PostgreSQL: direct; direct, but told that there is a pooler in transaction mode, which
 * tells what statements without names cost; and through PgBouncer in transaction mode. The same for a bare `pg` pool that
 * asks for one row by its key with unnamed statements, which tells what the hop itself costs here. In slices that alternate.
 */
import { execFileSync } from 'node:child_process'
import pg from 'pg'
import { findPgBouncer, startPgBouncer } from '../../test/support/pgbouncer.ts'
import type { Bench } from '../harness/bench.ts'
import { readerOf, SCRATCH_GROUP, scratchUser, withClient } from '../harness/data-set.ts'
import { newPrefix, startService } from '../harness/servers.ts'
import { median } from '../harness/statistics.ts'
import { createClient } from '../harness/timed.ts'

export interface PoolerResult {
  /** Which PgBouncer; absent in results of before it was asked. */
  readonly version?: string
  readonly rows: readonly PoolerRow[]
}

interface PoolerRow {
  readonly name: string
  readonly bare: Rates
  readonly served: Rates
}

/** Per second. */
interface Rates {
  readonly direct: number
  /** Direct, but as through a pooler in transaction mode; absent where it makes no difference, and in results of before. */
  readonly unnamed?: number
  readonly pooled: number
}

type Work = (worker: number, turn: number) => Promise<unknown>
/** On one of the routes, by its number. */
type Kind = (at: number) => Work

const RESOURCES = 1000
const AT_ONCE = 16
const POOL = 10
const SLICES = 6
const STATEMENT_TIMEOUT = '2000ms'

export async function measurePooler(bench: Bench): Promise<PoolerResult> {
  const binary = findPgBouncer()
  if (!binary) throw new Error('PgBouncer is not installed (apt-get install pgbouncer)')
  const { databaseUrl, name } = await bench.dataSet(RESOURCES)
  const scratch = await withClient(databaseUrl, async (client) => {
    await client.query(`ALTER ROLE CURRENT_USER IN DATABASE ${name} SET statement_timeout = '${STATEMENT_TIMEOUT}'`)
    const { rows } = await client.query<{ id: string }>('SELECT id FROM groups WHERE name = $1', [SCRATCH_GROUP])
    return rows[0]?.id ?? ''
  })
  const bouncer = await startPgBouncer({ mode: 'transaction', databaseUrl, poolSize: 2 * POOL })
  const routes = [
    { url: databaseUrl, environment: {} },
    { url: bouncer.databaseUrl, environment: { DATABASE_POOLER: 'transaction' } },
    { url: databaseUrl, environment: { DATABASE_POOLER: 'transaction' } },
  ]
  const prefix = newPrefix()
  const servers = await Promise.all(
    routes.map(({ url, environment }) => startService(bench.stack, { databaseUrl: url, prefix, environment })),
  )
  const pools = routes.map(({ url }) => new pg.Pool({ connectionString: url, max: POOL }))
  const clients = servers.map(({ url }) => Array.from({ length: AT_ONCE }, () => createClient(url)))
  const headers = await bench.stack.headersOf(['root', ...Array.from({ length: AT_ONCE }, (_, n) => readerOf(50, n))])

  const ask = async (at: number, worker: number, method: string, path: string, by: object, body?: unknown) => {
    const { status, body: said = '' } = (await clients[at]?.[worker]?.ask(method, path, { ...by }, body)) ?? {
      status: 0,
    }
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${said}`)
  }
  const bareRead = (at: number) => (worker: number) =>
    pools[at]?.query('SELECT * FROM users WHERE id = $1', [readerOf(50, worker)]) ?? Promise.reject()
  const bareWrite = (at: number) => async (worker: number, turn: number) => {
    const client = await pools[at]?.connect()
    try {
      for (const text of ['BEGIN', CHANGE[turn % 2] ?? '', 'COMMIT'])
        await client?.query(text, text === 'BEGIN' || text === 'COMMIT' ? [] : [scratchUser(worker), scratch])
    } finally {
      client?.release()
    }
  }
  const read = (at: number) => (worker: number) =>
    ask(at, worker, 'GET', '/resources', { ...headers[worker + 1], 'cache-control': 'no-cache' })
  const change = (at: number) => (worker: number, turn: number) => {
    const path = `/groups/${scratch}/members/${scratchUser(worker)}`
    return turn % 2 === 0
      ? ask(at, worker, 'PUT', path, headers[0] ?? {}, {})
      : ask(at, worker, 'DELETE', path, headers[0] ?? {})
  }
  try {
    const rows: PoolerRow[] = []
    for (const [what, bare, served] of [
      ['reads by SQL', bareRead, read],
      ['mutations', bareWrite, change],
    ] as [string, Kind, Kind][]) {
      bench.log(what)
      const [direct = 0, pooled = 0] = await rates(bench, [0, 1].map(bare))
      const [servedDirect = 0, servedPooled = 0, unnamed = 0] = await rates(bench, [0, 1, 2].map(served))
      rows.push({
        name: what,
        bare: { direct, pooled },
        served: { direct: servedDirect, unnamed, pooled: servedPooled },
      })
    }
    return { version: versionOf(binary), rows }
  } finally {
    for (const client of clients.flat()) client.close()
    for (const pool of pools) await pool.end()
    for (const server of servers) await server.stop()
    await bouncer.close()
  }
}

const CHANGE = [
  'INSERT INTO memberships (user_id, group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
  'DELETE FROM memberships WHERE user_id = $1 AND group_id = $2',
]

function versionOf(binary: string): string {
  return execFileSync(binary, ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? ''
}

/** One for each. */
async function rates(bench: Bench, works: readonly Work[]): Promise<number[]> {
  const sliceMs = (bench.seconds * 1000) / SLICES
  for (const work of works) await slice(work, sliceMs)
  const found = works.map((): number[] => [])
  for (let turn = 0; turn < SLICES; turn++)
    for (const [at, work] of works.entries()) found[at]?.push(await slice(work, sliceMs))
  return found.map(median)
}

/** An even number of turns for each, so that what is added is removed. */
async function slice(work: Work, forMs: number): Promise<number> {
  const startedMs = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, worker) => {
      for (let turn = 0; turn % 2 === 1 || performance.now() - startedMs < forMs; turn++) {
        await work(worker, turn)
        done++
      }
    }),
  )
  return (done / (performance.now() - startedMs)) * 1000
}
