/** A hundred thousand grants that end within one second, beside readers who lose them and readers who lose nothing. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../harness/bench.ts'
import { withClient } from '../harness/data-set.ts'
import { longestPause, pausesTo, writePauses } from '../harness/pauses.ts'
import { startReaders } from '../harness/readers.ts'
import { newPrefix, startService } from '../harness/servers.ts'
import { percentile } from '../harness/statistics.ts'

/** The second in which they end beside the time before. */
export interface Storm {
  readonly ends: number
  /** Reads per second; null: in closed loops. */
  readonly rate: number | null
  readonly before: Window
  readonly during: Window
}

export interface Window {
  readonly perSecond: number
  /** Of readers who lose nothing. */
  readonly unconcernedP99Ms: number
  /** Of readers from whose lists it takes one access after the other. */
  readonly concernedP99Ms: number
  /** How long the instance did something else at most. */
  readonly longestPauseMs: number
  /** The same of the process that makes the load: what the readers saw includes it. */
  readonly longestPauseOfLoadMs: number
}

export interface StormOptions {
  readonly databaseUrl: string
  /** They lose nothing. */
  readonly unconcerned: readonly string[]
  readonly rate: number | null
}

const GROUPS = 100
export const RESOURCES = 1000
const LANES = 8
const BEFORE_MS = 4000
/** Enough to write them, to load them into the catalogue, and for readers to warm up. */
const AHEAD_MS = 45_000
const READERS_FROM_MS = 10_000
const SECOND_MS = 1000

export async function measureStorm(bench: Bench, options: StormOptions): Promise<Storm> {
  const { databaseUrl, unconcerned, rate } = options
  bench.log(`${GROUPS * RESOURCES} ends in one second, ${rate === null ? 'closed loops' : `${rate} reads per second`}`)
  const names = Array.from({ length: GROUPS }, (_, at) => `ending-${at}`)
  const folder = mkdtempSync(path.join(tmpdir(), 'pauses-'))
  const [pauses, pausesOfLoad] = [path.join(folder, 'instance'), path.join(folder, 'load')]
  const server = await startService(bench.stack, { databaseUrl, prefix: newPrefix(), ...pausesTo(pauses) })
  const load = writePauses(pausesOfLoad)
  try {
    const beginsMs = await give(databaseUrl, names)
    if (Date.now() > beginsMs - READERS_FROM_MS) throw new Error('writing the grants took too long to watch them end')
    await sleep(beginsMs - READERS_FROM_MS - Date.now())
    const requestsOf = async (users: readonly string[]) =>
      (await bench.stack.headersOf(users)).map((headers) => ({ path: '/resources', headers }))
    const readers = await startReaders({
      server,
      perSecond: rate,
      lanes: LANES,
      kinds: { unconcerned: await requestsOf(unconcerned), concerned: await requestsOf(names) },
    })
    await sleep(beginsMs + SECOND_MS + 500 - Date.now())
    const answers = await readers.stop()
    const window = (fromMs: number, toMs: number): Window => {
      const within = (kind: string) => {
        const { atMs, ms } = answers.get(kind) ?? { atMs: [], ms: [] }
        return ms.filter((_, at) => Number(atMs[at]) >= fromMs && Number(atMs[at]) < toMs)
      }
      const [others, losers] = [within('unconcerned'), within('concerned')]
      return {
        perSecond: ((others.length + losers.length) / (toMs - fromMs)) * 1000,
        unconcernedP99Ms: percentile(others, 0.99),
        concernedP99Ms: percentile(losers, 0.99),
        longestPauseMs: longestPause(pauses, fromMs, toMs),
        longestPauseOfLoadMs: longestPause(pausesOfLoad, fromMs, toMs),
      }
    }
    return {
      ends: GROUPS * RESOURCES,
      rate,
      before: window(beginsMs - BEFORE_MS, beginsMs),
      during: window(beginsMs, beginsMs + SECOND_MS),
    }
  } finally {
    load.stop()
    await server.stop()
    await withClient(databaseUrl, async (client) => {
      await client.query(`DELETE FROM groups WHERE name LIKE 'ending-%'`)
      await client.query(`DELETE FROM users WHERE id LIKE 'ending-%'`)
    })
  }
}

/** @returns when the first of them ends, by the system's clock */
function give(databaseUrl: string, names: readonly string[]): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    await client.query('INSERT INTO users (id) SELECT unnest($1::text[])', [names])
    await client.query('INSERT INTO groups (name) SELECT unnest($1::text[])', [names])
    await client.query(
      `INSERT INTO memberships (user_id, group_id) SELECT name, id FROM groups WHERE name = ANY ($1::text[])`,
      [names],
    )
    const beginsMs = Date.now() + AHEAD_MS
    await client.query(
      `INSERT INTO grants (group_id, resource_id, permission, expires_at)
       SELECT g.id, r.id, 'read', to_timestamp($2::float8 / 1000) + random() * interval '1 second'
       FROM groups g, (SELECT id FROM resources ORDER BY name LIMIT $3) r WHERE g.name = ANY ($1::text[])`,
      [names, beginsMs, RESOURCES],
    )
    // Otherwise it may be done in that very second, because of these many new rows.
    await client.query('VACUUM (ANALYZE) grants')
    return beginsMs
  })
}
