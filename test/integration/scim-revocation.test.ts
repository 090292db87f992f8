/** What a directory takes away is gone from every list of every instance, whichever way it is read. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type AuthzenClient, action, authzenClient, record, user } from '../support/authzen.ts'
import { type ScimAnswer, type ScimClient, scimClient } from '../support/scim.ts'
import {
  asRoot,
  entriesInRedis,
  newPrefix,
  outcomeOf,
  PATIENT,
  type Service,
  startService,
} from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

/** Only the delete in Redis, and a read of the log that a request asks for, can be in time. */
const SLOW_LOG = { LOG_NOTIFY: 'off', LOG_POLL_MS: '4000' }

let databaseUrl: string
let writer: Service
/** One beside the same Redis, and one that has none. */
let readers: { redis: Service; memory: Service }
let scim: ScimClient
let gateways: AuthzenClient[]

const prefix = newPrefix()

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  const start = (environment: Readonly<Record<string, string>>) =>
    startService({ databaseUrl, prefix, environment: { ...PATIENT, ...SLOW_LOG, ...environment } })
  writer = await start({})
  readers = {
    redis: await start({}),
    memory: await start({ REDIS_SENTINELS: '', REDIS_URL: 'redis://127.0.0.1:1', REDIS_BUDGET_MS: '100' }),
  }
  scim = await scimClient(writer)
  gateways = await Promise.all([writer, readers.redis, readers.memory].map((each) => authzenClient(each)))
})
afterAll(async () => {
  for (const each of [scim, ...(gateways ?? []), writer, readers?.redis, readers?.memory]) await each?.close()
  await dropDatabase(databaseUrl)
})

let counter = 0
let name = ''
let ann = ''
let team = ''

/** A person of a team that may see one record, in the caches of all instances. */
beforeEach(async () => {
  name = `r${++counter}`
  ann = (await scim.createUser({ userName: `${name}.ann` })).body.id
  team = (await scim.createGroup(name, [ann])).body.id
  const { mutations } = writer.portcullis
  await mutations.createResource({ name, kind: 'record', grants: [{ group: { name }, permission: 'write' }] }, asRoot)
  for (const service of [writer, readers.redis, readers.memory])
    await vi.waitFor(async () => {
      expect(await seenBy(service)).toEqual([name])
      expect(await outcomeOf(service, ann)).toMatch(service === readers.memory ? /^hit memory/ : /^hit$/)
    })
})

const seenBy = async (service: Service) => (await service.visible(ann)).map((each) => each.name)

async function decisions(): Promise<unknown[]> {
  const question = { subject: user(ann), action: action('read'), resource: record(name) }
  return Promise.all(gateways.map(async (gateway) => (await gateway.post('evaluation', question)).body.decision))
}

async function holders(): Promise<unknown> {
  const search = { subject: { type: 'user' }, action: action('read'), resource: record(name) }
  return (await gateways[1]?.post('search/subject', search))?.body.results
}

/** Of lists from the cache, from memory and by SQL, of decisions and of the search. */
async function everySight(): Promise<unknown> {
  const lists = await Promise.all([writer, readers.redis, readers.memory].map(seenBy))
  const truth = (await readers.redis.truth(ann)).map((each) => each.name)
  const groups = await readers.redis.portcullis.reads.effectiveGroups(ann as never, {})
  return { lists, truth, groups: groups.groups.length, decisions: await decisions(), holders: await holders() }
}

const ALL = () => ({
  lists: [[name], [name], [name]],
  truth: [name],
  groups: 1,
  decisions: [true, true, true],
  holders: [user(ann)],
})
const NOTHING = { lists: [[], [], []], truth: [], groups: 0, decisions: [false, false, false], holders: [] }

const done = ({ status }: ScimAnswer) => expect([200, 204]).toContain(status)

describe('a person', () => {
  it('who is set inactive sees nothing at once, and all of it when active again', async () => {
    expect(await everySight()).toEqual(ALL())
    done(await scim.patch(`/Users/${ann}`, [{ op: 'Replace', path: 'active', value: 'False' }]))
    expect(await everySight()).toEqual(NOTHING)
    // The directory still knows where they belong.
    expect((await scim.get(`/Groups/${team}`)).body.members).toHaveLength(1)
    done(await scim.patch(`/Users/${ann}`, [{ op: 'replace', value: { active: true } }]))
    expect(await everySight()).toEqual(ALL())
  })

  it('who is set inactive loses the roles of their tokens', async () => {
    const send = await scim.as(ann, ['admin'])
    expect((await send('GET', '/users')).status).toBe(200)
    done(await scim.patch(`/Users/${ann}`, [{ op: 'replace', path: 'active', value: false }]))
    expect((await send('GET', '/users')).status).toBe(403)
    const provisioner = await scim.as(ann, ['scim'])
    expect((await provisioner('GET', '/scim/v2/Users')).status).toBe(403)
  })

  it.each([
    [
      'is taken out by a path',
      () => scim.patch(`/Groups/${team}`, [{ op: 'remove', path: `members[value eq "${ann}"]` }]),
    ],
    [
      'is taken out by a value',
      () => scim.patch(`/Groups/${team}`, [{ op: 'Remove', path: 'members', value: [{ value: ann }] }]),
    ],
    ['is taken out with all', () => scim.patch(`/Groups/${team}`, [{ op: 'remove', path: 'members' }])],
    ['is in the group no more', () => scim.patch(`/Groups/${team}`, [{ op: 'replace', path: 'members', value: [] }])],
    [
      'is not in what replaces it',
      () =>
        scim.send('PUT', `/Groups/${team}`, {
          schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
          displayName: name,
        }),
    ],
    ['has lost the group', () => scim.send('DELETE', `/Groups/${team}`)],
    ['is deleted', () => scim.send('DELETE', `/Users/${ann}`)],
  ])('who %s sees nothing at once', async (_how, revoke) => {
    done(await revoke())
    expect(await everySight()).toEqual(NOTHING)
  })

  it('who is deleted and created again sees nothing', async () => {
    done(await scim.send('DELETE', `/Users/${ann}`))
    expect((await scim.createUser({ userName: `${name}.ann` })).body.id).toBe(ann)
    expect(await everySight()).toEqual(NOTHING)
  })

  it('whose group gets another name sees what they saw', async () => {
    done(await scim.patch(`/Groups/${team}`, [{ op: 'replace', path: 'displayName', value: `${name}/renamed` }]))
    expect(await everySight()).toEqual(ALL())
    const { groups } = await readers.redis.portcullis.reads.effectiveGroups(ann as never, {})
    expect(groups[0]?.name).toBe(`${name}/renamed`)
  })

  it('of whom only the name or the address changes keeps the cached entries', async () => {
    const before = (await entriesInRedis(prefix)).filter((entry) => entry.includes(ann))
    expect(before).toContain(`resources:{${ann}}`)
    const change = { op: 'replace', value: { displayName: 'Ann', userName: `${name}.anna`, externalId: 'x' } }
    done(await scim.patch(`/Users/${ann}`, [change]))
    expect((await entriesInRedis(prefix)).filter((entry) => entry.includes(ann))).toEqual(before)
  })
})
