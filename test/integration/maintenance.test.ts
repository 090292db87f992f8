/** What people who look after a database do to it while the service runs, and what they made it with. */
import pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import type { DomainError } from '../../src/domain/errors.ts'
import type { UserId } from '../../src/domain/model.ts'
import { assertFit } from '../../src/postgres/fitness.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'
import { asRoot, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, templateUrl } from '../support/stack.ts'

let databaseUrl: string
let service: Service | undefined

afterEach(async () => {
  await service?.close()
  service = undefined
  await dropDatabase(databaseUrl)
})

async function sql(text: string, url = databaseUrl): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client.query(text).finally(() => client.end())
}

async function start(): Promise<Service> {
  service = await startService({ databaseUrl, environment: { ...PATIENT, DATABASE_STATEMENT_TIMEOUT_MS: '5000' } })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  return service
}

async function createDatabase(options: string): Promise<string> {
  const name = `test_made_${options.replace(/\W+/g, '_').toLowerCase()}`.slice(0, 60)
  await sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, templateUrl)
  await sql(`CREATE DATABASE ${name} TEMPLATE template0 ${options}`, templateUrl)
  return Object.assign(new URL(templateUrl), { pathname: `/${name}` }).href
}

const TABLES = [
  'users',
  'groups',
  'memberships',
  'resources',
  'grants',
  'invalidation_log',
  'log_checkpoints',
  'audit_log',
]

describe('under load, no answer is wrong and nothing is refused but for a lock, beside', () => {
  it.each<[string, readonly string[]]>([
    ['VACUUM FULL', TABLES.map((table) => `VACUUM FULL ${table}`)],
    ['CLUSTER', TABLES.map((table) => `CLUSTER ${table} USING ${table}_pkey`)],
    ['REINDEX CONCURRENTLY', TABLES.map((table) => `REINDEX TABLE CONCURRENTLY ${table}`)],
    [
      'UNLOGGED and back',
      TABLES.flatMap((table) =>
        table.startsWith('log_') || table.startsWith('inv')
          ? [`ALTER TABLE ${table} SET UNLOGGED`, `ALTER TABLE ${table} SET LOGGED`]
          : [],
      ),
    ],
    [
      'ALTER TABLE that writes it again',
      [
        'ALTER TABLE memberships ADD COLUMN noted_at timestamptz DEFAULT clock_timestamp()',
        'ALTER TABLE resources ALTER COLUMN description TYPE varchar(4000)',
        'ALTER TABLE memberships DROP COLUMN noted_at',
        'ALTER TABLE users ALTER COLUMN display_name TYPE varchar(200)',
        'ALTER TABLE users ALTER COLUMN display_name TYPE text',
      ],
    ],
  ])('%s', { timeout: 60_000 }, async (_what, statements) => {
    databaseUrl = await freshDatabase()
    const { portcullis, truth, visible } = await start()
    const { mutations } = portcullis
    const wrong: string[] = []
    const refused: string[] = []
    let answered = 0
    let running = true
    async function load(user: UserId): Promise<void> {
      await mutations.putUser({ id: user }, asRoot)
      for (let member = false; running; ) {
        const change = { group: { name: 'dept' }, userId: user }
        try {
          await (member ? mutations.removeUserFromGroup(change, asRoot) : mutations.addUserToGroup(change, asRoot))
          member = !member
          await mutations.putUser({ id: user, displayName: `member: ${member}` }, asRoot)
          if ((await visible(user)).length > 0 !== member) wrong.push(`${user}: ${member}`)
          answered++
        } catch (error) {
          refused.push(`${(error as DomainError).code}: ${(error as Error).cause}`)
        }
      }
    }
    const loads = (['u1', 'u2', 'u3'] as UserId[]).map(load)
    for (let round = 0; round < 2; round++)
      for (const statement of statements)
        await sql(statement).catch((error: Error) => wrong.push(`${statement}: ${error}`))
    running = false
    await Promise.all(loads)
    expect(wrong).toEqual([])
    expect(answered).toBeGreaterThan(0)
    expect(refused.filter((each) => !each.startsWith('database-locked'))).toEqual([])
    for (const user of ['ann', 'ben', 'u1']) expect(await visible(user)).toEqual(await truth(user))
  })
})

describe('a database that was made with', () => {
  it('a collation of a language answers in the same order as any other', async () => {
    databaseUrl = await createDatabase(`LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'`)
    await applyMigrations(databaseUrl)
    const { portcullis, truth, visible } = await start()
    const names = [
      'a',
      'B',
      'b',
      'Z',
      'z',
      'ä',
      'é',
      'Straße',
      'strasse',
      'a-b',
      'a b',
      'ab',
      '_x',
      '10',
      '9',
      'ﬁ',
      '漢',
    ]
    for (const name of names) {
      await portcullis.mutations.createResource({ name, kind: 'document' }, asRoot)
      await portcullis.mutations.putGrant({ group: { name: 'dept' }, resource: { name }, permission: 'read' }, asRoot)
    }
    for (const limit of [3, 50]) {
      const seen = await visible('ann', { limit })
      expect(seen.map(({ name }) => name).sort()).toEqual([...names, 'handbook'].sort())
      expect(seen).toEqual(await truth('ann', { limit }))
    }
    for (const prefix of ['a', 'st', 'é'])
      expect(await visible('ann', { namePrefix: prefix } as never)).toEqual(
        await truth('ann', { namePrefix: prefix } as never),
      )
  })

  it('another encoding is refused at the start', async () => {
    databaseUrl = await createDatabase(`ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'`)
    await expect(assertFit({ url: databaseUrl, statementTimeoutMs: 2000 })).rejects.toThrow(
      /its encoding is SQL_ASCII, UTF8 is needed/,
    )
  })
})

describe('a commit that waits for a standby which is gone', () => {
  it('is refused as unavailable; it may have been made, and readers see what PostgreSQL shows', {
    timeout: 60_000,
  }, async () => {
    databaseUrl = await freshDatabase()
    await (await start()).close()
    await sql(`ALTER DATABASE ${new URL(databaseUrl).pathname.slice(1)} SET synchronous_commit = 'remote_apply'`)
    await sql(`ALTER SYSTEM SET synchronous_standby_names = 'gone'`)
    await sql('SELECT pg_reload_conf()')
    try {
      service = await startService({ databaseUrl, environment: { ...PATIENT, DATABASE_STATEMENT_TIMEOUT_MS: '1000' } })
      const removed = service.portcullis.mutations.removeUserFromGroup(
        { group: { name: 'dept' }, userId: 'ann' as UserId },
        asRoot,
      )
      await expect(removed).rejects.toMatchObject({ code: expect.stringMatching(/^database-(unavailable|slow)$/) })
    } finally {
      await sql(`ALTER SYSTEM RESET synchronous_standby_names`)
      await sql('SELECT pg_reload_conf()')
    }
    await expect.poll(() => service?.truth('ann').catch(String), { timeout: 10_000 }).toEqual([])
    await expect.poll(() => service?.visible('ann'), { timeout: 1000 }).toEqual([])
  })
})
