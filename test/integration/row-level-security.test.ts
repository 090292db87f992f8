/** Policies that hide rows (row-level security): from the service they would make wrong answers, so it refuses to answer. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DomainError } from '../../src/domain/errors.ts'
import type { UserId } from '../../src/domain/model.ts'
import { assertFit } from '../../src/postgres/fitness.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, emptyDatabase } from '../support/stack.ts'

/** Owns the tables and is no superuser, so that a table can have it filtered. */
const owner = `owner_${randomBytes(4).toString('hex')}`
const writer = `writer_${randomBytes(4).toString('hex')}`
let databaseUrl: string
let administrator: pg.Client
let service: Service | undefined

const urlOf = (role: string) => Object.assign(new URL(databaseUrl), { username: role, password: role }).href

beforeEach(async () => {
  databaseUrl = await emptyDatabase()
  administrator = new pg.Client({ connectionString: databaseUrl })
  await administrator.connect()
  for (const role of [owner, writer]) await administrator.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`)
  await administrator.query(`ALTER DATABASE ${new URL(databaseUrl).pathname.slice(1)} OWNER TO ${owner}`)
  await applyMigrations(urlOf(owner))
})
afterEach(async () => {
  await service?.close()
  service = undefined
  for (const role of [owner, writer]) await administrator.query(`DROP OWNED BY ${role} CASCADE`)
  await administrator.end()
  await dropDatabase(databaseUrl)
  const client = new pg.Client({
    connectionString: Object.assign(new URL(databaseUrl), { pathname: '/postgres' }).href,
  })
  await client.connect()
  for (const role of [owner, writer]) await client.query(`DROP ROLE ${role}`)
  await client.end()
})

async function start(): Promise<Service> {
  service = await startService({ databaseUrl: urlOf(owner) })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  return service
}
const hideGrants = () =>
  administrator.query(`
    ALTER TABLE grants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY not_admin ON grants USING (permission <> 'admin')`)
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: DomainError) => error.code,
  )
const tagsOf = async () =>
  (await administrator.query('SELECT tags FROM invalidation_log ORDER BY id DESC LIMIT 1')).rows[0].tags

describe('policies that hide rows from the role of the service', () => {
  it.each(['none', 'transaction'] as const)(
    'refuse the start, with the remedy (DATABASE_POOLER=%s)',
    async (pooler) => {
      const problem = () =>
        assertFit({ url: urlOf(owner), statementTimeoutMs: 2000, pooler }).catch(({ message }) => message)
      await hideGrants()
      expect(await problem()).toContain(
        `hide rows of grants from the role, and answers would be wrong: ALTER ROLE "${owner}" BYPASSRLS`,
      )
      await administrator.query(`ALTER ROLE ${owner} BYPASSRLS`)
      expect(String(await problem())).not.toContain('row-level security')
    },
  )

  it('refuse reads and changes that need the rows, when they come while it runs', async () => {
    const { truth, portcullis } = await start()
    expect((await truth('ben')).length).toBe(2)
    await hideGrants()
    expect(await codeOf(truth('ben'))).toBe('database-misconfigured')
    const grant = { group: { name: 'dept' }, resource: { name: 'handbook' } }
    expect(await codeOf(portcullis.mutations.removeGrant(grant, asRoot))).toBe('database-misconfigured')
    await administrator.query('ALTER TABLE grants NO FORCE ROW LEVEL SECURITY')
    expect((await truth('ben')).length).toBe(2)
  })

  it('refuse what others write where its consequences cannot be seen', async () => {
    await start()
    await hideGrants()
    const changing = administrator.query(`UPDATE resources SET kind = 'other' WHERE name = 'handbook'`)
    await expect(changing).rejects.toThrow(/row-level security policy/)
  })
})

describe('policies for other writers', () => {
  it('leave the service alone: it hears of the rows that they may write', async () => {
    const { visible } = await start()
    await administrator.query(`
      ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
      CREATE POLICY of_writer ON memberships TO ${writer} USING (user_id = 'ben');
      GRANT SELECT, DELETE ON memberships TO ${writer}`)
    expect((await visible('ben')).length).toBe(2)
    const client = new pg.Client({ connectionString: urlOf(writer) })
    await client.connect()
    await client.query('DELETE FROM memberships').finally(() => client.end())
    expect(await tagsOf()).toEqual(['u:ben'])
    await expect.poll(() => visible('ben' as UserId), { timeout: 1000, interval: 10 }).toEqual([])
    expect((await visible('ann')).length).toBe(1)
  })
})
