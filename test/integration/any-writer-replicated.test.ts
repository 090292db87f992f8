/** Writers that a server must be set up for: logical replication, and transactions that are prepared first. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts'
import { asRoot, outcomeOf, type Service, smallOrganisation, startService } from '../support/service.ts'

/** What P11 promises, in milliseconds. */
const BOUND_MS = 1000

let server: OwnPostgres
let service: Service
/** To the database that the service reads, and to one from which rows are replicated into it. */
let local: pg.Client
let upstream: pg.Client
/** The last row of the log before what is looked at; older ones stay for instances that have not read them. */
let mark: string

beforeAll(async () => {
  server = await startOwnPostgres({ wal_level: 'logical', max_prepared_transactions: '5' })
  const databaseUrl = await server.createMigrated('portcullis')
  await server.createMigrated('upstream')
  local = await server.connect()
  upstream = await server.connect({ database: 'upstream' })
  service = await startService({ databaseUrl })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
}, 120_000)
afterAll(async () => {
  await service?.close()
  await upstream?.end()
  await local?.end()
  await server?.close()
})

const lastRow = async () =>
  (await local.query<{ id: string }>('SELECT coalesce(max(id), 0) AS id FROM invalidation_log')).rows[0]!.id

const names = async (user: string) => (await service.visible(user)).map(({ name }) => name)

async function heldBy(user: string): Promise<void> {
  await expect.poll(() => outcomeOf(service, user), { timeout: 5000 }).toBe('hit')
}

describe('where transactions may be prepared', () => {
  it('the service itself wakes its other instances all the same', async () => {
    const environment = { LOG_POLL_MS: '4000', LOG_BOUND_MS: '5000' }
    const other = await startService({ databaseUrl: server.databaseUrl, prefix: service.prefix, environment })
    // Nothing is read there meanwhile: a miss would read the log itself.
    const sinceItRead = async () => ((await other.health.verbose()).log as { lagMs: number }).lagMs
    await expect.poll(sinceItRead, { timeout: 5000, interval: 10 }).toBeGreaterThan(500)
    await service.portcullis.mutations.removeUserFromGroup({ group: { name: 'other' }, userId: 'dee' as never }, asRoot)
    await expect.poll(sinceItRead, { timeout: 1000, interval: 10 }).toBeLessThan(400)
    await service.portcullis.mutations.addUserToGroup({ group: { name: 'other' }, userId: 'dee' as never }, asRoot)
    await other.close()
  }, 20_000)
})

describe('where the triggers do not notify', () => {
  it('the log is read ten times as often', async () => {
    const typicalLagMs = async () => {
      const lags: number[] = []
      for (let sample = 0; sample < 60; sample++) {
        await delay(7)
        lags.push(((await service.health.verbose()).log as { lagMs: number }).lagMs)
      }
      return lags.sort((one, other) => one - other)[30]!
    }
    // Half of what lies between two reads.
    expect(await typicalLagMs()).toBeLessThan(60)
    await local.query(`ALTER DATABASE portcullis SET portcullis.notify = 'on'`)
    try {
      const { prefix } = service
      await service.close()
      service = await startService({ databaseUrl: server.databaseUrl, prefix })
      expect(await typicalLagMs()).toBeGreaterThan(60)
    } finally {
      await local.query('ALTER DATABASE portcullis RESET portcullis.notify')
      await service.close()
      service = await startService({ databaseUrl: server.databaseUrl })
    }
  }, 20_000)
})

describe('a prepared transaction', () => {
  it('is not refused, and shows within a second of its second commit', async () => {
    await heldBy('ben')
    await local.query('BEGIN')
    await local.query(`DELETE FROM memberships WHERE user_id = 'ben'`)
    await local.query(`PREPARE TRANSACTION 'later'`)
    await service.portcullis.mutations.putUser({ id: 'someone' as never }, asRoot)
    await heldBy('ben')
    expect(await names('ben')).not.toEqual([])
    await local.query(`COMMIT PREPARED 'later'`)
    await expect.poll(() => names('ben'), { timeout: BOUND_MS, interval: 10 }).toEqual([])
  })

  it('may be of a session that forgoes the wake-up where the database has it', async () => {
    await local.query(`ALTER DATABASE portcullis SET portcullis.notify = 'on'`)
    const writer = await server.connect()
    try {
      await writer.query(`BEGIN; UPDATE users SET disabled = true WHERE id = 'cid'`)
      await expect(writer.query(`PREPARE TRANSACTION 'refused'`)).rejects.toThrow(/NOTIFY/)
      await writer.query(`SET portcullis.notify = 'off'`)
      await writer.query(`BEGIN; UPDATE users SET disabled = true WHERE id = 'cid'`)
      await writer.query(`PREPARE TRANSACTION 'accepted'`)
      await writer.query(`COMMIT PREPARED 'accepted'`)
    } finally {
      await writer.end()
      await local.query('ALTER DATABASE portcullis RESET portcullis.notify')
    }
    await expect.poll(() => names('cid'), { timeout: BOUND_MS, interval: 10 }).toEqual([])
  })
})

describe('logical replication', () => {
  it('shows the rows that it copies and those that it applies, whole layers where they are very many', async () => {
    await upstream.query(`INSERT INTO users (id) SELECT 'remote-' || n FROM generate_series(1, 3) n`)
    await upstream.query(`CREATE PUBLICATION people FOR TABLE users, groups, memberships, resources, grants`)
    await upstream.query(`SELECT pg_create_logical_replication_slot('people', 'pgoutput')`)
    const { host, port, password, user } = upstream
    mark = await lastRow()
    await local.query(`CREATE SUBSCRIPTION people CONNECTION 'host=${host} port=${port} user=${user} password=${password} dbname=upstream'
      PUBLICATION people WITH (create_slot = false, slot_name = 'people')`)
    try {
      const tags = async () =>
        new Set(
          (await local.query('SELECT unnest(tags) AS tag FROM invalidation_log WHERE id > $1', [mark])).rows.map(
            ({ tag }) => tag,
          ),
        )
      await expect.poll(tags, { timeout: 20_000 }).toEqual(new Set(['u:remote-1', 'u:remote-2', 'u:remote-3']))
      await expect
        .poll(async () => (await local.query(`SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r'`)).rowCount, {
          timeout: 20_000,
        })
        .toBe(0)

      // The same group as here, so that a membership arrives that is already held.
      const { rows } = await local.query(`SELECT id FROM groups WHERE name = 'other'`)
      await upstream.query(`ALTER TABLE memberships DROP CONSTRAINT memberships_group_id_fkey`)
      expect(await names('remote-1')).toEqual([])
      await heldBy('remote-1')
      await upstream.query(`INSERT INTO memberships VALUES ('remote-1', $1)`, [rows[0].id])
      await expect.poll(() => names('remote-1'), { timeout: 2 * BOUND_MS, interval: 10 }).toEqual(['elsewhere'])
      await upstream.query('DELETE FROM memberships')
      await expect.poll(() => names('remote-1'), { timeout: 2 * BOUND_MS, interval: 10 }).toEqual([])

      mark = await lastRow()
      await upstream.query(`INSERT INTO users (id) SELECT 'bulk-' || n FROM generate_series(1, 3000) n`)
      await expect
        .poll(async () => (await local.query(`SELECT FROM users WHERE id LIKE 'bulk-%'`)).rowCount, { timeout: 20_000 })
        .toBe(3000)
      const appended = await local.query('SELECT tags FROM invalidation_log WHERE id > $1 ORDER BY id', [mark])
      expect(appended.rowCount).toBe(1001)
      expect(appended.rows.at(-1).tags).toEqual(['l:resources', 'l:user-groups', 'l:user-resources'])

      mark = await lastRow()
      await upstream.query('TRUNCATE memberships')
      await expect.poll(tags, { timeout: 5000 }).toEqual(new Set(['l:user-groups', 'l:user-resources']))
    } finally {
      await local.query('ALTER SUBSCRIPTION people DISABLE')
      await local.query('ALTER SUBSCRIPTION people SET (slot_name = NONE)')
      await local.query('DROP SUBSCRIPTION people')
    }
  })
})
