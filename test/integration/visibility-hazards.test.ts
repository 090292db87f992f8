/** The seventeen scenarios for visibility that other systems got wrong, by number: 8 to 16 (17 is a model of its own). */

import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Mutations } from '../../src/domain/api.ts'
import { meetEnemies } from '../drills/visibility/enemies.ts'
import { createTeam } from '../drills/visibility/instances.ts'
import { raceGrants } from '../drills/visibility/races.ts'
import { signToken, testKeys } from '../support/app.ts'
import { appOf } from '../support/app-of.ts'
import { observed } from '../support/observed.ts'
import { asRoot, named, retried, startVisibilityFleet, user, type VisibilityFleet } from './visibility-fleet.ts'

let fleet: VisibilityFleet
let mutations: Mutations
let database: pg.Client
beforeAll(async () => {
  fleet = await startVisibilityFleet()
  mutations = fleet.mutations
  database = new pg.Client({ connectionString: fleet.databaseUrl })
  await database.connect()
})
afterAll(async () => {
  await database?.end()
  await fleet?.close()
})

const logged = async () => Number((await database.query('SELECT count(*) FROM invalidation_log')).rows[0].count)
const page = (id: string, cursor?: string) =>
  fleet.instances[1].portcullis.reads.visibleResources(user(id), { limit: 50, ...(cursor && { cursor }) }, {})
const namesOf = (body: Buffer) =>
  (JSON.parse(body.toString()) as { data: { name: string }[] }).data.map(({ name }) => name)

const team = (group: string, members: readonly string[], resources: readonly string[]) =>
  createTeam(fleet.instances[0], { group, members, resources })

describe('visibility', () => {
  it('8: what is revoked between two pages is on no later page, and nothing else is skipped or doubled', async () => {
    const names = Array.from({ length: 120 }, (_, index) => `s8/${String(index).padStart(3, '0')}`)
    await team('s8', ['s8.ann'], names)
    await fleet.warm('s8.ann')
    const first = await page('s8.ann')
    for (const revoked of ['s8/010', 's8/060', 's8/110'])
      await mutations.removeGrant({ group: named('s8'), resource: named(revoked) }, asRoot)
    const second = await page('s8.ann', first.nextCursor ?? '')
    const third = await page('s8.ann', second.nextCursor ?? '')
    expect(third.nextCursor).toBeNull()
    const seen = [first, second, third].flatMap(({ body }) => namesOf(body))
    expect(seen).toEqual(names.filter((name) => name !== 's8/060' && name !== 's8/110'))
  })

  it('9: ids that look like patterns, keys or each other are different users', async () => {
    const ids = ['all', '*', '{all}', 'a:b', 'a', 'a}b', 'a{b', 'a/b', 'a b', 'A', 'ä', 'a\u0308', '%61', '😀', "it's"]
    for (const [index, id] of ids.entries()) await team(`s9/${index}`, [id], [`s9/only-${index}`])
    await fleet.warm(...ids)
    for (const [index, id] of ids.entries()) await fleet.expectSeen(id, [`s9/only-${index}=read`])
    await mutations.removeUserFromGroup({ group: named('s9/1'), userId: user('*') }, asRoot)
    await fleet.expectSeen('*', [])
    for (const [index, id] of ids.entries()) if (id !== '*') await fleet.expectSeen(id, [`s9/only-${index}=read`])
  })

  it('10: a client that leaves in mid-load leaves a whole entry or none', async () => {
    await team('s10', ['s10.ann'], ['s10/a', 's10/b'])
    const keys = await testKeys()
    const server = await serve(keys)
    const token = await signToken(keys, 's10.ann')
    // Nobody can read memberships until the lock is released, so the load is under way when the client leaves.
    await database.query('BEGIN; LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.write(`GET /resources HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    const waiting = `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'memberships'::regclass`
    await expect.poll(async () => (await database.query(waiting)).rowCount).toBeGreaterThan(0)
    client.destroy()
    await database.query('COMMIT')
    await fleet.expectSeen('s10.ann', ['s10/a=read', 's10/b=read'])
    await new Promise((resolve) => server.close(resolve))
  })

  it('11: of a thousand with one invalid nothing is written and nothing invalidated', async () => {
    await team('s11', ['s11.ann'], ['s11/a'])
    await fleet.warm('s11.ann')
    const before = await logged()
    const resources = Array.from({ length: 1000 }, (_, index) => ({ name: `s11/new-${index}`, kind: 'document' }))
    const grants = [...resources.map(({ name }) => name), 's11/missing'].map((resource) => ({
      group: 's11',
      resource,
      permission: 'read' as const,
    }))
    await expect(
      mutations.importOrganisation({ users: [], groups: [], memberships: [], resources, grants }, asRoot),
    ).rejects.toMatchObject({ code: 'invalid-input' })
    expect(await logged()).toBe(before)
    expect((await page('s11.ann')).cache.kind).toBe('hit')
    await fleet.expectSeen('s11.ann', ['s11/a=read'])
  })

  it('12: a stale version changes and invalidates nothing; a retry with the same key has one effect', async () => {
    await team('s12', ['s12.ann'], ['s12/a'])
    const { value } = await mutations.updateResource(
      { resource: named('s12/a'), changes: { description: 'one' } },
      asRoot,
    )
    await fleet.warm('s12.ann')
    const before = await logged()
    await expect(
      mutations.updateResource(
        { resource: named('s12/a'), changes: { description: 'two' }, ifVersion: value.version - 1 },
        asRoot,
      ),
    ).rejects.toMatchObject({ code: 'version-mismatch' })
    expect(await logged()).toBe(before)
    expect((await page('s12.ann')).cache.kind).toBe('hit')

    const create = () => mutations.createResource({ name: 's12/new', kind: 'document' }, retried('s12-key'))
    const [once, again] = [await create(), await create()]
    expect(again.value.id).toBe(once.value.id)
    expect(await logged()).toBe(before + 1)
  })

  it("13: another user's validator or cursor never fits, though both see the same", async () => {
    await team(
      's13',
      ['s13.ann', 's13.ben'],
      Array.from({ length: 51 }, (_, index) => `s13/${index}`),
    )
    const [ann, ben] = [await page('s13.ann'), await page('s13.ben')]
    expect(namesOf(ann.body)).toEqual(namesOf(ben.body))
    expect(ann.etag).not.toBe(ben.etag)
    await expect(page('s13.ann', ben.nextCursor ?? '')).rejects.toMatchObject({ code: 'invalid-input' })
  })

  it('14: the creator of a resource sees it at once, on both instances', async () => {
    await team('s14', ['s14.ann'], [])
    await fleet.warm('s14.ann')
    const grants = [{ group: named('s14'), permission: 'admin' as const }]
    await mutations.createResource({ name: 's14/new', kind: 'document', grants }, { actor: user('s14.ann') })
    await fleet.expectSeen('s14.ann', ['s14/new=admin'])
  })

  it('15: grant and revocation of one pair at once, hundreds of times: the answer is the committed state', async () => {
    const { interleavings, granted, wrong } = await raceGrants(fleet.instances, { name: 's15', pairs: 25, rounds: 10 })
    expect(wrong).toEqual([])
    // Both orders happened.
    expect(granted).toBeGreaterThan(0)
    expect(granted).toBeLessThan(interleavings)
  })

  it('16: revoke, then add something secret: nobody who was revoked sees it (the New Enemy)', async () => {
    const { watched, wrong } = await meetEnemies(fleet.instances, { name: 's16', rounds: 40, lanes: 2, seed: 16 })
    expect(wrong).toEqual([])
    expect(watched).toBeGreaterThan(40)
  })
})

async function serve(keys: Awaited<ReturnType<typeof testKeys>>): Promise<Server> {
  const app = observed(appOf(fleet.instances[0], keys))
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
