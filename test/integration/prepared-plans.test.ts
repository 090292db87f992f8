/** A prepared statement is planned for the values it is given, however often it is used. */
import { expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { createCacheSource } from '../../src/postgres/source.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

/** After so many uses PostgreSQL considers one plan for all. */
const USES_BEFORE_A_GENERIC_PLAN = 5

it('the list of a user never gets the plan that suits no values', async () => {
  const url = await freshDatabase()
  const database = createDatabase({ url, poolMax: 1, queueMax: 10, statementTimeoutMs: 5000 })
  try {
    const source = createCacheSource(database)
    const uses = USES_BEFORE_A_GENERIC_PLAN * 2
    for (let use = 0; use < uses; use++) await source.visible(`user-${use}` as UserId, { count: 51 })
    const text = `SELECT generic_plans::int AS generic, custom_plans::int AS custom FROM pg_prepared_statements WHERE name = 'visible-page'`
    expect(await database.query({ name: 'plans', text }, [])).toEqual([{ generic: 0, custom: uses }])
  } finally {
    await database.close()
    await dropDatabase(url)
  }
})
