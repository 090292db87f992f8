/** Transaction ids that go on counting elsewhere: across the end of 32 bits, and in the cluster that pg_upgrade makes. */
import { chownSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { postgresAccount } from '../../src/local/postgres-account.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'
import { createDebianPostgres, type DebianPostgres, installedVersions } from '../support/debian-postgres.ts'
import { ask } from '../support/replicated-postgres.ts'
import { asRoot, outcomeOf, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'

const versions = installedVersions()
if (versions.length === 0)
  console.error(
    'The tests of pg_resetwal and pg_upgrade are skipped: Debian’s PostgreSQL is not installed (apt-get install postgresql).',
  )
const oldest = versions[0] ?? 0
const newest = versions.at(-1) ?? 0

const clusters: DebianPostgres[] = []
const services: Service[] = []
const group = { name: 'dept' }
const ann = 'ann' as UserId

afterEach(async () => {
  for (const service of services.splice(0)) await service.close()
  for (const cluster of clusters.splice(0)) await cluster.close()
})

async function cluster(version: number, port?: number) {
  const created = await createDebianPostgres(version, port)
  clusters.push(created)
  return created
}

async function start(databaseUrl: string, prefix?: string): Promise<Service> {
  const service = await startService({ databaseUrl, environment: PATIENT, ...(prefix && { prefix }) })
  services.push(service)
  return service
}

const isHeld = (service: Service, user: string) =>
  expect.poll(() => outcomeOf(service, user).catch(String), { timeout: 10_000 }).toBe('hit')
const nextId = async (url: string) =>
  Number((await ask<{ id: string }>(url, 'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS id'))[0]!.id)

const account = postgresAccount()
const EPOCH = 2 ** 32
/** Ids in a segment of pg_xact: 32 pages of 8 KiB, 4 ids in a byte. */
const SEGMENT_IDS = 32 * 8192 * 4

/** As a cluster that has lived for long: each step is shorter than half of all ids, and frozen before the next. */
async function nearWraparound(postgres: DebianPostgres, left: number): Promise<void> {
  for (const id of [2_000_000_000, 4_000_000_000, EPOCH - left]) {
    await postgres.start()
    await ask(postgres.databaseUrl, 'ALTER DATABASE template0 ALLOW_CONNECTIONS true')
    for (const name of ['template0', 'template1', 'postgres', 'portcullis'])
      await ask(Object.assign(new URL(postgres.databaseUrl), { pathname: `/${name}` }).href, 'VACUUM FREEZE')
    await postgres.stop()
    postgres.run('pg_resetwal', '-D', postgres.data, '-x', String(id), '-e', '0')
    const segment = Math.floor(id / SEGMENT_IDS)
      .toString(16)
      .toUpperCase()
      .padStart(4, '0')
    const file = `${postgres.data}/pg_xact/${segment}`
    writeFileSync(file, Buffer.alloc(SEGMENT_IDS / 4), { mode: 0o600 })
    if (account) chownSync(file, account.uid, account.gid)
  }
  await postgres.start()
}

describe.skipIf(versions.length === 0)('ids that pass the end of 32 bits', () => {
  it('are followed under load: every answer is right, before, at and after it', { timeout: 180_000 }, async () => {
    const postgres = await cluster(newest)
    await postgres.start()
    await applyMigrations(postgres.databaseUrl)
    await postgres.stop()
    await nearWraparound(postgres, 400)
    const one = await start(postgres.databaseUrl)
    const { mutations } = one.portcullis
    await mutations.importOrganisation(smallOrganisation, asRoot)
    const other = await start(postgres.databaseUrl, one.prefix)
    const before = await nextId(postgres.databaseUrl)
    expect(before).toBeLessThan(EPOCH)
    await isHeld(one, 'ann')
    // An entry of before that is judged after it.
    await isHeld(one, 'cid')
    const wrong: string[] = []
    const users = ['u1', 'u2', 'u3'] as UserId[]
    for (const id of users) await mutations.putUser({ id }, asRoot)
    async function load(user: UserId): Promise<void> {
      for (let turn = 0; turn < 120; turn++) {
        const change = { group, userId: user }
        const isMember = turn % 2 === 0
        const { consistencyToken } = await (isMember
          ? mutations.addUserToGroup(change, asRoot)
          : mutations.removeUserFromGroup(change, asRoot))
        const page = await other.portcullis.reads.visibleResources(user, { limit: 50 }, { after: consistencyToken })
        const sees = (JSON.parse(page.body.toString()) as { data: unknown[] }).data.length > 0
        if (sees !== isMember) wrong.push(`${user}, turn ${turn}: ${sees}`)
      }
    }
    await Promise.all(users.map(load))
    expect(wrong).toEqual([])
    expect(await nextId(postgres.databaseUrl)).toBeGreaterThan(EPOCH)
    const [sides] = await ask(
      postgres.databaseUrl,
      `SELECT count(*) FILTER (WHERE xid < '${EPOCH}') > 0 AS before, count(*) FILTER (WHERE xid > '${EPOCH}') > 0 AS after FROM invalidation_log`,
    )
    expect(sides).toEqual({ before: true, after: true })
    // Nothing was lost by it: what was cached before is still a hit, and a change by SQL is still seen.
    for (const service of [one, other, await start(postgres.databaseUrl, one.prefix)]) {
      expect(await outcomeOf(service, 'cid')).toBe('hit')
      expect((await service.health.verbose()).log).toMatchObject({
        trust: 'following',
        foreignRemoved: { rows: 0, checkpoints: 0 },
      })
    }
    await ask(postgres.databaseUrl, `DELETE FROM memberships WHERE user_id = 'cid'`)
    for (const service of services)
      await expect.poll(() => service.visible('cid'), { timeout: 1000, interval: 10 }).toEqual([])
  })
})

describe.skipIf(versions.length === 0)(`pg_upgrade from ${oldest} to ${newest}`, () => {
  it('begins another history: nothing cached before is served, and the log goes on', { timeout: 180_000 }, async () => {
    const old = await cluster(oldest)
    await old.start()
    await applyMigrations(old.databaseUrl)
    const service = await start(old.databaseUrl)
    const { mutations } = service.portcullis
    await mutations.importOrganisation(smallOrganisation, asRoot)
    const { consistencyToken } = await mutations.putUser({ id: 'later' as UserId }, asRoot)
    for (const user of ['ann', 'ben']) await isHeld(service, user)
    const seen = await service.visible('ben')
    const idBefore = await nextId(old.databaseUrl)
    await old.stop()

    const upgraded = await cluster(newest, old.port)
    const from = `/usr/lib/postgresql/${oldest}/bin`
    const to = `/usr/lib/postgresql/${newest}/bin`
    upgraded.run('pg_upgrade', '-b', from, '-B', to, '-d', old.data, '-D', upgraded.data, '-U', 'portcullis')
    await upgraded.start()
    expect(await nextId(upgraded.databaseUrl)).toBeGreaterThanOrEqual(idBefore)
    // Said by no row of the log: only the other identity tells that what was cached is not to be believed.
    await ask(upgraded.databaseUrl, `SET portcullis.declared = 'on'; DELETE FROM memberships WHERE user_id = 'ann'`)

    const other = await start(upgraded.databaseUrl, service.prefix)
    for (const each of [service, other]) {
      await expect.poll(() => each.visible('ann').catch(String), { timeout: 10_000 }).toEqual([])
      expect(await each.visible('ben')).toEqual(seen)
      await isHeld(each, 'ben')
      const read = each.portcullis.reads.visibleResources(ann, { limit: 5 }, { after: consistencyToken })
      await expect(read).rejects.toMatchObject({ code: 'token-other-history' })
      expect((await each.health.verbose()).log).toMatchObject({
        trust: 'following',
        silentTables: [],
        foreignRemoved: { rows: 0, checkpoints: 0 },
      })
    }
    await mutations.removeUserFromGroup({ group: { name: 'dept/red' }, userId: 'ben' as UserId }, asRoot)
    for (const each of [service, other]) expect(await each.visible('ben')).toEqual([])
  })
})
