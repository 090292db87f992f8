/** PostgreSQL gone or hanging: hits go on for the grace period, everything else ends by its deadline with a 503's error, and it recovers by itself. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { DomainError } from '../../src/domain/errors.ts'
import type { UserId } from '../../src/domain/model.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { until } from '../support/becomes.ts'
import { asRoot, outcomeOf, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, hang, kill, restart, resume } from '../support/stack.ts'

const STATEMENT_TIMEOUT_MS = 1000
const POOL_MAX = 4
const QUEUE_MAX = 8

let databaseUrl: string
let service: Service

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  const environment = {
    DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
    DATABASE_POOL_MAX: String(POOL_MAX),
    DATABASE_QUEUE_MAX: String(QUEUE_MAX),
  }
  service = await startService({ databaseUrl, environment })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
})
afterAll(async () => {
  await service?.close()
  await dropDatabase(databaseUrl)
})
afterEach(() => until(async () => (await attempt(() => service.truth('ann'))) === 'answered', 15_000))

/** The error's code, or that there was none. */
async function attempt(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'answered'
  } catch (error) {
    return (error as DomainError).code ?? String(error)
  }
}

const cached = (user: string) => until(async () => (await outcomeOf(service, user)) === 'hit', 5000)

describe('PostgreSQL killed', () => {
  it('leaves hits, refuses the rest at once, and is back without a restart of the service', async () => {
    await cached('ann')
    await kill('postgres')
    expect(await outcomeOf(service, 'ann')).toBe('hit')
    const startedMs = performance.now()
    expect(await attempt(() => service.truth('ann'))).toBe('database-unavailable')
    expect(await attempt(() => service.visible('never-seen'))).toBe('database-unavailable')
    expect(performance.now() - startedMs).toBeLessThan(2 * STATEMENT_TIMEOUT_MS)
    const refused = await service.portcullis.mutations.putUser({ id: 'x' as UserId }, asRoot).catch((error) => error)
    expect(refused).toMatchObject({ code: 'database-unavailable', retryAfterSeconds: 1 })
    await restart('postgres')
    await until(async () => (await attempt(() => service.truth('ann'))) === 'answered', 5000)
    // A crash may hand out transaction ids again: what was cached before it is not trusted after it.
    await until(async () => {
      await service.visible('ann')
      const status = (await service.portcullis.cache.status()) as { layers: Record<string, { rejections: object }> }
      return 'other-database' in (status.layers['user-resources']?.rejections ?? {})
    }, 5000)
    await cached('ann')
  })
})

describe('a connection that ends under a read', () => {
  it('costs time, not the answer: the read asks once more', async () => {
    const observer = new pg.Client({ connectionString: databaseUrl })
    await observer.connect()
    const busy = `FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(0.37)%' AND pid <> pg_backend_pid()`
    const database = createDatabase({ url: databaseUrl, poolMax: 1, queueMax: 1, statementTimeoutMs: 2000 })
    const reading = database.query({ name: 'slow', text: 'SELECT pg_sleep(0.37), pg_backend_pid() AS pid' }, [])
    await until(async () => (await observer.query(`SELECT 1 ${busy}`)).rowCount === 1, 5000)
    const [ended] = (await observer.query(`SELECT pid, pg_terminate_backend(pid) ${busy}`)).rows
    expect((await reading)[0]?.pid).not.toBe(ended.pid)
    await database.close()
    await observer.end()
  })
})

describe('PostgreSQL hanging', () => {
  it('ends every request by its deadline, turns away what it could not queue, and keeps nothing waiting', async () => {
    await cached('ann')
    await hang('postgres')
    const startedMs = performance.now()
    let hit = ''
    let answers: string[] = []
    try {
      answers = await Promise.all(Array.from({ length: 200 }, (_, i) => attempt(() => service.truth(`user-${i}`))))
      hit = await outcomeOf(service, 'ann')
    } finally {
      await resume('postgres')
    }
    // Four run and eight wait for them: three rounds of the client's deadline at most.
    expect(performance.now() - startedMs).toBeLessThan(3 * (STATEMENT_TIMEOUT_MS + 500) + 1000)
    expect(new Set(answers)).toEqual(new Set(['database-unavailable', 'overloaded']))
    // The instance's own statements may hold a place or two.
    const overloaded = answers.filter((answer) => answer === 'overloaded').length - (200 - POOL_MAX - QUEUE_MAX)
    expect(overloaded).toBeGreaterThanOrEqual(0)
    expect(overloaded).toBeLessThanOrEqual(2)
    expect(hit).toBe('hit')
    await until(async () => (await attempt(() => service.truth('ann'))) === 'answered', 5000)
  })
})

describe('more readers than the database may serve', () => {
  it('never take more connections than configured; what does not fit is told to come back', async () => {
    const observer = new pg.Client({ connectionString: databaseUrl })
    await observer.connect()
    const connections = async () => {
      const { rows } = await observer.query(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      )
      return rows[0].count as number
    }
    const answers: string[] = []
    let most = 0
    for (let round = 0; round < 20; round++) {
      const wave = Array.from({ length: 50 }, (_, i) => attempt(() => service.truth(`user-${round}-${i}`)))
      most = Math.max(most, await connections())
      answers.push(...(await Promise.all(wave)))
    }
    await observer.end()
    expect(new Set(answers)).toEqual(new Set(['answered', 'overloaded']))
    // The pool, and the one connection that follows the log.
    expect(most).toBeLessThanOrEqual(POOL_MAX + 1)
    expect(most).toBeGreaterThan(1)
  })

  it('wait behind what all of them need: it takes the next connection that is free', async () => {
    const database = createDatabase({ url: databaseUrl, poolMax: 2, queueMax: 20, statementTimeoutMs: 2000 })
    try {
      const order: string[] = []
      const slow = { name: 'slow-reader', text: 'SELECT pg_sleep(0.05)' }
      const readers = Array.from({ length: 10 }, () => database.query(slow, []).then(() => order.push('reader')))
      await until(async () => database.pool.totalCount === 2 && database.queued === 8, 2000)
      const first = database.queryFirst({ name: 'catalogue', text: 'SELECT 1' }, []).then(() => order.push('first'))
      await Promise.all([first, ...readers])
      expect(order.indexOf('first')).toBeLessThan(4)
      expect(database.pool.totalCount).toBe(2)
    } finally {
      await database.close()
    }
  })

  it('who ask the same thing load it once', async () => {
    const answers = await Promise.all(Array.from({ length: 500 }, () => attempt(() => service.truth('ben'))))
    // One load runs and one waits for it; apart, they would not have fitted.
    expect(new Set(answers)).toEqual(new Set(['answered']))
  })
})
