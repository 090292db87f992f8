/** P8: what a recovery does depends on how long nobody in the fleet had an answer, and it is done once. */
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Clock,
  createInvalidationIndex,
  createMutationRunner,
  type EntryStore,
  type LayerName,
  StoreUnavailableError,
} from '../../src/cache/index.ts'
import type { MutationContext } from '../../src/domain/api.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import { createRecovery, type Outage, type Recovery } from '../../src/domain/recovery.ts'
import type { Transaction } from '../../src/domain/transaction.ts'
import { createFleetHealth } from '../../src/postgres/fleet-health.ts'
import { createDatabase, type Database } from '../../src/postgres/pool.ts'
import { createUnitOfWork } from '../../src/postgres/unit-of-work.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const thresholds = { shortMs: 30_000, volatileMs: 300_000, fullMs: 1_800_000 }

let databaseUrl: string
let database: Database
let client: pg.Client
let unitOfWork: ReturnType<typeof createUnitOfWork>
let flushed: LayerName[]
let nowMs: number

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  database = createDatabase({ url: databaseUrl, poolMax: 5, queueMax: 50, statementTimeoutMs: 5000 })
  unitOfWork = createUnitOfWork({ database, affectedMax: 10, timeoutMs: 5000, notify: false })
  client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
})
afterAll(async () => {
  await client?.end()
  await database?.close()
  await dropDatabase(databaseUrl)
})
beforeEach(async () => {
  flushed = []
  nowMs = 1_000_000
  await client.query('TRUNCATE cache_outages, invalidation_log')
})

const clock: Clock = { monotonicMs: () => nowMs, wallMs: () => nowMs, sleep: async () => {} }

/** Only what a flush uses; anything else would be a mistake. */
const store = {
  replaceGenerations: async (layers: readonly LayerName[]) => void flushed.push(...layers),
} as unknown as EntryStore

function instance(name: string, recovered: Outage[] = [], over: Partial<EntryStore> = {}): Recovery {
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 100 })
  return createRecovery({
    runner: createMutationRunner<Transaction, MutationContext>({
      layers: LAYERS,
      unitOfWork,
      store: { ...store, ...over },
      index,
    }),
    fleet: createFleetHealth(database),
    clock,
    thresholds,
    instance: name,
    onRecovered: (outage) => recovered.push(outage),
    onFailed: (cause) => {
      throw cause
    },
  })
}

const lastHealthy = (secondsAgo: number) =>
  client.query(`UPDATE cache_health SET last_healthy_at = clock_timestamp() - $1 * interval '1 second'`, [secondsAgo])

async function recover(...fleet: Recovery[]): Promise<void> {
  for (const each of fleet) each.healthy()
  await Promise.all(fleet.map((each) => each.settled()))
}

async function history(): Promise<{ tier: string; recovered_by: string; seconds: number }[]> {
  const { rows } = await client.query(
    'SELECT tier, recovered_by, round(extract(epoch FROM ended_at - started_at))::int AS seconds FROM cache_outages ORDER BY id',
  )
  return rows
}

const logRows = async () => Number((await client.query('SELECT count(*) FROM invalidation_log')).rows[0].count)

describe('an outage of', () => {
  const { volatile, names } = LAYERS
  it.each([
    { seconds: 0, tier: null, layers: [] },
    { seconds: 29, tier: 'short', layers: [] },
    { seconds: 30, tier: 'log', layers: [] },
    { seconds: 299, tier: 'log', layers: [] },
    { seconds: 300, tier: 'volatile', layers: volatile },
    { seconds: 1799, tier: 'volatile', layers: volatile },
    { seconds: 1800, tier: 'full', layers: names },
  ])('$seconds s flushes $layers', async ({ seconds, tier, layers }) => {
    await lastHealthy(seconds)
    await recover(instance('a'))
    expect(flushed).toEqual(layers)
    expect((await history()).map((outage) => outage.tier)).toEqual(tier === null ? [] : [tier])
    expect(await logRows()).toBe(layers.length > 0 ? 1 : 0)
  })

  it.each([
    { seconds: 0, tiers: [] },
    { seconds: 29, tiers: ['short'] },
    { seconds: 30, tiers: ['log'] },
    { seconds: 299, tiers: ['log'] },
    { seconds: 300, tiers: ['volatile'] },
    { seconds: 1799, tiers: ['volatile'] },
    { seconds: 1800, tiers: ['full'] },
  ])(
    '$seconds s is recovered from once by three: one that was there, one restarted in the middle, one still cut off',
    async ({ seconds, tiers }) => {
      const [present, cutOff] = [instance('present'), instance('cut off')]
      for (const each of [present, cutOff]) each.unhealthy()
      await lastHealthy(seconds / 2)
      const restarted = instance('restarted')
      nowMs += (seconds / 2) * 1000
      await lastHealthy(seconds)
      await recover(present, restarted)
      const first = (await history()).map(({ tier }) => tier)
      expect(first).toEqual(tiers)
      const flushes = flushed.length
      // The one that Redis did not answer meanwhile has an outage of its own, and the fleet has none.
      nowMs += 600_000
      expect(cutOff.outageMs()).toBeGreaterThanOrEqual(600_000)
      await lastHealthy(0.5)
      await recover(cutOff)
      expect((await history()).map(({ tier }) => tier)).toEqual(tiers)
      expect(flushed.length).toBe(flushes)
    },
  )
})

describe('the fleet', () => {
  it('recovers once, however many instances notice at the same moment', async () => {
    await lastHealthy(400)
    await recover(instance('a'), instance('b'), instance('c'))
    expect(await history()).toHaveLength(1)
    expect(flushed).toEqual(LAYERS.volatile)
  })

  it('does nothing more when others recover later, or when Redis flaps', async () => {
    await lastHealthy(400)
    const [a, b] = [instance('a'), instance('b')]
    await recover(a)
    await recover(b)
    for (let flap = 0; flap < 5; flap++) {
      a.unhealthy()
      nowMs += 2000
      await recover(a)
    }
    expect(await history()).toHaveLength(1)
    expect(flushed).toEqual(LAYERS.volatile)
  })

  it('has no outage while one instance is cut off and another is not', async () => {
    await lastHealthy(0)
    const [cutOff, well] = [instance('cut off'), instance('well')]
    cutOff.unhealthy()
    for (let second = 0; second < 400; second += 100) {
      nowMs += 100_000
      await lastHealthy(0.5)
      await recover(well)
    }
    await recover(cutOff)
    expect(await history()).toEqual([])
    expect(flushed).toEqual([])
  })

  it('remembers an outage that every instance was restarted in', async () => {
    await lastHealthy(2000)
    const recovered: Outage[] = []
    await recover(instance('restarted', recovered))
    expect(await history()).toEqual([{ tier: 'full', recovered_by: 'restarted', seconds: 2000 }])
    expect(recovered.map(({ tier }) => tier)).toEqual(['full'])
  })

  it('takes no time without the database for time without Redis', async () => {
    const only = instance('only')
    await lastHealthy(0)
    await recover(only)
    // Redis answered all along, but for ten minutes nobody could be told.
    nowMs += 600_000
    await lastHealthy(600)
    await recover(only)
    expect(flushed).toEqual([])
    expect(await history()).toEqual([])
  })

  it('has the flush in the log when Redis is gone again before it can be told', async () => {
    await lastHealthy(400)
    const replaceGenerations = async () => {
      throw new StoreUnavailableError('redis-timeout')
    }
    await recover(instance('a', [], { replaceGenerations }))
    expect(await logRows()).toBe(1)
    expect((await history()).map(({ tier }) => tier)).toEqual(['volatile'])
  })

  it('has no outage before Redis was ever seen', async () => {
    await client.query('UPDATE cache_health SET last_healthy_at = NULL')
    await recover(instance('first'))
    expect(await history()).toEqual([])
    const { rows } = await client.query('SELECT last_healthy_at IS NOT NULL AS seen FROM cache_health')
    expect(rows).toEqual([{ seen: true }])
  })
})
