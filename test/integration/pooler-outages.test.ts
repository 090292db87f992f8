/**
 * What administrators and limits of PgBouncer do to the service: paused, out of connections, told to end what takes long.
 * A request is answered with a reason in bounded time, no answer is wrong, and all is well when it is over.
 */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DomainError } from '../../src/domain/errors.ts'
import type { UserId } from '../../src/domain/model.ts'
import { findPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { asRoot, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, query } from '../support/stack.ts'

const installed = findPgBouncer() !== undefined
const STATEMENT_TIMEOUT_MS = 1000
/** Twice as many requests as connections, each with two attempts of a statement's time and a connection's. */
const BOUND_MS = 8000
const POOL_MAX = 4

let direct: string
let bouncer: PgBouncer
let service: Service
let others: pg.Client[]

async function start(
  mode: 'session' | 'transaction',
  poolSize: number,
  settings: Record<string, string | number> = {},
) {
  bouncer = await startPgBouncer({ mode, databaseUrl: direct, poolSize, settings })
  service = await startService({
    databaseUrl: bouncer.databaseUrl,
    environment: {
      DATABASE_POOLER: mode,
      DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS),
      DATABASE_POOL_MAX: String(POOL_MAX),
    },
  })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
}

/** Another client, in a transaction; through the pooler it holds a server connection. */
async function hold(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  others.push(client)
  await client.connect()
  await client.query('BEGIN')
  return client
}

beforeEach(async () => {
  others = []
  direct = await freshDatabase()
  const database = new URL(direct).pathname.slice(1)
  await query(
    direct,
    `ALTER ROLE CURRENT_USER IN DATABASE ${database} SET statement_timeout = '${STATEMENT_TIMEOUT_MS}ms'`,
  )
})
afterEach(async () => {
  for (const client of others) await client.end().catch(() => {})
  await service?.close()
  await bouncer?.close()
  await dropDatabase(direct)
})

let changes = 0
const change = () => service.portcullis.mutations.putUser({ id: `user-${changes++}` as UserId }, asRoot)
const read = async () => (await service.truth('ben')).map(({ name }) => name)

const endServerConnections = () =>
  query(
    direct,
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  )

/** How each of the reads and changes that are sent at once ends, and that none takes too long. */
async function outcomes(): Promise<Set<string>> {
  const startedMs = performance.now()
  const outcomeOf = (work: Promise<unknown>) =>
    work.then(
      (value) => (Array.isArray(value) ? value.join() : 'changed'),
      ({ code, message }: DomainError) => code ?? message,
    )
  const found = await Promise.all(
    Array.from({ length: 4 }, () => [read, change])
      .flat()
      .map((work) => outcomeOf(work())),
  )
  expect(performance.now() - startedMs).toBeLessThan(BOUND_MS)
  return new Set(found)
}
const WELL = new Set(['handbook,red-plan', 'changed'])
const isWell = () => expect.poll(outcomes, { timeout: 10_000, interval: 100 }).toEqual(WELL)

describe.skipIf(!installed).each(['session', 'transaction'] as const)('behind PgBouncer in %s mode', (mode) => {
  it('that has no server connection left, requests are refused as unavailable until there is one', async () => {
    await start(mode, 30, { query_wait_timeout: 1, max_db_connections: 12 })
    await isWell()
    // In session mode an idle connection of the service holds one, too.
    await endServerConnections()
    await Promise.allSettled(Array.from({ length: 12 }, () => hold(bouncer.databaseUrl)))
    for (const outcome of await outcomes()) expect([...WELL, 'database-unavailable']).toContain(outcome)
    // The hazard. In session mode the service may have been quicker than the others.
    if (mode === 'transaction') expect(await outcomes()).toContain('database-unavailable')
    for (const client of others) await client.end().catch(() => {})
    await isWell()
  })

  it('that accepts no more clients, those of the service that are connected answer, and nothing is wrong', async () => {
    await start(mode, 20, { max_client_conn: 6 })
    for (const outcome of await outcomes()) expect([...WELL, 'database-unavailable', 'overloaded']).toContain(outcome)
    await isWell()
  })

  it('that is started again, requests are refused at most while it is away', async () => {
    await start(mode, 20)
    const [found] = await Promise.all([outcomes(), bouncer.restart()])
    for (const outcome of found) expect([...WELL, 'database-unavailable']).toContain(outcome)
    await isWell()
  })

  it('that ends what takes long (query_timeout), a change that waits is refused as unavailable', async () => {
    await start(mode, 20, { query_timeout: 0.3 })
    const holder = await hold(direct)
    await holder.query(`SELECT FROM groups WHERE name = 'other' FOR UPDATE`)
    const given = { group: { name: 'other' }, resource: { name: 'handbook' }, permission: 'read' } as const
    const changing = service.portcullis.mutations.putGrant(given, asRoot)
    await expect(changing).rejects.toMatchObject({ code: 'database-unavailable' })
    await holder.query('ROLLBACK')
    await isWell()
  })

  it('that resets its server connections, after each transaction too, nothing is refused', async () => {
    await start(mode, 20, { server_reset_query: 'DISCARD ALL', server_reset_query_always: 1 })
    for (let round = 0; round < 5; round++) expect(await outcomes()).toEqual(WELL)
  })
})

describe.skipIf(!installed)('behind PgBouncer in transaction mode', () => {
  it('that is paused, requests are refused as unavailable; they are answered when it resumes', async () => {
    await start('transaction', 20)
    await isWell()
    await bouncer.paused(async () => expect(await outcomes()).toEqual(new Set(['database-unavailable'])))
    await isWell()
  })
})
