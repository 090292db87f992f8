/** Directories that change very much at once, and two of them at the same time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ScimClient, scimClient } from '../support/scim.ts'
import { asRoot, entriesInRedis, newPrefix, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, query } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let scim: ScimClient
let other: ScimClient

const prefix = newPrefix()

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  // The outcome is tested, not the time that a busy machine takes.
  const environment = { ...PATIENT, DATABASE_STATEMENT_TIMEOUT_MS: '20000', SCIM_USER_ID: 'externalId' }
  service = await startService({ databaseUrl, prefix, environment })
  scim = await scimClient(service, { requestBudgetMs: 60_000 })
  other = await scimClient(service)
})
afterAll(async () => {
  for (const each of [scim, other, service]) await each?.close()
  await dropDatabase(databaseUrl)
})

describe('a group of fifty thousand', () => {
  const member = (at: number) => `crowd-${at}`
  const values = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => ({ value: member(from + at) }))
  let crowd: string

  beforeAll(async () => {
    crowd = (await scim.createGroup('crowd')).body.id
    await query(databaseUrl, `INSERT INTO users (id) SELECT 'crowd-' || n FROM generate_series(0, 49999) n`)
    await query(
      databaseUrl,
      `INSERT INTO memberships (user_id, group_id) SELECT id, '${crowd}' FROM users WHERE id LIKE 'crowd-%'`,
    )
    const grants = [{ group: { name: 'crowd' }, permission: 'read' as const }]
    await service.portcullis.mutations.createResource({ name: 'plan', kind: 'record', grants }, asRoot)
  })

  const members = async () => {
    const [row] = await query<{ count: number }>(
      databaseUrl,
      `SELECT count(*)::int AS count FROM memberships WHERE group_id = '${crowd}'`,
    )
    return row?.count
  }
  const sees = async (at: number) => (await service.visible(member(at))).length

  it('has all its members replaced by one call, and those who are left out see nothing', async () => {
    expect([await sees(0), await sees(49_999)]).toEqual([1, 1])
    const replace = [{ op: 'replace', path: 'members', value: values(0, 10_000) }]
    expect((await scim.patch(`/Groups/${crowd}`, replace)).status).toBe(204)
    expect([await sees(0), await sees(49_999), await members()]).toEqual([1, 0, 10_000])
    // Again: nobody joins or leaves.
    expect((await scim.patch(`/Groups/${crowd}`, replace)).status).toBe(204)
  })

  it('is filled and emptied by ten thousand at once, and no more', async () => {
    const add = (from: number, to: number) => [{ op: 'add', path: 'members', value: values(from, to) }]
    expect((await scim.patch(`/Groups/${crowd}`, add(10_000, 20_000))).status).toBe(204)
    const tooMany = await scim.patch(`/Groups/${crowd}`, add(20_000, 30_001))
    expect([tooMany.status, tooMany.body.scimType]).toEqual([400, 'invalidValue'])
    expect(tooMany.body.detail).toContain('at most 10000 values')
    expect(await members()).toBe(20_000)
    expect((await scim.patch(`/Groups/${crowd}`, [{ op: 'remove', path: 'members' }])).status).toBe(204)
    expect([await sees(0), await members()]).toEqual([0, 0])
  })
})

describe('two directories at once', () => {
  const both = [() => scim, () => other]

  it('create each user and group once, and the second to come is told 409', async () => {
    const names = Array.from({ length: 30 }, (_, at) => `twice-${at}`)
    for (const create of [
      (client: ScimClient, name: string) => client.createUser({ userName: name, externalId: name }),
      (client: ScimClient, name: string) => client.createGroup(name),
    ]) {
      const answers = await Promise.all(names.flatMap((name) => both.map((client) => create(client(), name))))
      expect(answers.map(({ status }) => status).sort()).toEqual([
        ...Array(names.length).fill(201),
        ...Array(names.length).fill(409),
      ])
    }
  })

  it('change groups and delete their members without an error of the service', async () => {
    const people = Array.from({ length: 20 }, (_, at) => `coming-${at}`)
    for (const name of people) await scim.createUser({ userName: name, externalId: name })
    const teams = await Promise.all(['one', 'two', 'three'].map(async (name) => (await scim.createGroup(name)).body.id))
    const add = (team: string, some: readonly string[]) =>
      scim.patch(`/Groups/${team}`, [{ op: 'add', path: 'members', value: some.map((value) => ({ value })) }])
    const answers = await Promise.all([
      ...teams.map((team) => add(team, people)),
      ...teams.toReversed().map((team) => add(team, people.toReversed())),
      ...people.slice(0, 5).map((id) => other.send('DELETE', `/Users/${id}`)),
      ...teams.map((team) =>
        other.patch(`/Groups/${team}`, [{ op: 'replace', path: 'displayName', value: `${team}!` }]),
      ),
    ])
    for (const { status } of answers) expect([204, 400]).toContain(status)
    // Locks are taken in one order: nothing had to be tried again.
    const [{ deadlocks } = {}] = await query<{ deadlocks: number }>(
      databaseUrl,
      'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
    )
    expect(deadlocks).toBe(0)
    for (const team of teams) await add(team, people.slice(5))
    for (const team of teams)
      expect((await scim.get(`/Groups/${team}`)).body.members?.map(({ value }) => value).sort()).toEqual(
        people.slice(5).sort(),
      )
  })
})

describe('a directory that renames everybody', () => {
  const people = Array.from({ length: 50 }, (_, at) => `id-${at}`)
  let team: string
  beforeAll(async () => {
    for (const [at, id] of people.entries())
      await scim.createUser({ externalId: id, userName: `person-${at}@old.example` })
    team = (await scim.createGroup('before', people)).body.id
    const grants = [{ group: { name: 'before' }, permission: 'read' as const }]
    await service.portcullis.mutations.createResource({ name: 'kept', kind: 'record', grants }, asRoot)
    for (const id of people) expect(await service.visible(id)).toHaveLength(1)
  })

  const entries = async () => (await entriesInRedis(prefix)).filter((entry) => entry.includes('{id-')).sort()

  it('takes nothing from anybody, nor anything out of the cache', async () => {
    const before = await entries()
    expect(before.length).toBeGreaterThanOrEqual(people.length)
    // Each gets the name that another had: in the order in which the names become free.
    for (const [at, id] of people.entries()) {
      const value = at === 0 ? 'person-new@old.example' : `person-${at - 1}@old.example`
      expect((await scim.patch(`/Users/${id}`, [{ op: 'replace', path: 'userName', value }])).status).toBe(200)
    }
    expect(await entries()).toEqual(before)
    const found = await scim.find('Users', 'userName eq "person-3@old.example"')
    expect(found.body.Resources.map(({ id }) => id)).toEqual(['id-4'])
  })

  it('is refused a name that another user still has, in either order', async () => {
    const swap = (id: string, userName: string) =>
      scim.patch(`/Users/${id}`, [{ op: 'replace', value: { userName } }]).then(({ status }) => status)
    const swapped = [swap('id-1', 'person-1@old.example'), swap('id-2', 'person-0@old.example')]
    expect(await Promise.all(swapped)).toEqual([409, 409])
  })

  it('keeps all that a group sees under its new name', async () => {
    await scim.patch(`/Groups/${team}`, [{ op: 'replace', path: 'displayName', value: 'after' }])
    for (const id of people) expect(await service.visible(id)).toMatchObject([{ name: 'kept' }])
  })
})
