/** Looks for memberships and grants whose end has come, and removes them as ending.ts says: one instance at a time. */
import type pg from 'pg'
import type { Clock } from '../cache/index.ts'
import { type Ended, ending } from './ending.ts'
import type { Database } from './pool.ts'
import { NOTIFY } from './unit-of-work.ts'

/** The advisory lock of the job: the instance that gets it does what is due, the others skip their turn. */
const JOB_LOCK = 0x656e6473
/** At most this many rows of each table are removed per transaction: a few milliseconds of PostgreSQL's work. */
const BATCH = 50
/**
 * Where many rows have ended, the job pauses so many times as long as a transaction took. The busier the database, the
 * longer a transaction takes.
 */
const PAUSE_PER_WORK = 9

/**
 * How long ago the earliest end that is left came, in milliseconds; negative: it is still to come; null: there is none.
 * As numbers: PostgreSQL before 17 cannot subtract `-infinity`, which a writer behind the API may give, from a time.
 */
const DUE = {
  name: 'ends-due',
  plan: 'kept',
  text: `
SELECT ((extract(epoch FROM clock_timestamp()) - extract(epoch FROM least(
  (SELECT min(expires_at) FROM memberships), (SELECT min(expires_at) FROM grants)))) * 1000)::float8 AS "overdueMs"`,
} as const

// A row that is locked is left for the next turn: its end may be prolonged, and the job never waits for a lock. PostgreSQL
// knows the limit while it plans. With a limit that it does not know it expects a tenth of all rows that ended, and reads
// every resource to name the few that it removes.
const EARLIEST = `true ORDER BY expires_at LIMIT ${BATCH}`
const END = ending('end-access', { memberships: EARLIEST, grants: EARLIEST }, 'FOR UPDATE SKIP LOCKED')

export interface EndedAccess {
  /** @returns milliseconds since the earliest end that is left; negative before it, null where there is none */
  overdueMs(): Promise<number | null>
  /** Removes some of those that ended, unless another instance is doing that: then null. */
  end(): Promise<Ended | null>
}

/** @param notify whether followers of the log are woken */
export function createEndedAccess(database: Database, { notify }: { readonly notify: boolean }): EndedAccess {
  async function turn(client: pg.PoolClient): Promise<Ended | null> {
    await client.query(database.beginning)
    const lock = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS taken', [JOB_LOCK])
    const ended = lock.rows[0]?.taken ? (await client.query<Ended>(END.text)).rows[0] : undefined
    await client.query('COMMIT')
    if (notify && ended && ended.memberships + ended.grants > 0) await client.query(NOTIFY)
    return ended ?? null
  }

  return {
    async overdueMs() {
      const [row] = await database.query<{ overdueMs: number | null }>(DUE, [])
      return row?.overdueMs ?? null
    },
    end: () =>
      database.admitted(async () => {
        const client = await database.pool.connect()
        try {
          const ended = await turn(client)
          client.release()
          return ended
        } catch (error) {
          client.release(error as Error)
          throw error
        }
      }),
  }
}

export interface EndingEvents {
  ended(ended: Ended): void
  /** Called for each failed run. */
  failed(): void
  /** Called when runs begin to fail, with the cause, and when they succeed again. */
  changed(state: 'failing' | 'working', cause?: unknown): void
}

export interface EndingOptions {
  readonly endedAccess: EndedAccess
  readonly clock: Clock
  /** At least so often an end that came sooner than expected is looked for, in milliseconds. */
  readonly everyMs: number
  /** No query is sent before this. */
  readonly isReady: () => boolean
  readonly events: EndingEvents
}

/**
 * Each instance sleeps until the next end it knows of, and no longer than the interval: other writers set ends too, and
 * another instance may die in the middle of its work. A failed run is reported and does not stop the next.
 */
export function scheduleEndedAccess({ endedAccess, clock, everyMs, isReady, events }: EndingOptions) {
  const stopping = new AbortController()
  let failing = false
  let overdueMs = 0

  /** @returns how long to wait for the next one, in milliseconds */
  async function run(): Promise<number> {
    if (!isReady()) return everyMs
    const due = await endedAccess.overdueMs()
    overdueMs = Math.max(0, due ?? 0)
    if (due === null || due < 0) return due === null ? everyMs : Math.min(everyMs, Math.ceil(-due))
    const beganMs = clock.monotonicMs()
    const ended = await endedAccess.end()
    if (ended === null || ended.memberships + ended.grants === 0) return everyMs
    events.ended(ended)
    return (clock.monotonicMs() - beganMs) * PAUSE_PER_WORK
  }

  async function attempt(): Promise<number> {
    try {
      const waitMs = await run()
      if (failing) events.changed('working')
      failing = false
      return waitMs
    } catch (error) {
      if (stopping.signal.aborted) return everyMs
      events.failed()
      if (!failing) events.changed('failing', error)
      failing = true
      return everyMs
    }
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) await clock.sleep(await attempt(), stopping.signal).catch(() => {})
  }

  void loop()
  return {
    /** How long ago the earliest end came that was still to be dealt with, at the last look. */
    overdueMs: () => overdueMs,
    stop: () => stopping.abort(),
  }
}
