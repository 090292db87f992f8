/** Which statements keep a plan on each connection, and which are planned for the values they are given. */
import { expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
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
