/** Prepared statements behind a pooler in transaction mode: kept where it keeps their names, given up where it does not. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DomainError } from '../../src/domain/errors.ts'
import type { UserId } from '../../src/domain/model.ts'
import { createLogger } from '../../src/telemetry/index.ts'
import { findPgBouncer, keepsNames, type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const STATEMENT_TIMEOUT_MS = 5000
const AT_ONCE = 40
const KEPT = { max_prepared_statements: 200 }
const NOT_KEPT = { max_prepared_statements: 0 }

let direct: string
let bouncer: PgBouncer
let service: Service
let lines: string[]

async function start(settings: Readonly<Record<string, string | number>>): Promise<void> {
  bouncer = await startPgBouncer({ mode: 'transaction', databaseUrl: direct, poolSize: 4, settings })
  const destination = { write: (line: string) => void lines.push(line) }
  service = await startService({
    databaseUrl: bouncer.databaseUrl,
    environment: {
      DATABASE_POOLER: 'transaction',
      DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
      DATABASE_QUEUE_MAX: '2000',
    },
    logger: createLogger({ level: 'warn', destination }),
  })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
}

async function onServer(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

/** Mutations of each kind and reads, side by side. @returns what failed */
async function work(round: string): Promise<string[]> {
  const { mutations, reads } = service.portcullis
  const requests = Array.from({ length: AT_ONCE }, (_, n) => {
    const group = { group: { name: 'other' } }
    const user = `user-${n}` as UserId
    if (n % 4 === 0) return mutations.putUser({ id: user, displayName: round }, asRoot)
    if (n % 4 === 1) return reads.resource({ name: 'handbook' })
    if (n % 4 === 2) return service.visible(`nobody-${n}`)
    return mutations.putGrant(
      { ...group, resource: { name: 'handbook' }, permission: n % 8 ? 'read' : 'write' },
      asRoot,
    )
  })
  const failed = (await Promise.allSettled(requests)).filter((each) => each.status === 'rejected')
  return failed.map(({ reason }) => `${(reason as DomainError).code}: ${(reason as Error).cause ?? reason}`)
}

const isUnavailable = (failure: string) => failure.startsWith('database-unavailable')
const areNamed = async () =>
  ((await service.health.verbose()).database as { preparedStatements: boolean }).preparedStatements

beforeEach(async () => {
  lines = []
  direct = await freshDatabase()
  await onServer(
    direct,
    `ALTER ROLE CURRENT_USER IN DATABASE ${new URL(direct).pathname.slice(1)} SET statement_timeout = '5s'`,
  )
})
afterEach(async () => {
  await service?.close()
  await bouncer?.close()
  await dropDatabase(direct)
})

describe.skipIf(!keepsNames())('a pooler that keeps the names of statements', () => {
  beforeEach(() => start(KEPT))

  it('is found out at the start, and statements are prepared', async () => {
    expect(await areNamed()).toBe(true)
    expect(await work('first')).toEqual([])
    const { rows } = await onServer(bouncer.databaseUrl, 'SELECT count(*)::int AS prepared FROM pg_prepared_statements')
    expect(rows[0].prepared).toBeGreaterThan(0)
  })

  it('may have its server connections exchanged or reset: nothing fails, whether or not names are given up for it', async () => {
    for (const disturb of [
      () => bouncer.command('RECONNECT'),
      () => bouncer.command('RELOAD'),
      () => onServer(bouncer.databaseUrl, 'DISCARD ALL'),
      () => onServer(bouncer.databaseUrl, 'DEALLOCATE ALL'),
    ])
      for (let round = 0; round < 3; round++)
        expect((await Promise.all([work(`${disturb} ${round}`), disturb()]))[0], String(disturb)).toEqual([])
  })

  it('goes on where columns get another type: they are planned again, reads and changes', async () => {
    expect(await work('before')).toEqual([])
    await onServer(
      direct,
      `ALTER TABLE users ALTER COLUMN display_name TYPE varchar(200); ALTER TABLE resources ALTER COLUMN description TYPE varchar(2000)`,
    )
    for (let round = 0; round < 5; round++) expect(await work(`after ${round}`)).toEqual([])
    expect(await areNamed()).toBe(true)
  })

  it('may stop doing so: then statements have no names, nothing fails for it, and the log says so', async () => {
    expect(await work('before')).toEqual([])
    bouncer.configure(NOT_KEPT)
    await bouncer.restart()
    // The connections were lost, which is another matter.
    expect((await work('after')).filter((failure) => !isUnavailable(failure))).toEqual([])
    await expect.poll(() => work('again'), { timeout: 10_000 }).toEqual([])
    for (let round = 0; round < 10; round++) expect(await work(`without ${round}`)).toEqual([])
    expect(await areNamed()).toBe(false)
    expect(lines.filter((line) => line.includes('lost a prepared statement'))).toHaveLength(1)
  })

  it('may stop doing so while it runs', async () => {
    expect(await work('before')).toEqual([])
    bouncer.configure(NOT_KEPT)
    await bouncer.command('RELOAD')
    for (let round = 0; round < 10; round++) expect(await work(`without ${round}`)).toEqual([])
  })
})

describe.skipIf(!findPgBouncer())('a pooler that does not keep the names of statements', () => {
  it('is found out at the start, and statements have none', async () => {
    await start(keepsNames() ? NOT_KEPT : {})
    expect(await areNamed()).toBe(false)
    for (let round = 0; round < 3; round++) expect(await work(`round ${round}`)).toEqual([])
    const { rows } = await onServer(
      bouncer.databaseUrl,
      `SELECT name FROM pg_prepared_statements WHERE name NOT LIKE 'probe-%'`,
    )
    expect(rows).toEqual([])
  })
})
