/**
 * A membership taken away and given back by SQL behind the API: how long after the commit a reader is still answered by
 * what was, where the database's triggers notify, and where they may not and the log is read every 25 ms.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Bench } from '../harness/bench.ts'
import { readerOf, withClient, withCopies } from '../harness/data-set.ts'
import { newPrefix, startService } from '../harness/servers.ts'
import { type LatencyMs, latencyOf } from '../harness/statistics.ts'
import { createClient } from '../harness/timed.ts'
import { untilCaching } from '../harness/until-caching.ts'

export interface OutsideResult {
  readonly notified: LatencyMs
  readonly silent: LatencyMs
  readonly changes: number
}

/** The changes fall anywhere between two reads of the log. */
const PAUSE_MAX_MS = 60
const GIVEN_UP_AFTER_MS = 10_000

export async function measureOutside(bench: Bench): Promise<OutsideResult> {
  const dataSet = await bench.dataSet(1000)
  const changes = bench.repeats * 10
  return withCopies(
    bench.stack.local.databaseUrl,
    dataSet,
    ['notified', 'silent'],
    async ([heard = '', silent = '']) => {
      await withClient(silent, async (client) => {
        await client.query(`ALTER DATABASE ${new URL(silent).pathname.slice(1)} SET portcullis.notify = 'off'`)
      })
      bench.log('changes by SQL that notify')
      const notified = await measure(bench, heard, changes)
      bench.log('changes by SQL that may not notify')
      return { notified, silent: await measure(bench, silent, changes), changes }
    },
  )
}

/** Milliseconds from the acknowledged commit to the first answer that shows it. */
async function measure(bench: Bench, databaseUrl: string, changes: number): Promise<LatencyMs> {
  const server = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const client = createClient(server.url)
  const reader = readerOf(50, 0)
  const [headers = {}] = await bench.stack.headersOf([reader])
  const read = async () => (await client.ask('GET', '/resources', headers)).body
  try {
    await untilCaching(bench.stack, server)
    return await withClient(databaseUrl, async (outside) => {
      const turn = await membershipOf(outside, reader)
      const all: number[] = []
      for (let change = 0; change < changes; change++) {
        const before = await read()
        await delay(Math.random() * PAUSE_MAX_MS)
        await turn()
        const committedMs = performance.now()
        while ((await read()) === before)
          if (performance.now() - committedMs > GIVEN_UP_AFTER_MS) throw new Error('a change by SQL was never seen')
        all.push(performance.now() - committedMs)
      }
      return latencyOf(all)
    })
  } finally {
    client.close()
    await server.stop()
  }
}

/** @returns takes the reader's membership away, and gives it back the next time */
async function membershipOf(outside: pg.Client, reader: string): Promise<() => Promise<unknown>> {
  const { rows } = await outside.query('SELECT to_json(m) AS row FROM memberships m WHERE user_id = $1', [reader])
  if (rows.length !== 1) throw new Error(`${reader} is in ${rows.length} groups`)
  let isMember = true
  return () => {
    isMember = !isMember
    return isMember
      ? outside.query('INSERT INTO memberships SELECT * FROM json_populate_record(NULL::memberships, $1)', [
          rows[0].row,
        ])
      : outside.query('DELETE FROM memberships WHERE user_id = $1', [reader])
  }
}
