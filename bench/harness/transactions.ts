/** How many transactions per second a database sees; a statement by itself is one. */
import { setInterval } from 'node:timers/promises'
import pg from 'pg'

export interface TransactionCounter {
  /** The rate between two moments of the system's clock, in milliseconds, as near to them as was counted. */
  perSecond(span: { readonly fromMs: number; readonly toMs: number }): number
  stop(): Promise<void>
}

/** PostgreSQL's processes add up what they did once a second: rates over a few seconds are right to a tenth or so. */
const EVERY_MS = 100

/** @param adminUrl of another database, so that the counting is not counted */
export async function countTransactions(adminUrl: string, database: string): Promise<TransactionCounter> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  const samples: { atMs: number; count: number }[] = []
  const ending = new AbortController()

  async function sample(): Promise<void> {
    const { rows } = await client.query<{ count: string }>(
      'SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = $1',
      [database],
    )
    samples.push({ atMs: Date.now(), count: Number(rows[0]?.count) })
  }

  async function keepSampling(): Promise<void> {
    try {
      for await (const _ of setInterval(EVERY_MS, undefined, { signal: ending.signal })) await sample()
    } catch (error) {
      if (!ending.signal.aborted) throw error
    }
  }

  const sampling = keepSampling()
  return {
    perSecond({ fromMs, toMs }) {
      const within = samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      const [first, last] = [within[0], within.at(-1)]
      if (!first || !last || first === last) return Number.NaN
      return ((last.count - first.count) / (last.atMs - first.atMs)) * 1000
    },
    async stop() {
      ending.abort()
      await sampling
      await client.end()
    },
  }
}
