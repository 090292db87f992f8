/**
 * What a mutation costs through HTTP, beside a bare transaction of the same three writes (the change, a log row, an audit
 * row; a pool of 10) on the same server: one, eight and 32 at once, in slices that alternate.
 */
import pg from 'pg'
import type { Bench } from '../harness/bench.ts'
import { SCRATCH_GROUP, scratchUser, withClient } from '../harness/data-set.ts'
import { newPrefix, startService } from '../harness/servers.ts'
import { median } from '../harness/statistics.ts'
import { createClient } from '../harness/timed.ts'

export interface MutationResult {
  readonly name: string
  readonly atOnce: number
  readonly bare: Pace
  readonly served: Pace
  /** Served divided by bare. */
  readonly ratio: { readonly p50: number; readonly perSecond: number }
}

interface Pace {
  readonly p50Ms: number
  readonly perSecond: number
}

interface Change {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly method: string
  readonly path: string
  readonly body?: unknown
}

/** What each of those at work does in its turn; nobody else touches the same row. */
type Work = (worker: number, turn: number) => Change

const RESOURCES = 10_000
const AT_ONCE = [1, 8, 32]
const POOL = 10
const WARM_UP_MS = 1000

export async function measureMutations(bench: Bench): Promise<MutationResult[]> {
  const { databaseUrl } = await bench.dataSet(RESOURCES)
  const server = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL })
  const [headers = {}] = await bench.stack.headersOf(['root'])
  const clients = Array.from({ length: Math.max(...AT_ONCE) }, () => createClient(server.url))
  const serve = async (worker: number, { method, path, body }: Change) => {
    const { status, body: answer } = (await clients[worker]?.ask(method, path, headers, body)) ?? { status: 0 }
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${answer}`)
  }
  const kinds: [string, Work][] = Object.entries(await worksOn(databaseUrl))
  const results: MutationResult[] = []
  try {
    for (const atOnce of AT_ONCE)
      for (const [name, work] of kinds) {
        bench.log(`${name}, ${atOnce} at once`)
        const bare = slices(atOnce, work, (_worker, change) => runBare(pool, change))
        const served = slices(atOnce, work, serve)
        for (const each of [bare, served]) await each.run(WARM_UP_MS)
        bare.forget()
        served.forget()
        const sliceMs = (bench.seconds * 1000) / SLICES
        for (let slice = 0; slice < SLICES; slice++) for (const each of [bare, served]) await each.run(sliceMs)
        results.push(resultOf(name, atOnce, bare.pace(), served.pace()))
      }
    return results
  } finally {
    for (const client of clients) client.close()
    await pool.end()
    await server.stop()
  }
}

const SLICES = 6

function resultOf(name: string, atOnce: number, bare: Pace, served: Pace): MutationResult {
  const ratio = { p50: served.p50Ms / bare.p50Ms, perSecond: served.perSecond / bare.perSecond }
  return { name, atOnce, bare, served, ratio }
}

async function worksOn(databaseUrl: string): Promise<Record<string, Work>> {
  const { groups, resources } = await withClient(databaseUrl, async (client) => ({
    groups: (
      await client.query<{ id: string; name: string }>(
        `SELECT id, name FROM groups WHERE name ~ '^team-1-' OR name = $1 ORDER BY name`,
        [SCRATCH_GROUP],
      )
    ).rows,
    resources: (await client.query<{ id: string }>('SELECT id FROM resources ORDER BY name LIMIT 4096')).rows.map(
      ({ id }) => id,
    ),
  }))
  const scratch = groups.find(({ name }) => name === SCRATCH_GROUP)?.id ?? ''
  const teams = groups.filter(({ id }) => id !== scratch).map(({ id }) => id)
  return {
    'PATCH of a resource': (worker, turn) => {
      const id = resources[(worker * 128 + (turn % 128)) % resources.length] ?? ''
      const description = `changed ${performance.now()}`
      return {
        sql: 'UPDATE resources SET description = $2, version = version + 1 WHERE id = $1',
        values: [id, description],
        method: 'PATCH',
        path: `/resources/${id}`,
        body: { description },
      }
    },
    'member added or removed': (worker, turn) => {
      const user = scratchUser(worker % 64)
      const added = turn % 2 === 0
      return {
        sql: added
          ? 'INSERT INTO memberships (user_id, group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING'
          : 'DELETE FROM memberships WHERE user_id = $1 AND group_id = $2',
        values: [user, scratch],
        ...(added ? { method: 'PUT', body: {} } : { method: 'DELETE' }),
        path: `/groups/${scratch}/members/${user}`,
      }
    },
    'grant given or taken': (worker, turn) => {
      const [group = '', resource = ''] = [teams[worker % teams.length], resources[4000 + worker]]
      const given = turn % 2 === 0
      return {
        sql: given
          ? `INSERT INTO grants (group_id, resource_id, permission) VALUES ($1, $2, 'read') ON CONFLICT DO NOTHING`
          : 'DELETE FROM grants WHERE group_id = $1 AND resource_id = $2',
        values: [group, resource],
        ...(given ? { method: 'PUT', body: { permission: 'read' } } : { method: 'DELETE' }),
        path: `/groups/${group}/grants/${resource}`,
      }
    },
  }
}

const LOG = `INSERT INTO invalidation_log (tags, event, actor, keys) VALUES ($1, 'bench', 'bench', 2)`
const AUDIT = `INSERT INTO audit_log (actor, action, target, before, after) VALUES ('bench', 'bench', $1, $2, $2)`

async function runBare(pool: pg.Pool, { sql, values }: Change): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query({ name: sql.slice(0, 60), text: sql, values: [...values] })
    await client.query({ name: 'log', text: LOG, values: [['c:00', 'r:1', 'g:1']] })
    await client.query({ name: 'audit', text: AUDIT, values: ['bench', JSON.stringify({ some: 'state' })] })
    await client.query('COMMIT')
  } finally {
    client.release()
  }
}

/** The same number at work all the time, each in a closed loop. Turns go on from slice to slice. */
function slices(atOnce: number, work: Work, change: (worker: number, change: Change) => Promise<void>) {
  const turns = Array.from({ length: atOnce }, () => 0)
  const latencies: number[] = []
  let spentMs = 0
  async function loop(worker: number, untilMs: number): Promise<void> {
    do {
      const turn = turns[worker] ?? 0
      turns[worker] = turn + 1
      const startedMs = performance.now()
      await change(worker, work(worker, turn))
      latencies.push(performance.now() - startedMs)
      // What was given is taken: the other, whose turn is next, begins as this one did.
    } while (performance.now() < untilMs || (turns[worker] ?? 0) % 2 === 1)
  }
  return {
    async run(ms: number) {
      const startedMs = performance.now()
      await Promise.all(turns.map((_, worker) => loop(worker, startedMs + ms)))
      spentMs += performance.now() - startedMs
    },
    forget() {
      latencies.length = 0
      spentMs = 0
    },
    pace: (): Pace => ({ p50Ms: median(latencies), perSecond: (latencies.length / spentMs) * 1000 }),
  }
}
