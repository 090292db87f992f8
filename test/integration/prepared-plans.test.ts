/** Which statements keep a plan on each connection, and which are planned for the values they are given. */
import pg from 'pg'
import { expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { prepareLogConnection, READ_SINCE } from '../../src/postgres/invalidation-log.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { createCacheSource } from '../../src/postgres/source.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

/** After so many uses PostgreSQL considers one plan for all. */
const USES_BEFORE_A_GENERIC_PLAN = 5

it('the list of a user never gets a plan that suits no values; the groups of users are planned once', async () => {
  const url = await freshDatabase()
  const database = createDatabase({ url, poolMax: 1, queueMax: 10, statementTimeoutMs: 5000 })
  try {
    const source = createCacheSource(database)
    const uses = USES_BEFORE_A_GENERIC_PLAN * 2
    for (let use = 0; use < uses; use++) {
      await source.visible(`user-${use}` as UserId, { count: 51 })
      await source.effectiveGroups(`user-${use}` as UserId)
    }
    const text = 'SELECT name, generic_plans > 0 AS kept FROM pg_prepared_statements ORDER BY name'
    expect(await database.query({ name: 'plans', text }, [])).toEqual([{ name: 'load-groups', kept: true }])
  } finally {
    await database.close()
    await dropDatabase(url)
  }
})

it('the log is planned once, and what is new in it is found by its index however long it is', async () => {
  const url = await freshDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(
      "INSERT INTO invalidation_log (event, actor, tags) SELECT 'test', 'test', ARRAY['u:' || n] FROM generate_series(1, 50000) AS n",
    )
    await client.query('ANALYZE invalidation_log')
    await prepareLogConnection(client, { url, statementTimeoutMs: 5000 })
    const { rows } = await client.query<{ position: string }>('SELECT pg_current_snapshot()::text AS position')
    const since = rows[0]?.position
    for (let use = 0; use < 3; use++) await client.query({ ...READ_SINCE, values: [since, 1000] })
    const plans = 'SELECT generic_plans::int AS generic, custom_plans::int AS custom FROM pg_prepared_statements'
    expect((await client.query(plans)).rows).toEqual([{ generic: 3, custom: 0 }])
    const explained = await client.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE "${READ_SINCE.name}" ('${since}', 1000)`,
    )
    const plan = explained.rows.map((line) => line['QUERY PLAN']).join('\n')
    expect(plan).toMatch(/(Index Scan using|Bitmap Index Scan on) \S*xid/)
    expect(plan).not.toContain('Seq Scan on invalidation_log')
  } finally {
    await client.end()
    await dropDatabase(url)
  }
})
