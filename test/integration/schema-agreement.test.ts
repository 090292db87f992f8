import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyMigrations, shippedMigrations } from '../../src/postgres/migrate.ts'
import { shippedSchema, withSchemaEngine } from '../support/schema-engine.ts'
import { dropDatabase, emptyDatabase, query } from '../support/stack.ts'

describe('prisma/schema.prisma and prisma/migrations', () => {
  let databaseUrl: string
  beforeAll(async () => {
    databaseUrl = await emptyDatabase()
    await applyMigrations(databaseUrl)
  })
  afterAll(() => dropDatabase(databaseUrl))

  it('agree: Prisma’s engine would change nothing in a migrated database', async () => {
    const schema = await shippedSchema()
    expect(await withSchemaEngine(databaseUrl, (engine) => engine.diffFrom(schema))).toBe('')
  })

  it.each([
    { what: 'a column', from: 'disabled    Boolean      @default(false)', to: '', sql: 'DROP COLUMN "disabled"' },
    {
      what: 'a nullability',
      from: 'displayName String? ',
      to: 'displayName String ',
      sql: '"display_name" SET NOT NULL',
    },
    {
      what: 'an index',
      from: '@@index([groupId, userId])',
      to: '',
      sql: 'DROP INDEX "memberships_group_id_user_id_idx"',
    },
    { what: 'an enum value', from: '  triage\n', to: '', sql: 'CREATE TYPE "permission_new"' },
    { what: 'a cascade', from: 'onDelete: SetNull', to: 'onDelete: Restrict', sql: 'ON DELETE RESTRICT' },
    { what: 'a default', from: '@default(dbgenerated("gen_random_uuid()"))', to: '', sql: 'DROP DEFAULT' },
  ])('stop agreeing when the schema differs in $what', async ({ from, to, sql }) => {
    const shipped = await shippedSchema()
    const altered = shipped.replace(from, to)
    expect(altered).not.toBe(shipped)
    expect(await withSchemaEngine(databaseUrl, (engine) => engine.diffFrom(altered))).toContain(sql)
  })
})

describe('the record of applied migrations', () => {
  it('tells Prisma’s engine that nothing is pending, edited or failed', async () => {
    await onDatabase(async (url) => {
      await applyMigrations(url)
      expect(await withSchemaEngine(url, (engine) => engine.diagnose())).toEqual({
        hasMigrationsTable: true,
        history: null,
        editedMigrationNames: [],
        failedMigrationNames: [],
      })
      expect(await withSchemaEngine(url, (engine) => engine.deploy())).toEqual([])
    })
  })

  it('is accepted the other way round: what Prisma’s engine applied is not applied again', async () => {
    await onDatabase(async (url) => {
      const all = (await shippedMigrations()).map(({ name }) => name)
      expect(await withSchemaEngine(url, (engine) => engine.deploy())).toEqual(all)
      expect(await applyMigrations(url)).toEqual({ applied: [] })
    })
  })

  it('shows Prisma’s engine an edited, a failed and a missing migration', async () => {
    await onDatabase(async (url) => {
      await applyMigrations(url)
      const names = (await shippedMigrations()).map(({ name }) => name)
      const [first = '', last = ''] = [names[0], names.at(-1)]
      const diagnosis = async (change: string, name: string) => {
        await query(url, change, [name])
        return withSchemaEngine(url, (engine) => engine.diagnose())
      }
      expect(
        await diagnosis(`UPDATE _prisma_migrations SET checksum = 'x' WHERE migration_name = $1`, first),
      ).toMatchObject({ editedMigrationNames: [first] })
      expect(
        await diagnosis(`UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = $1`, last),
      ).toMatchObject({ failedMigrationNames: [last] })
      expect(await diagnosis(`DELETE FROM _prisma_migrations WHERE migration_name = $1`, last)).toMatchObject({
        history: { diagnostic: 'databaseIsBehind', unappliedMigrationNames: [last] },
      })
    })
  })
})

async function onDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const url = await emptyDatabase()
  try {
    await work(url)
  } finally {
    await dropDatabase(url)
  }
}
