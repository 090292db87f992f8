/** The log in PostgreSQL as an instance follows it that was away, comes late, or starts beside a very long one. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Clock,
  createInvalidationIndex,
  createLogFollower,
  formatSnapshot,
  LogUnreachableError,
  type Stamp,
  type Tag,
} from '../../src/cache/index.ts'
import { retentionOf, userTag } from '../../src/domain/keys.ts'
import type { UserId } from '../../src/domain/model.ts'
import { createInvalidationLog } from '../../src/postgres/invalidation-log.ts'
import { createLogRetention } from '../../src/postgres/log-retention.ts'
import { createDatabase, type Database } from '../../src/postgres/pool.ts'
import { STAMP_COLUMNS, stampOf } from '../../src/postgres/stamp.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const MINUTE_MS = 60_000
const ann = userTag('ann' as UserId)

let url: string
let database: Database
let client: pg.Client
let log: ReturnType<typeof createInvalidationLog>

beforeEach(async () => {
  url = await freshDatabase()
  const options = { url, poolMax: 2, queueMax: 10, statementTimeoutMs: 2000 }
  database = createDatabase(options)
  log = createInvalidationLog({ ...options, notify: false })
  client = new pg.Client({ connectionString: url })
  await client.connect()
})
afterEach(async () => {
  await client.end()
  await log.close()
  await database.close()
  await dropDatabase(url)
})

const append = (tags: readonly Tag[], by: pg.Client = client) =>
  by.query(`INSERT INTO invalidation_log (tags, event, actor) VALUES ($1, 'test', 'test')`, [tags])

/** What an entry loaded now would carry. */
async function stampNow(): Promise<Stamp> {
  return stampOf((await client.query(`SELECT ${STAMP_COLUMNS}`)).rows[0])
}

/** As if the log had been kept for long enough: what every checkpoint shows is old, and goes. */
async function prune(): Promise<number> {
  await client.query(`UPDATE log_checkpoints SET created_at = created_at - interval '1 day'`)
  return (await createLogRetention({ database, retentionMs: 60 * MINUTE_MS }).run()).pruned
}

function follow() {
  const clock: Clock = {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    sleep: (ms, signal) => delay(ms, undefined, signal && { signal }),
  }
  const index = createInvalidationIndex({ retentionOf, maxTags: 1000 })
  const times = {
    pollMs: 250,
    boundMs: 5000,
    graceMs: 30_000,
    retentionMs: { volatile: MINUTE_MS, lasting: MINUTE_MS },
  }
  return { index, follower: createLogFollower({ log, index, clock, ...times }) }
}

describe('an instance that stood still while the log was pruned', () => {
  it('serves nothing of what the removed rows invalidated', async () => {
    const { index, follower } = follow()
    await prune()
    await follower.refresh(1000)
    const entry = await stampNow()
    expect(index.judge(entry, [ann], 'volatile')).toBe('servable')

    // It is stopped here; the others go on, longer than the log is kept.
    await append([ann])
    await prune()
    await append([])
    expect(await prune()).toBeGreaterThan(0)
    const left = await client.query('SELECT 1 FROM invalidation_log WHERE $1 = ANY(tags)', [ann])
    expect(left.rowCount).toBe(0)

    // And goes on: its position is from before the rows that are gone.
    await follower.refresh(1000)
    expect(index.judge(entry, [ann], 'volatile')).toBe('below-floor')
    expect(index.judge(await stampNow(), [ann], 'volatile')).toBe('servable')
  })

  it('is told so by the statement that reads the log, and only then', async () => {
    await prune()
    const before = (await stampNow()).snapshot
    await append([ann])
    expect((await log.readSince(before)).gap).toBeUndefined()
    await prune()
    await append([])
    await prune()
    expect((await log.readSince(before)).gap).toBe(true)
    expect((await log.readSince((await stampNow()).snapshot)).gap).toBeUndefined()
  })
})

describe('a log that cannot be read', () => {
  async function failure(read: Promise<unknown>): Promise<unknown> {
    return read.then(
      () => 'read',
      (error: unknown) => error,
    )
  }

  it('while the server answers is no reason for grace: others go on committing', async () => {
    const since = (await stampNow()).snapshot
    await log.readSince(since)
    await client.query('BEGIN; LOCK TABLE invalidation_log IN ACCESS EXCLUSIVE MODE')
    try {
      const refused = await failure(log.readSince(since))
      expect(refused).toMatchObject({ code: '55P03' })
      expect(refused).not.toBeInstanceOf(LogUnreachableError)
    } finally {
      await client.query('ROLLBACK')
    }
    expect(await failure(log.readSince(since))).toBe('read')
  })

  it('because its connection is half open is given up after a second, and read over another', async () => {
    const proxy = await startFaultProxy(Number(new URL(url).port))
    const through = new URL(url)
    through.port = String(proxy.port)
    const distant = createInvalidationLog({
      url: through.href,
      notify: true,
    })
    try {
      const since = (await stampNow()).snapshot
      await distant.readSince(since)
      proxy.become({ up: { blackhole: true }, down: { blackhole: true } })
      await append([ann])
      const startedMs = performance.now()
      expect(await failure(distant.readSince(since))).toBeInstanceOf(LogUnreachableError)
      expect(performance.now() - startedMs).toBeLessThan(2000)
      expect(proxy.counts.swallowed).toBeGreaterThan(0)
      // The old connection stays as it is; only a new one is served.
      proxy.become({})
      expect((await distant.readSince(since)).rows).toMatchObject([{ tags: [ann] }])
      expect(proxy.counts.connections).toBe(2)
    } finally {
      await distant.close()
      await proxy.close()
    }
  })
})

describe('a transaction that commits later than anything is remembered', () => {
  it('is in the past of an instance that starts after it, however old its id is', async () => {
    const late = new pg.Client({ connectionString: url })
    await late.connect()
    await late.query('BEGIN')
    await append([ann], late)
    const entry = await stampNow()
    for (let round = 0; round < 3; round++) {
      await prune()
      await append([])
    }
    await late.query('COMMIT')
    await late.end()
    await prune()
    const { index, follower } = follow()
    await follower.refresh(1000)
    // Whether by the row itself or by the floor: it is not served.
    expect(index.judge(entry, [ann], 'volatile')).not.toBe('servable')
    expect(index.judge(await stampNow(), [ann], 'volatile')).toBe('servable')
  })
})

describe('the start beside a log that is too long to be read', () => {
  it('begins at the present: the floor is the position, and needs no rows', async () => {
    const entry = await stampNow()
    await append([ann])
    await client.query(
      `INSERT INTO invalidation_log (tags, event, actor) SELECT ARRAY['u:' || n], 'test', 'test' FROM generate_series(1, 100001) n`,
    )
    for (const checkpoint of ['none', 'too old']) {
      if (checkpoint === 'too old') {
        await client.query('INSERT INTO log_checkpoints (snapshot) VALUES ($1)', [formatSnapshot(entry.snapshot)])
      }
      const past = await log.readPast()
      expect(past.rows, checkpoint).toEqual([])
      const { index, follower } = follow()
      await follower.refresh(5000)
      expect(index.judge(entry, [ann], 'volatile'), checkpoint).toBe('below-floor')
    }
  }, 60_000)

  it('reads as many as it keeps within its time', async () => {
    const before = (await stampNow()).snapshot
    await client.query('INSERT INTO log_checkpoints (snapshot) VALUES ($1)', [formatSnapshot(before)])
    await client.query(
      `INSERT INTO invalidation_log (tags, event, actor)
       SELECT ARRAY['u:user-number-' || n, 'g:' || gen_random_uuid(), 't:' || gen_random_uuid()], 'test', 'test' FROM generate_series(1, 100000) n`,
    )
    // Half a second for nothing else to do: longer than a poll may take on a busy machine.
    const past = await log.readPast()
    expect(past.floor).toEqual(before)
    expect(past.rows).toHaveLength(100_000)
  }, 60_000)
})
