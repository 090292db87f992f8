/** A primary with a standby, both in the URL: the primary is lost under load and the standby promoted. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Mutated } from '../../src/domain/api.ts'
import { decodeConsistencyToken } from '../../src/domain/consistency-token.ts'
import type { DomainError } from '../../src/domain/errors.ts'
import type { UserId } from '../../src/domain/model.ts'
import { primaryOf } from '../../src/postgres/connection.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'
import { createDatabase } from '../../src/postgres/pool.ts'
import { ask, type ReplicatedPostgres, startReplicatedPostgres } from '../support/replicated-postgres.ts'
import { asRoot, newPrefix, type Service, smallOrganisation, startService } from '../support/service.ts'

/** How long a standby is left alone before it is promoted, as somebody first makes sure that the primary is gone. */
const UNNOTICED_MS = 1000
/** What looking for the primary and connecting to it may add, on a busy machine. */
const FOUND_WITHIN_MS = 3000

let servers: ReplicatedPostgres
let fleet: Service[]

beforeEach(async () => {
  servers = await startReplicatedPostgres()
  await servers.synchronise()
  fleet = []
}, 60_000)
afterEach(async () => {
  for (const service of fleet) await service.close()
  await servers.close()
})

async function start(count: number, databaseUrl: string, over: Readonly<Record<string, string>> = {}): Promise<void> {
  const prefix = newPrefix()
  const environment = { LOG_POLL_MS: '50', ...over }
  for (let each = 0; each < count; each++) fleet.push(await startService({ databaseUrl, prefix, environment }))
}

/** One writer and one reader for each user: nobody else changes what the user may see. */
function startLoad() {
  const refusals = new Map<string, number>()
  const answered = { reads: 0, writes: 0, lastRefusalMs: 0 }
  const wrong: string[] = []
  let running = true
  const refused = (error: unknown): Promise<undefined> => {
    const code = (error as DomainError).code ?? String(error)
    refusals.set(code, (refusals.get(code) ?? 0) + 1)
    answered.lastRefusalMs = performance.now()
    return delay(20, undefined)
  }

  async function userOf(number: number): Promise<void> {
    const user = `user-${number}` as UserId
    const [writes, reads] = [fleet[number % fleet.length]!, fleet[(number + 1) % fleet.length]!]
    for (let member = false; running; ) {
      const group = { group: { name: 'dept/red' }, userId: user }
      const { mutations } = writes.portcullis
      const change: Promise<Mutated<unknown>> = member
        ? mutations.removeUserFromGroup(group, asRoot)
        : mutations.addUserToGroup(group, asRoot)
      const token = await change.then(({ consistencyToken }) => consistencyToken, refused)
      // Refused, it may have been carried out all the same: the next one that is acknowledged says what holds.
      if (token === undefined) {
        await settle(user)
        member = false
        continue
      }
      member = !member
      answered.writes++
      for (const [service, context] of [
        [writes, {}],
        [reads, { after: token }],
        // By SQL, on whatever connection there is: no stamp is judged.
        [reads, { bypass: true }],
      ] as const) {
        const page = await service.portcullis.reads.visibleResources(user, { limit: 50 }, context).catch(refused)
        if (page === undefined) continue
        answered.reads++
        const seen = JSON.parse(page.body.toString()).data.length
        if (seen > 0 !== member) wrong.push(`${user} sees ${seen}, is ${member ? '' : 'no '}member, ${page.cache.kind}`)
      }
    }
  }

  /** Until the user is surely in no group. */
  async function settle(user: UserId): Promise<void> {
    const group = { group: { name: 'dept/red' }, userId: user }
    while (running) {
      const gone = await fleet[0]!.portcullis.mutations.removeUserFromGroup(group, asRoot).then(
        () => true,
        (error: DomainError) => error.code === 'not-found' || refused(error),
      )
      if (gone) return
    }
  }

  const users = Array.from({ length: 8 }, (_, number) => userOf(number))
  return {
    refusals,
    answered,
    wrong,
    async stop() {
      running = false
      await Promise.all(users)
    },
  }
}

describe('a promotion under load', () => {
  it.each([
    ['killed', (primary: ReplicatedPostgres['primary']) => primary.kill()],
    ['stopped', (primary: ReplicatedPostgres['primary']) => primary.stop()],
  ])(
    'of the standby after the primary was %s answers nothing wrong, and ends the refusals',
    async (_how, end) => {
      await start(2, servers.urlOf(servers.primary, servers.standby))
      await fleet[0]!.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
      for (let user = 0; user < 8; user++)
        await fleet[0]!.portcullis.mutations.putUser({ id: `user-${user}` as UserId }, asRoot)
      const load = startLoad()
      await expect.poll(() => load.answered.writes, { timeout: 10_000 }).toBeGreaterThan(50)
      const { consistencyToken } = await fleet[0]!.portcullis.mutations.putUser({ id: 'last' as UserId }, asRoot)

      await end(servers.primary)
      await delay(UNNOTICED_MS)
      await servers.promote()
      const promotedMs = performance.now()
      const before = { ...load.answered }
      await expect.poll(() => load.answered.writes, { timeout: 10_000 }).toBeGreaterThan(before.writes + 50)
      await load.stop()

      expect(load.wrong).toEqual([])
      expect([...load.refusals.keys()].sort()).toEqual(expect.arrayContaining(['database-unavailable']))
      for (const code of load.refusals.keys()) expect(ALLOWED).toContain(code)
      expect(load.answered.lastRefusalMs - promotedMs).toBeLessThan(FOUND_WITHIN_MS)
      // Another history: no token and no entry from before is good any more.
      const read = fleet[1]!.portcullis.reads.visibleResources(
        'last' as UserId,
        { limit: 5 },
        { after: consistencyToken },
      )
      await expect(read).rejects.toMatchObject({ code: 'token-other-history' })
      const { consistencyToken: later } = await fleet[0]!.portcullis.mutations.putUser({ id: 'next' as UserId }, asRoot)
      expect(decodeConsistencyToken(later).database).not.toBe(decodeConsistencyToken(consistencyToken).database)
    },
    60_000,
  )
})

/** Of a moment in which there is no primary: each is a 503 or, for a token from before it, says what to do. */
const ALLOWED = ['database-unavailable', 'database-read-only', 'database-failing', 'overloaded', 'token-other-history']

/** A statement is given up after the limit of the service and a quarter of a second, then the primary is looked for. */
const FROZEN_UNTIL_MS = 2250 + FOUND_WITHIN_MS
/** Connections of an instance there. */
const POOL_MAX = 40

describe('a primary that stands still', () => {
  it('answers on no connection that was idle all the while', async () => {
    const url = servers.urlOf(servers.primary, servers.standby)
    const options = { url, primary: primaryOf({ url }), poolMax: 2, queueMax: 9, statementTimeoutMs: 500 }
    const [idle, busy] = [createDatabase(options), createDatabase(options)]
    const where = { name: 'where', text: 'SELECT inet_server_port() AS port' }
    const [before] = await Promise.all([idle.query(where, []), busy.query(where, [])])
    expect(before).toEqual([{ port: servers.primary.port }])
    servers.primary.freeze()
    await servers.promote()
    const moved = [{ port: servers.standby.port }]
    await expect.poll(() => busy.query(where, []).catch(() => []), { timeout: 10_000 }).toEqual(moved)
    servers.primary.goOn()
    expect(await idle.query(where, [])).toEqual(moved)
    await Promise.all([idle.close(), busy.close()])
  }, 30_000)

  it('is left for the standby that was promoted meanwhile, on many connections at once, and not believed when it goes on', async () => {
    await start(2, servers.urlOf(servers.primary, servers.standby), { DATABASE_POOL_MAX: String(POOL_MAX) })
    await fleet[0]!.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
    for (let user = 0; user < 8; user++)
      await fleet[0]!.portcullis.mutations.putUser({ id: `user-${user}` as UserId }, asRoot)
    const load = startLoad()
    await expect.poll(() => load.answered.writes, { timeout: 10_000 }).toBeGreaterThan(50)
    // Far more connections than the load uses at a time: each would cost it a statement's limit if it had to find out.
    await Promise.all(
      fleet.flatMap((service) =>
        Array.from({ length: 2 * POOL_MAX }, () => service.portcullis.reads.user('ann' as UserId)),
      ),
    )
    const [opened] = await ask<{ count: number }>(
      servers.primary.databaseUrl,
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'portcullis'`,
    )
    expect(opened?.count).toBeGreaterThan(2 * POOL_MAX - 10)

    servers.primary.freeze()
    await delay(UNNOTICED_MS)
    await servers.promote()
    const promotedMs = performance.now()
    const before = { ...load.answered }
    await expect.poll(() => load.answered.writes, { timeout: 20_000 }).toBeGreaterThan(before.writes + 50)
    const lastRefusalMs = load.answered.lastRefusalMs - promotedMs
    expect(lastRefusalMs).toBeLessThan(FROZEN_UNTIL_MS)

    servers.primary.goOn()
    const committed = () =>
      ask<{ count: number }>(servers.primary.databaseUrl, 'SELECT count(*)::int AS count FROM audit_log')
    const connected = () =>
      ask(
        servers.primary.databaseUrl,
        `SELECT FROM pg_stat_activity WHERE application_name = 'portcullis' AND wait_event IS DISTINCT FROM 'SyncRep'`,
      )
    // What had been sent to it may still be carried out there, and waits for its standby for ever; nothing more.
    await expect.poll(connected, { timeout: 10_000 }).toEqual([])
    const there = await committed()
    const later = load.answered.writes
    await expect.poll(() => load.answered.writes, { timeout: 10_000 }).toBeGreaterThan(later + 100)
    await load.stop()

    expect(load.wrong).toEqual([])
    for (const code of load.refusals.keys()) expect([...ALLOWED, 'database-slow']).toContain(code)
    expect(await committed()).toEqual(there)
  }, 90_000)
})

describe('the servers of a URL', () => {
  it('may name the standby first, for the service and for migrations', async () => {
    const url = servers.urlOf(servers.standby, servers.primary)
    expect(await applyMigrations(url)).toEqual({ applied: [] })
    await start(1, url)
    await fleet[0]!.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
    expect(await fleet[0]!.truth('ann')).toHaveLength(1)
  })

  it('are asked again when the primary that comes back is of a former timeline: nothing is read there or written', async () => {
    const both = servers.urlOf(servers.primary, servers.standby)
    await start(1, both)
    await fleet[0]!.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
    await servers.primary.kill()
    await servers.promote()
    await expect.poll(truth).toBe('answered')
    await fleet[0]!.portcullis.mutations.removeUserFromGroup(ofAnn, asRoot)

    // It comes back as the primary that it was, and the promoted one is away for a moment.
    await servers.primary.start()
    await servers.standby.stop()
    for (let attempt = 0; attempt < 10; attempt++) expect(await truth()).toBe('database-unavailable')
    const { troubles } = (await fleet[0]!.health.verbose()).database as { troubles: { code: string }[] }
    expect(troubles.map(({ code }) => code)).toContain('57P03')
    await servers.standby.start()
    await expect.poll(truth, { timeout: 5000 }).toBe('answered')
    expect(await fleet[0]!.truth('ann')).toEqual([])

    // One that has seen neither takes the newer one.
    await start(1, both)
    expect(await fleet[1]!.truth('ann')).toEqual([])
  }, 60_000)

  it('are left where they are read-only and the URL asks for read-write', async () => {
    const url = `${servers.urlOf(servers.primary, servers.standby)}?target_session_attrs=read-write`
    await ask(servers.primary.databaseUrl, `ALTER ROLE portcullis SET default_transaction_read_only = on`)
    await expect(applyMigrations(url)).rejects.toThrow('the server is read-only')
  })
})

const ofAnn = { group: { name: 'dept' }, userId: 'ann' as UserId }

const truth = () =>
  fleet[0]!.truth('ann').then(
    () => 'answered',
    (error: DomainError) => error.code,
  )
