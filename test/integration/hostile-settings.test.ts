/** Settings of the database or the role are never trusted: whatever they are, the service answers as without them. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { settingsOf } from '../../src/postgres/connection-settings.ts'
import { assertFit } from '../../src/postgres/fitness.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

/** Of every setting that is pinned, a value that breaks something. */
const HOSTILE: Readonly<Record<string, string>> = {
  TimeZone: 'America/New_York',
  DateStyle: 'German',
  standard_conforming_strings: 'off',
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  IntervalStyle: 'sql_standard',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  transform_null_equals: 'on',
  row_security: 'on',
  plan_cache_mode: 'force_generic_plan',
  jit: 'on',
  statement_timeout: '300ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '1ms',
  idle_session_timeout: '300ms',
  transaction_timeout: '300ms',
}

const LIMITS = { statementTimeoutMs: 2000 }
let databaseUrl: string

beforeEach(async () => {
  databaseUrl = await freshDatabase()
})
afterEach(() => dropDatabase(databaseUrl))

async function setOnDatabase(settings: Readonly<Record<string, string>>): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  for (const [name, value] of Object.entries(settings))
    await client.query(`ALTER DATABASE ${new URL(databaseUrl).pathname.slice(1)} SET ${name} = '${value}'`)
  await client.end()
}

/** What depends on the settings, done at once as a fleet does it. */
async function work(service: Service) {
  const { mutations, reads } = service.portcullis
  await mutations.importOrganisation(smallOrganisation, asRoot)
  const puts = Array.from({ length: 120 }, (_, n) => mutations.putUser({ id: `user-${n % 7}` as UserId }, asRoot))
  const failures = (await Promise.allSettled(puts)).filter((each) => each.status === 'rejected')
  const { value: created } = await mutations.createResource({ name: 'timed', kind: 'clock' }, asRoot)
  const grant = { group: { name: 'dept' }, resource: { name: 'timed' }, permission: 'admin' } as const
  await mutations.putGrant(grant, asRoot)
  const changed = await mutations.updateResource(
    { resource: { name: 'timed' }, changes: { description: 'now' }, ifVersion: created.version },
    asRoot,
  )
  return {
    failures: failures.map(({ reason }) => String(reason)),
    created: created.updatedAt,
    changed: changed.value.updatedAt,
    read: (await reads.resource({ name: 'timed' }))?.updatedAt,
    seen: (await service.visible('ann')).find(({ name }) => name === 'timed')?.updatedAt,
    truth: (await service.truth('ann')).find(({ name }) => name === 'timed')?.updatedAt,
    audited: (await reads.auditTrail({ limit: 1 } as never)) as unknown as { items: { at: Date }[] },
  }
}

describe('the service does what it does, where the database says', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['repeatable read', { default_transaction_isolation: 'repeatable read' }],
    ['serializable', { default_transaction_isolation: 'serializable' }],
    ['another time zone and notation', { TimeZone: 'America/New_York', DateStyle: 'German' }],
    ['read only', { default_transaction_read_only: 'on' }],
    ['everything at once', HOSTILE],
  ])('%s', async (_what, settings) => {
    await setOnDatabase(settings)
    const service = await startService({ databaseUrl })
    try {
      const done = await work(service)
      expect(done.failures).toEqual([])
      expect(Math.abs(done.created.getTime() - Date.now())).toBeLessThan(60_000)
      expect(done.read).toEqual(done.changed)
      expect(new Set([done.seen, done.truth])).toEqual(new Set([done.changed.toISOString()]))
    } finally {
      await service.close()
    }
  })
})

describe('the settings of a connection', () => {
  it('are all pinned, against a database that has each of them otherwise', async () => {
    expect(Object.keys(HOSTILE)).toEqual(settingsOf(LIMITS).map(({ name }) => name))
    await setOnDatabase(HOSTILE)
    const other = new pg.Client({ connectionString: databaseUrl })
    await other.connect()
    other.on('error', () => {})
    const { rows } = await other.query(`SELECT current_setting('default_transaction_isolation') AS isolation`)
    expect(rows).toEqual([{ isolation: 'serializable' }])
    await other.end().catch(() => {})
    await expect(assertFit({ url: databaseUrl, ...LIMITS })).resolves.toBeUndefined()
  })

  it('are found wanting at the start where one cannot be pinned', async () => {
    await setOnDatabase({ session_replication_role: 'replica' })
    await expect(assertFit({ url: databaseUrl, ...LIMITS })).rejects.toMatchObject({
      code: 'database-unfit',
      message: expect.stringMatching(
        /ALTER ROLE "portcullis" IN DATABASE "test_\w+" SET session_replication_role = origin/,
      ),
    })
  })

  it('are documented, each with its reason', async () => {
    const { readFile } = await import('node:fs/promises')
    const page = await readFile(new URL('../../docs/postgresql.md', import.meta.url), 'utf8')
    for (const { name, value } of settingsOf(LIMITS)) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
      expect(row, name).toBeDefined()
      if (!value.endsWith('ms')) expect(row).toContain(`\`${value}\``)
    }
  })

  it('hold for the statements that the pool makes', async () => {
    await setOnDatabase(HOSTILE)
    const database = createDatabase({ url: databaseUrl, poolMax: 2, queueMax: 5, ...LIMITS })
    try {
      const rows = await database.query<{ at: Date; shown: string }>(
        { name: 'time', text: `SELECT now() AS at, now()::text AS shown` },
        [],
      )
      expect(Math.abs((rows[0]?.at.getTime() ?? 0) - Date.now())).toBeLessThan(60_000)
      expect(rows[0]?.shown).toMatch(/\+00$/)
    } finally {
      await database.close()
    }
  })
})
