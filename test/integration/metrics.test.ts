/** Every metric that the process exports changes when what it counts happens; none is left that nothing feeds. */
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { createLogger, createMetrics, type Metrics } from '../../src/telemetry/index.ts'
import { testKeys } from '../support/app.ts'
import { appOf } from '../support/app-of.ts'
import { served } from '../support/served.ts'
import {
  asRoot,
  newPrefix,
  outcomeOf,
  PATIENT,
  type Service,
  type ServiceOptions,
  smallOrganisation,
  startService,
  withMaster,
} from '../support/service.ts'
import {
  dropDatabase,
  freshDatabase,
  hang,
  resume,
  startAllRedis,
  stopAllRedis,
  waitForHealthyCluster,
} from '../support/stack.ts'

interface Instance extends Service {
  readonly metrics: Metrics
}

const prefix = newPrefix()
const started: Instance[] = []
let databaseUrl: string
let sql: pg.Client
let one: Instance

async function start(options: Partial<ServiceOptions> = {}): Promise<Instance> {
  const metrics = createMetrics()
  const service = await startService({ databaseUrl, prefix, environment: PATIENT, metrics, ...options })
  const instance = { ...service, metrics }
  started.push(instance)
  return instance
}

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
  one = await start()
  await one.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
})
afterAll(async () => {
  for (const instance of started) await instance.close()
  await sql?.end()
  await dropDatabase(databaseUrl)
})

/** The names that a test has seen change. */
const caused = new Set<string>()

/** The sum over the series with these labels. */
async function read({ metrics }: Instance, name: string, labels = ''): Promise<number> {
  const { body } = await metrics.render()
  const lines = body.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  const wanted = lines.filter((line) => labels.split(',').every((label) => line.includes(label)))
  return wanted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** Does the work, and waits until each of these has grown. */
async function grow(instance: Instance, series: readonly string[], work: () => Promise<unknown>): Promise<void> {
  const values = () =>
    Promise.all(
      series.map((each) => {
        const [name = '', labels] = each.split(/[{}]/)
        return read(instance, name, labels)
      }),
    )
  const before = await values()
  await work()
  await expect
    .poll(async () => (await values()).map((value, at) => value > (before[at] ?? 0)), { timeout: 20_000 })
    .toEqual(series.map(() => true))
  for (const each of series) caused.add(nameOf(each))
}

/** A gauge, which falls again too. */
async function shows(instance: Instance, name: string, matches: (value: number) => boolean): Promise<void> {
  await expect.poll(async () => matches(await read(instance, name)), { timeout: 20_000 }).toBe(true)
  caused.add(name)
}

const nameOf = (series: string) => series.replace(/\{.*/, '').replace(/_(count|sum)$/, '')

/** Nobody reads or changes the table until the work is done. */
async function whileLocked(table: string, work: () => Promise<unknown>): Promise<void> {
  await sql.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
  try {
    await work()
  } finally {
    await sql.query('COMMIT')
  }
}

const cached = (id: string) => expect.poll(() => outcomeOf(one, id)).toBe('hit')
const user = (instance: Instance, id: string) => instance.portcullis.reads.user(id as UserId)
const flushAll = () =>
  one.portcullis.cache.flush({ scope: 'all' }, { reason: 'as at the beginning', dryRun: false }, asRoot)

describe('the metrics of', () => {
  it('reads', async () => {
    await flushAll()
    await grow(
      one,
      [
        'portcullis_cache_requests_total{layer="user-resources",outcome="miss"}',
        'portcullis_cache_load_seconds_count{layer="user-resources"}',
        'portcullis_redis_command_seconds_count{outcome="ok"}',
        'portcullis_database_statement_seconds_count{outcome="ok"}',
      ],
      () => one.visible('ann'),
    )
    await grow(one, ['portcullis_cache_requests_total{layer="user-resources",outcome="hit"}'], () => cached('ann'))
  })

  it('a revocation: how long until another instance has read it, by the clock of PostgreSQL', async () => {
    const other = await start()
    const before = await read(other, 'portcullis_invalidation_visible_seconds_count')
    expect(before).toBe(0)
    await grow(other, ['portcullis_invalidation_visible_seconds_count'], () =>
      one.portcullis.mutations.putUser({ id: 'yara' as UserId }, asRoot),
    )
    expect(await read(other, 'portcullis_invalidation_visible_seconds_sum')).toBeLessThan(5)
    expect(await read(other, 'portcullis_invalidation_visible_seconds_sum')).toBeGreaterThan(0)
    // A transaction that stays open after its change counts from the change.
    await sql.query(`BEGIN; INSERT INTO invalidation_log (tags, event, actor) VALUES ('{u:late}', 'test', 'test')`)
    await sql.query('SELECT pg_sleep(1.2)')
    await grow(other, ['portcullis_invalidation_visible_seconds_count'], () => sql.query('COMMIT'))
    expect(await read(other, 'portcullis_invalidation_visible_seconds_sum')).toBeGreaterThan(1.2)
  })

  it('certificates that a Redis shows (redis-secured.test.ts has one that does)', async () => {
    one.metrics.redis.certificate('localhost', Date.parse('2030-01-01'))
    await shows(one, 'portcullis_redis_certificate_expires_timestamp_seconds', (at) => at === 1_893_456_000)
  })

  it('the statements of the runbook for people on call run', async () => {
    const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8')
    const statements = [...runbook.matchAll(/`(SELECT [^`]+)`|^(SELECT .+)$/gm)].map(
      ([, one, other]) => one ?? other ?? '',
    )
    expect(statements.length).toBeGreaterThan(4)
    for (const statement of statements) await sql.query(statement)
  })

  it('requests', async () => {
    const { send } = await served(appOf(one, await testKeys()))
    await grow(one, ['portcullis_http_request_duration_seconds_count{route="/readyz",status="200"}'], () =>
      send({ path: '/readyz' }),
    )
    expect((await send({ path: '/metrics' })).text).toContain('portcullis_http_request_duration_seconds_count')
  })

  it('an entry that is not served', async () => {
    await cached('ann')
    await withMaster((redis) => redis.copy(`${prefix}resources:{ann}`, `${prefix}resources:{ben}`, 'REPLACE'))
    const other = await start()
    await grow(other, ['portcullis_cache_rejections_total{layer="user-resources"}'], () => other.visible('ben'))
  })

  it('a load whose lease is gone, and of a reader who waits for it', async () => {
    const other = await start()
    await flushAll()
    await other.visible('ann')
    await grow(other, ['portcullis_cache_lease_wait_seconds_count{layer="user-resources"}'], () =>
      grow(one, ['portcullis_cache_fills_refused_total{layer="user-resources"}'], async () => {
        const reads: Promise<unknown>[] = []
        await whileLocked('memberships', async () => {
          reads.push(one.visible('cid'))
          const lease = `${prefix}resources:{cid}:lease`
          await expect.poll(() => withMaster((redis) => redis.exists(lease))).toBe(1)
          reads.push(other.visible('cid'))
          await new Promise((resolve) => setTimeout(resolve, 100))
          await withMaster((redis) => redis.del(lease))
        })
        await Promise.all(reads)
      }),
    )
  })

  it('mutations', async () => {
    await grow(
      one,
      ['portcullis_database_statement_seconds_count{statement="commit"}', 'portcullis_invalidation_tags'],
      () => one.portcullis.mutations.addUserToGroup({ group: { name: 'dept/blue' }, userId: 'ann' as UserId }, asRoot),
    )
  })

  it('the database', async () => {
    const environment = {
      ...PATIENT,
      DATABASE_POOL_MAX: '2',
      DATABASE_QUEUE_MAX: '1',
      DATABASE_STATEMENT_TIMEOUT_MS: '500',
    }
    const crowded = await start({ environment })
    await shows(crowded, 'portcullis_database_connections', (open) => open === 2)
    await shows(crowded, 'portcullis_database_connections_idle', (idle) => idle === 2)
    const series = [
      'portcullis_database_rejected_total',
      'portcullis_database_statement_seconds_count{outcome="failed"}',
    ]
    await grow(crowded, series, () =>
      whileLocked('users', async () => {
        const reads = Promise.allSettled(Array.from({ length: 5 }, () => user(crowded, 'ann')))
        await shows(crowded, 'portcullis_database_queued', (queued) => queued === 1)
        await shows(crowded, 'portcullis_database_connections_idle', (idle) => idle === 0)
        await reads
      }),
    )
  })

  it('a database that stands still', async () => {
    await shows(one, 'portcullis_follower_trusted', (trusted) => trusted === 1)
    await shows(one, 'portcullis_database_clock_offset_seconds', (seconds) => Math.abs(seconds) < 0.05)
    await shows(one, 'portcullis_database_clock_uncertainty_seconds', (seconds) => seconds > 0 && seconds < 0.1)
    await shows(one, 'portcullis_database_clock_bound_seconds', (seconds) => seconds === 0.25)
    await hang('postgres')
    try {
      await shows(one, 'portcullis_follower_lag_seconds', (lag) => lag > 1)
      await shows(one, 'portcullis_follower_trusted', (trusted) => trusted === 0)
    } finally {
      await resume('postgres')
    }
    await shows(one, 'portcullis_follower_trusted', (trusted) => trusted === 1)
  })

  it('the job that prunes the log, which says once that it fails, and once that it works again', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      const lines: string[] = []
      const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
      const instance = await start({ logger })
      const said = () => lines.filter((line) => line.includes('pruned')).map((line) => JSON.parse(line).msg)
      const oneRun = async () => vi.advanceTimersByTime(60_000)
      await sql.query('ALTER TABLE log_checkpoints RENAME TO hidden')
      for (let run = 0; run < 3; run++) await grow(instance, ['portcullis_log_retention_failures_total'], oneRun)
      expect(said()).toEqual(['the invalidation log cannot be pruned'])
      await sql.query('ALTER TABLE hidden RENAME TO log_checkpoints')
      await oneRun()
      await expect.poll(said).toHaveLength(2)
      expect(said()[1]).toBe('the invalidation log is pruned again')
    } finally {
      vi.useRealTimers()
      await sql.query('ALTER TABLE IF EXISTS hidden RENAME TO log_checkpoints')
    }
  })

  it('a master that hangs', async () => {
    // Has no copies of its own, and does not wait for the master for long.
    const other = await start({ environment: {} })
    const users = smallOrganisation.users.map(({ id }) => id)
    for (const id of users) await cached(id)
    const name = await hang('master')
    try {
      await grow(other, ['portcullis_cache_replica_hits_total'], async () => {
        for (const id of users) await other.visible(id)
      })
    } finally {
      await resume(name)
    }
    await waitForHealthyCluster()
  })

  it('an outage of Redis', async () => {
    // The first instance to notice the end records it for the fleet.
    for (const other of started.splice(1)) await other.close()
    const series = [
      'portcullis_redis_breaker_changes_total{state="open"}',
      'portcullis_redis_invalidations_missed_total',
      'portcullis_redis_outages_total',
      'portcullis_redis_outage_seconds_total',
      'portcullis_redis_errors_total',
    ]
    await shows(one, 'portcullis_build_info', (value) => value === 1)
    await shows(one, 'portcullis_redis_breaker_state', (state) => state === 0)
    await grow(one, series, async () => {
      await stopAllRedis()
      await shows(one, 'portcullis_redis_breaker_state', (state) => state === 2)
      await one.portcullis.mutations.putUser({ id: 'zoe' as UserId }, asRoot)
      await shows(one, 'portcullis_redis_outage_seconds', (seconds) => seconds > 6)
      await startAllRedis()
    })
    await shows(one, 'portcullis_redis_breaker_state', (state) => state === 0)
    await shows(one, 'portcullis_redis_outage_seconds', (seconds) => seconds === 0)
  })

  it('access that ends, which cannot be announced for a while', async () => {
    const end = () => sql.query(`UPDATE memberships SET expires_at = now() WHERE user_id = 'ann'`)
    await sql.query('ALTER TABLE audit_log RENAME TO hidden')
    try {
      await grow(one, ['portcullis_access_ending_failures_total'], end)
      await shows(one, 'portcullis_access_ends_overdue_seconds', (seconds) => seconds > 0)
      await grow(one, ['portcullis_access_ended_total{what="membership"}'], () =>
        sql.query('ALTER TABLE hidden RENAME TO audit_log'),
      )
    } finally {
      await sql.query('ALTER TABLE IF EXISTS hidden RENAME TO audit_log')
    }
    await shows(one, 'portcullis_access_ends_overdue_seconds', (seconds) => seconds === 0)
  })

  it('everything that is exported has been seen above', async () => {
    const { body } = await one.metrics.render()
    const exported = [...body.matchAll(/^# TYPE (portcullis_\w+)/gm)].map(([, name]) => name)
    expect([...caused].sort()).toEqual(exported.sort())
  })
})
