/** Tables of the same names in another schema: the service keeps to its own, wherever `search_path` leads first. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { applyMigrations as applyPackageMigrations } from '../../src/package/migrations.ts'
import { assertFit } from '../../src/postgres/fitness.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'
import { asRoot, outcomeOf, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, emptyDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let client: pg.Client
let service: Service | undefined

async function useDatabase(url: string): Promise<void> {
  databaseUrl = url
  client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
}
afterEach(async () => {
  await service?.close()
  service = undefined
  await client.end()
  await dropDatabase(databaseUrl)
})

const start = async () => {
  service = await startService({ databaseUrl, environment: PATIENT })
  return service
}
const setOnRole = (name: string, value: string) =>
  client.query(`ALTER ROLE CURRENT_USER IN DATABASE ${new URL(databaseUrl).pathname.slice(1)} SET ${name} = ${value}`)

/** Import, a hit, a revocation by SQL and one by the API, the audit trail: what needs the log, and every way to it. */
async function works({ portcullis, visible, truth }: Service, sql: (text: string) => Promise<unknown>): Promise<void> {
  await portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  expect((await visible('ann')).length).toBeGreaterThan(0)
  expect(await visible('ann')).toEqual(await truth('ann'))
  await expect.poll(() => outcomeOf(service as Service, 'ann'), { timeout: 5000 }).toBe('hit')
  await sql(`DELETE FROM memberships WHERE user_id = 'ben'`)
  await expect.poll(() => visible('ben'), { timeout: 1000, interval: 10 }).toEqual([])
  await portcullis.mutations.removeUserFromGroup({ group: { name: 'dept' }, userId: 'ann' as UserId }, asRoot)
  expect(await visible('ann')).toEqual([])
  expect((await portcullis.reads.auditTrail({ limit: 1, reader: 'root' as UserId })).data).toHaveLength(1)
  expect((await service?.health.verbose())?.log).toMatchObject({ trust: 'following', silentTables: [] })
}

describe('a schema with the name of the role, which comes before the one of the tables,', () => {
  beforeEach(async () => useDatabase(await freshDatabase()))

  it("may hold the cache package's log, made before the start or while the service runs", async () => {
    const running = await start()
    const { rows } = await client.query('SELECT current_user AS role, current_schema() AS schema')
    expect(rows).toEqual([{ role: 'portcullis', schema: 'public' }])
    await applyPackageMigrations(client)
    // The hazard: the name leads elsewhere now.
    const hidden = await client.query(`SELECT 'public.invalidation_log'::regclass::text AS log`)
    expect(hidden.rows).toEqual([{ log: 'public.invalidation_log' }])
    await works(running, (text) => client.query(text))
    await running.close()
    await works(await start(), (text) => client.query(text))
    expect(await applyMigrations(databaseUrl)).toEqual({ applied: [] })
  })

  it('is refused behind a pooler in transaction mode, where the path cannot be kept, with the remedy', async () => {
    await setOnRole('statement_timeout', '2000')
    const options = { url: databaseUrl, pooler: 'transaction', statementTimeoutMs: 2000 } as const
    await assertFit(options)
    await applyPackageMigrations(client)
    const refused = await assertFit(options).catch(({ message }: Error) => message)
    expect(refused).toContain('invalidation_log, log_checkpoints')
    await client.query(/ALTER ROLE .*/.exec(String(refused))?.[0] ?? '')
    await assertFit(options)
  })

  it('may hold a table of any of its names', async () => {
    await client.query(`CREATE SCHEMA portcullis; CREATE TABLE portcullis.users (LIKE public.users);
      CREATE TABLE portcullis.memberships (LIKE public.memberships); CREATE TABLE portcullis._prisma_migrations (id int)`)
    await works(await start(), (text) => client.query(text.replace('memberships', 'public.memberships')))
  })
})

describe('tables in a schema of their own', () => {
  beforeEach(async () => useDatabase(await emptyDatabase()))

  it('are found by the search_path of the role, beside another installation behind it', async () => {
    await applyMigrations(databaseUrl)
    await client.query('CREATE SCHEMA app')
    await setOnRole('search_path', 'app, public')
    await client.query('SET search_path = app')
    await applyMigrations(`${databaseUrl}?options=-csearch_path%3Dapp`)
    await works(await start(), (text) => client.query(text))
    expect((await client.query('SELECT FROM public.users')).rowCount).toBe(0)
  })

  it('cannot be made where the path leads to no schema, or to the tables of another program: both are said', async () => {
    await setOnRole('search_path', `''`)
    await expect(assertFit({ url: databaseUrl, statementTimeoutMs: 2000 })).rejects.toThrow(
      /search_path leads to no schema: ALTER ROLE "portcullis" IN DATABASE "\w+" SET search_path = public/,
    )
    await setOnRole('search_path', 'DEFAULT')
    await applyPackageMigrations(client)
    await expect(applyMigrations(databaseUrl)).rejects.toThrow(
      /the schema portcullis has an invalidation_log of another program: ALTER ROLE "portcullis" IN DATABASE "\w+" SET search_path = public/,
    )
  })
})
