/** The service behind the distribution's PgBouncer, in each mode that it has for whole transactions. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { assertFit } from '../../src/postgres/fitness.ts'
import { findPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const installed = findPgBouncer() !== undefined
if (!installed)
  console.error('The tests behind PgBouncer are skipped: `pgbouncer` is not on the PATH (apt-get install pgbouncer).')

const MODES = ['session', 'transaction'] as const
/** More than the pooler has for the service, so that transactions of one client meet different server connections. */
const POOL_MAX = 10
const SERVER_CONNECTIONS = { session: POOL_MAX + 5, transaction: 4 }
const STATEMENT_TIMEOUT_MS = 5000

describe.skipIf(!installed).each(MODES)('behind PgBouncer in %s mode', (mode) => {
  let direct: string
  let bouncer: PgBouncer
  let service: Service
  const options = (pooler: 'none' | 'session' | 'transaction') => ({
    url: bouncer.databaseUrl,
    pooler,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })

  async function onDatabase(sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: direct })
    await client.connect()
    try {
      return await client.query(sql)
    } finally {
      await client.end()
    }
  }
  const database = () => new URL(direct).pathname.slice(1)

  beforeAll(async () => {
    direct = await freshDatabase()
    bouncer = await startPgBouncer({ mode, databaseUrl: direct, poolSize: SERVER_CONNECTIONS[mode] })
  })
  afterAll(async () => {
    await service?.close()
    await bouncer?.close()
    await dropDatabase(direct)
  })

  it('it is refused at the start with the remedy where it was not told, or told wrongly', async () => {
    await expect(assertFit(options('none'))).rejects.toThrow(/set DATABASE_POOLER to session or transaction/)
    if (mode === 'session') return
    await expect(assertFit(options('session'))).rejects.toThrow(/set DATABASE_POOLER=transaction/)
    await onDatabase(`ALTER DATABASE ${database()} SET default_transaction_isolation = 'serializable'`)
    await bouncer.close()
    bouncer = await startPgBouncer({ mode, databaseUrl: direct, poolSize: SERVER_CONNECTIONS[mode] })
    const refused = await assertFit(options('transaction')).catch((error: Error) => error.message)
    const remedies = String(refused)
      .split('; ')
      .map((problem) => /ALTER ROLE .*/.exec(problem)?.[0] ?? '')
    expect(remedies).toHaveLength(2)
    for (const remedy of remedies) await onDatabase(remedy)
    await bouncer.close()
    bouncer = await startPgBouncer({ mode, databaseUrl: direct, poolSize: SERVER_CONNECTIONS[mode] })
    await assertFit(options('transaction'))
  })

  it('a thousand requests at once are answered, reads, mutations and all', { timeout: 120_000 }, async () => {
    // Elsewhere is another time, for what the pooler carries.
    await onDatabase(`ALTER DATABASE ${database()} SET TimeZone = 'America/New_York'`)
    await onDatabase(`ALTER DATABASE ${database()} SET DateStyle = 'German'`)
    const environment = {
      DATABASE_POOLER: mode,
      DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
      DATABASE_POOL_MAX: String(POOL_MAX),
      DATABASE_QUEUE_MAX: '2000',
    }
    service = await startService({ databaseUrl: bouncer.databaseUrl, environment })
    const { mutations, reads } = service.portcullis
    await mutations.importOrganisation(smallOrganisation, asRoot)
    const group = { group: { name: 'other' } }
    const requests = Array.from({ length: 1000 }, (_, n) => {
      const user = `user-${n}` as UserId
      if (n % 5 === 0) return mutations.putUser({ id: user }, asRoot)
      if (n % 5 === 1) return reads.resource({ name: 'handbook' })
      if (n % 5 === 2) return service.truth('ann')
      if (n % 25 !== 4) return service.visible(`nobody-${n}`)
      return mutations.putGrant(
        { ...group, resource: { name: 'handbook' }, permission: n % 2 ? 'read' : 'write' },
        asRoot,
      )
    })
    const failures = (await Promise.allSettled(requests)).filter((each) => each.status === 'rejected')
    expect(failures.map(({ reason }) => String(reason))).toEqual([])

    const { value } = await mutations.createResource({ name: 'timed', kind: 'clock' }, asRoot)
    expect(Math.abs(value.updatedAt.getTime() - Date.now())).toBeLessThan(60_000)
    expect((await reads.resource({ name: 'timed' }))?.updatedAt).toEqual(value.updatedAt)
  })

  it('what another instance or writer changes is followed', async () => {
    expect((await service.visible('ben')).length).toBeGreaterThan(0)
    await onDatabase(`DELETE FROM memberships WHERE user_id = 'ben'`)
    await expect.poll(() => service.visible('ben'), { timeout: 1000, interval: 20 }).toEqual([])
  })

  it('an instance that starts again reads the past of the log', async () => {
    await service.close()
    service = await startService({
      databaseUrl: bouncer.databaseUrl,
      environment: { DATABASE_POOLER: mode, DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS) },
    })
    expect(await service.visible('cid')).toEqual(await service.truth('cid'))
  })
})
