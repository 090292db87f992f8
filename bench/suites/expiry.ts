/** Access with an end: what it costs a hit, and what a hundred thousand ends in one second cost readers. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type pg from 'pg'
import type { Bench } from '../harness/bench.ts'
import { READERS_PER_SIZE, readerOf, withClient } from '../harness/data-set.ts'
import { longestPause, pausesTo } from '../harness/pauses.ts'
import { newPrefix, type Server, startService } from '../harness/servers.ts'
import { compare, type Standing } from '../harness/slices.ts'
import { createClient } from '../harness/timed.ts'

export const ENDLESS = 'hit, nothing ends'
export const ENDING = 'hit, the membership ends in ten days'

export interface ExpiryResult {
  readonly hits: readonly Standing[]
  readonly storm: Storm
}

/** The second in which they end beside the time before, in milliseconds. */
export interface Storm {
  readonly ends: number
  readonly before: Window
  readonly during: Window
}

export interface Window {
  /** Of readers who lose nothing. */
  readonly unconcernedP99Ms: number
  /** Of readers from whose lists it takes one access after the other. */
  readonly concernedP99Ms: number
  /** How long the process did something else at most. */
  readonly longestPauseMs: number
}

const GROUPS = 100
const RESOURCES = 1000
const LANES = 8
const BEFORE_MS = 4000
/** Enough to write them, to load them into the catalogue, and for readers to warm up. */
const AHEAD_MS = 45_000
const READERS_FROM_MS = 10_000
const SECOND_MS = 1000

export async function measureExpiry(bench: Bench): Promise<ExpiryResult> {
  bench.log('hits with an end')
  const { databaseUrl } = await bench.dataSet(RESOURCES)
  const readers = Array.from({ length: READERS_PER_SIZE }, (_, at) => readerOf(50, at))
  const ending = readers.filter((_, at) => at % 2 === 1)
  return withClient(databaseUrl, async (client) => {
    await client.query(
      `UPDATE memberships SET expires_at = now() + interval '10 days' WHERE user_id = ANY ($1::text[])`,
      [ending],
    )
    const pauses = path.join(mkdtempSync(path.join(tmpdir(), 'pauses-')), 'instance')
    const server = await startService(bench.stack, { databaseUrl, prefix: newPrefix(), ...pausesTo(pauses) })
    try {
      const requestsOf = async (users: readonly string[]) =>
        (await bench.stack.headersOf(users)).map((headers) => ({ path: '/resources', headers }))
      const endless = readers.filter((_, at) => at % 2 === 0)
      const hits = await compare(
        [
          { server, name: ENDLESS, requests: await requestsOf(endless) },
          { server, name: ENDING, requests: await requestsOf(ending) },
        ],
        bench.comparison,
      )
      bench.log(`${GROUPS * RESOURCES} ends in one second`)
      return { hits, storm: await measureStorm(bench, { server, client, pauses, unconcerned: endless }) }
    } finally {
      await server.stop()
      await client.query('UPDATE memberships SET expires_at = NULL WHERE user_id = ANY ($1::text[])', [ending])
      await client.query(`DELETE FROM groups WHERE name LIKE 'ending-%'`)
      await client.query(`DELETE FROM users WHERE id LIKE 'ending-%'`)
    }
  })
}

async function measureStorm(
  bench: Bench,
  {
    server,
    client,
    pauses,
    unconcerned,
  }: { server: Server; client: pg.Client; pauses: string; unconcerned: readonly string[] },
): Promise<Storm> {
  const names = Array.from({ length: GROUPS }, (_, at) => `ending-${at}`)
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
  if (Date.now() > beginsMs - READERS_FROM_MS) throw new Error('writing the grants took too long to watch them end')
  await new Promise((resolve) => setTimeout(resolve, beginsMs - READERS_FROM_MS - Date.now()))
  const answers: { kind: 'unconcerned' | 'concerned'; atMs: number; ms: number }[] = []
  let stopped = false
  async function lane(kind: 'unconcerned' | 'concerned', headers: readonly Record<string, string>[], from: number) {
    const { ask, close } = createClient(server.url)
    for (let at = from; !stopped; at++) {
      const { status, ms } = await ask('GET', '/resources', headers[at % headers.length] ?? {})
      if (status !== 200) throw new Error(`a reader was answered ${status}`)
      answers.push({ kind, atMs: Date.now() - ms, ms })
    }
    close()
  }
  const [others, losers] = [await bench.stack.headersOf(unconcerned), await bench.stack.headersOf(names)]
  const lanes = [
    ...Array.from({ length: LANES }, (_, at) => lane('unconcerned', others, at * 4)),
    ...Array.from({ length: LANES }, (_, at) => lane('concerned', losers, at * 12)),
  ]
  await new Promise((resolve) => setTimeout(resolve, beginsMs + SECOND_MS + 500 - Date.now()))
  stopped = true
  await Promise.all(lanes)
  const window = (fromMs: number, toMs: number): Window => {
    const of = (kind: string) =>
      answers
        .filter((each) => each.kind === kind && each.atMs >= fromMs && each.atMs < toMs)
        .map(({ ms }) => ms)
        .sort((a, b) => a - b)
    const p99 = (all: readonly number[]) => all[Math.floor(all.length * 0.99)] ?? Number.NaN
    return {
      unconcernedP99Ms: p99(of('unconcerned')),
      concernedP99Ms: p99(of('concerned')),
      longestPauseMs: longestPause(pauses, fromMs, toMs),
    }
  }
  return {
    ends: GROUPS * RESOURCES,
    before: window(beginsMs - BEFORE_MS, beginsMs),
    during: window(beginsMs, beginsMs + SECOND_MS),
  }
}
