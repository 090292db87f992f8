/** A prefix is read from an index, also under the generic plan that a prepared statement ends up with. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { boundsOf } from '../../src/postgres/prefix-bounds.ts'
import { VISIBLE_PAGE, VISIBLE_RANGE } from '../../src/postgres/visibility.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let sql: pg.Client

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
  await sql.query(`
    INSERT INTO users (id) VALUES ('all');
    INSERT INTO groups (name) VALUES ('everything');
    INSERT INTO memberships (user_id, group_id) SELECT 'all', id FROM groups;
    INSERT INTO resources (name, kind) SELECT 'team-' || n % 1000 || '/repository-' || n, 'repository' FROM generate_series(1, 30000) n;
    INSERT INTO grants (group_id, resource_id, permission) SELECT g.id, r.id, 'read' FROM groups g, resources r;
    ANALYZE; SET plan_cache_mode = force_generic_plan`)
})
afterAll(async () => {
  await sql?.end()
  await dropDatabase(databaseUrl)
})

async function explained(text: string, types: string, values: readonly (string | number | null)[]) {
  await sql.query(`DEALLOCATE ALL; PREPARE asked (${types}) AS ${text}`)
  const literals = values.map((value) => (value === null ? 'NULL' : pg.escapeLiteral(String(value)))).join(', ')
  const { rows } = await sql.query(`EXPLAIN (ANALYZE, FORMAT TEXT) EXECUTE asked(${literals})`)
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  return { plan, ms: Number(/Execution Time: ([\d.]+)/.exec(plan)?.[1]) }
}

describe('a prefix among 30,000 resources', () => {
  const common = ['all', 51, null, null, null] as const
  const { from, to } = boundsOf('team-77/')

  it('is a range of the index on names, which the function form is not', async () => {
    const range = await explained(VISIBLE_RANGE.text, 'text, int, text, uuid, text, text, permission, text', [
      ...common,
      from,
      null,
      to,
    ])
    const filter = await explained(VISIBLE_PAGE.text, 'text, int, text, uuid, text, text, permission', [
      ...common,
      from,
      null,
    ])
    console.info(`generic plans: range ${range.ms} ms, starts_with ${filter.ms} ms`)
    expect(range.plan).toMatch(/Index Cond: .*name >= \(?\$6.* AND .*name < \(?\$8/)
    expect(filter.plan).not.toMatch(/Index Cond: .*name/)
  })
})
