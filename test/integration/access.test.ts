/** Decisions on two instances whose logs are read only when a request asks for it: nothing but that read can save them. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Mutated, Mutations } from '../../src/domain/api.ts'
import type { UserId } from '../../src/domain/model.ts'
import { type AuthzenAnswer, type AuthzenClient, action, authzenClient, record, user } from '../support/authzen.ts'
import { asRoot, entriesInRedis, newPrefix, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const SLOW_LOG = { LOG_NOTIFY: 'off', LOG_POLL_MS: '4000' }
const READ = action('read')
const named = (name: string) => ({ name })

let databaseUrl: string
let instances: Service[]
let clients: AuthzenClient[]
let mutations: Mutations
const prefix = newPrefix()

async function startInstance(environment: Readonly<Record<string, string>> = {}): Promise<AuthzenClient> {
  const service = await startService({ databaseUrl, prefix, environment: { ...PATIENT, ...SLOW_LOG, ...environment } })
  const client = await authzenClient(service)
  instances.push(service)
  clients.push(client)
  return client
}

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  instances = []
  clients = []
  await startInstance()
  await startInstance()
  mutations = instanceAt(0).portcullis.mutations
})
afterAll(async () => {
  for (const client of clients) await client.close()
  for (const instance of instances) await instance.close()
  await dropDatabase(databaseUrl)
})

function instanceAt(at: number): Service {
  const instance = instances[at]
  if (!instance) throw new Error('not started')
  return instance
}

/** Of its own names, so that no test knows of another: `ann` is in `below`, whose parent `above` holds the record. */
async function organisation(name: string): Promise<void> {
  await mutations.importOrganisation(
    {
      users: [{ id: `${name}.ann` }, { id: `${name}.ben` }],
      groups: [{ name }, { name: `${name}/below`, parent: name }, { name: `${name}/elsewhere` }],
      memberships: [{ group: `${name}/below`, user: `${name}.ann`, role: 'member' }],
      resources: [{ name, kind: 'record' }],
      grants: [{ group: name, resource: name, permission: 'write' }],
    },
    asRoot,
  )
  await catalogueIsWhole()
}

/** An import is too much to be followed resource by resource: the catalogue is loaded again. */
async function catalogueIsWhole(): Promise<void> {
  for (const at of [0, 1])
    await vi.waitFor(
      async () => expect((await decide(at, asked('nothing'))).headers['cache-status']).not.toContain('bypass'),
      { timeout: 10_000 },
    )
}

const asked = (name: string, permission = 'write') => ({
  subject: user(`${name}.ann`),
  action: action(permission),
  resource: record(name),
})
const decisionOf = ({ body }: AuthzenAnswer) => body.decision

async function decide(at: number, question: unknown, headers?: Record<string, string>): Promise<AuthzenAnswer> {
  const answer = await clients[at]?.post('evaluation', question, headers)
  if (answer?.status !== 200) throw new Error(`no decision: ${answer?.text}`)
  return answer
}

describe('an evaluation', () => {
  it('costs the groups and builds no list', async () => {
    await organisation('cost')
    expect((await decide(0, asked('cost'))).headers['cache-status']).toBe('portcullis; fwd=miss; stored')
    for (const at of [0, 1]) {
      const again = await decide(at, asked('cost'))
      expect(again.headers['cache-status']).toMatch(/^portcullis; hit; ttl=(900|8\d\d)$/)
      expect(decisionOf(again)).toBe(true)
    }
    const entries = (await entriesInRedis(prefix)).filter((entry) => entry.includes('cost.ann'))
    expect(entries).toEqual(['user:groups:{cost.ann}'])
  })

  it('of somebody who is asked about again and again has a list made, beside the answers', async () => {
    await organisation('often')
    for (let turn = 0; turn < 20; turn++) expect(decisionOf(await decide(0, asked('often')))).toBe(true)
    await vi.waitFor(async () => expect(await entriesInRedis(prefix)).toContain('resources:{often.ann}'))
    const { consistencyToken } = await mutations.removeGrant(
      { group: named('often'), resource: named('often') },
      asRoot,
    )
    for (const headers of [{}, { 'consistency-token': consistencyToken }])
      expect(decisionOf(await decide(0, asked('often'), headers))).toBe(false)
  })

  it('says no to what is hidden and to what does not exist, without a difference', async () => {
    await organisation('hidden')
    for (const headers of [{}, { 'cache-control': 'no-cache' }])
      for (const question of [
        { ...asked('hidden'), subject: user('hidden.ben') },
        { ...asked('hidden'), subject: user('nobody') },
        { ...asked('hidden'), subject: user('x'.repeat(5000)) },
        { ...asked('hidden'), subject: user('') },
        { ...asked('hidden'), subject: { type: 'User', id: 'hidden.ann' } },
        { ...asked('hidden'), resource: record('none') },
        { ...asked('hidden'), resource: { type: 'Record', id: 'hidden' } },
        { ...asked('hidden'), resource: record('x'.repeat(5000)) },
        asked('hidden', 'maintain'),
        asked('hidden', 'Read'),
      ])
        expect((await decide(0, question, headers)).body, JSON.stringify(question).slice(0, 200)).toEqual({
          decision: false,
        })
  })

  it('says where the answer comes from when the caller wants the database', async () => {
    await organisation('direct')
    const answer = await decide(0, asked('direct'), { 'cache-control': 'no-cache' })
    expect(answer.body).toEqual({ decision: true })
    expect(answer.headers['cache-status']).toBe('portcullis; fwd=bypass; detail=request')
  })

  it('covers the mutation whose token it presents, and refuses a token that is none', async () => {
    await organisation('token')
    await decide(1, asked('token'))
    const { consistencyToken } = await mutations.removeGrant(
      { group: named('token'), resource: named('token') },
      asRoot,
    )
    const answer = await decide(1, asked('token'), { 'consistency-token': consistencyToken })
    expect(decisionOf(answer)).toBe(false)
    for (const path of ['evaluation', 'search/subject', 'search/resource', 'search/action'])
      expect((await clients[1]?.post(path, asked('token'), { 'consistency-token': 'nonsense' }))?.status, path).toBe(
        400,
      )
  })

  it.each(['groups', 'list'])(
    'is answered from the %s in the memory of the process while Redis is away',
    async (held) => {
      const name = `away.${held}`
      await organisation(name)
      const at = clients.length
      await startInstance({ REDIS_SENTINELS: '127.0.0.1:1' })
      if (held === 'list') await instanceAt(at).visible(`${name}.ann`)
      expect(decisionOf(await decide(at, asked(name)))).toBe(true)
      const answer = await decide(at, asked(name))
      expect([decisionOf(answer), answer.headers['cache-status']]).toEqual([true, 'portcullis; hit; detail=memory'])
      await mutations.removeGrant({ group: named(name), resource: named(name) }, asRoot)
      expect(decisionOf(await decide(at, asked(name)))).toBe(false)
    },
  )
})

async function search(at: number, kind: string, question: unknown): Promise<AuthzenAnswer> {
  const answer = await clients[at]?.post(`search/${kind}`, question)
  if (answer?.status !== 200) throw new Error(`nothing was searched: ${answer?.text}`)
  return answer
}

/** What takes the permission away, each by the name of its test's organisation. */
const REVOCATIONS: readonly (readonly [string, (name: string) => Promise<Mutated<unknown>>])[] = [
  [
    'member',
    (name) => mutations.removeUserFromGroup({ group: named(`${name}/below`), userId: `${name}.ann` as UserId }, asRoot),
  ],
  ['grant', (name) => mutations.removeGrant({ group: named(name), resource: named(name) }, asRoot)],
  ['lowered', (name) => mutations.putGrant({ group: named(name), resource: named(name), permission: 'read' }, asRoot)],
  [
    'moved',
    (name) =>
      mutations.updateGroup({ group: named(`${name}/below`), changes: { parent: named(`${name}/elsewhere`) } }, asRoot),
  ],
  ['disabled', (name) => mutations.putUser({ id: `${name}.ann` as UserId, disabled: true }, asRoot)],
  ['deleted', (name) => mutations.deleteResource({ resource: named(name) }, asRoot)],
  ['renamed', (name) => mutations.updateResource({ resource: named(name), changes: { name: `${name}.new` } }, asRoot)],
  ['kind', (name) => mutations.updateResource({ resource: named(name), changes: { kind: 'page' } }, asRoot)],
]

describe.each([
  ['whose groups are cached', async () => {}],
  [
    'whose list is cached',
    async (name: string) => {
      for (const instance of instances) await instance.visible(`${name}.ann`)
    },
  ],
])('of a user %s, no instance', (how, warm) => {
  it.each(REVOCATIONS)('decides by what was before: %s', async (what, revoke) => {
    const name = `${what}.${how.includes('list') ? 'list' : 'groups'}`
    await organisation(name)
    await warm(name)
    for (const at of [0, 1]) {
      expect(decisionOf(await decide(at, asked(name)))).toBe(true)
      const warmed = await decide(at, asked(name))
      expect(warmed.headers['cache-status']).toContain('hit')
    }
    await revoke(name)
    for (const at of [1, 0]) {
      // Alone: loading anybody else's groups would bring the log with it.
      expect(decisionOf(await decide(at, asked(name))), `instance ${at}`).toBe(false)
      const answer = await clients[at]?.post('evaluations', {
        ...asked(name),
        evaluations: [{}, {}, { subject: user(`${name}.ben`) }],
      })
      expect(answer?.body.evaluations, `instance ${at}`).toEqual(Array(3).fill({ decision: false }))
      expect(decisionOf(await decide(at, asked(name), { 'cache-control': 'no-cache' }))).toBe(false)
    }
  })
})

describe('who may ask', () => {
  beforeAll(() => organisation('who'))

  it('is everybody about themselves, and readers and admins about anybody', async () => {
    const ann = await clients[0]?.as('who.ann')
    const own = { ...asked('who'), evaluations: [{}, { action: READ }] }
    expect((await ann?.post('evaluations', own))?.body.evaluations).toEqual([{ decision: true }, { decision: true }])
    expect((await ann?.post('evaluations', { ...own, evaluations: [{}, { subject: user('who.ben') }] }))?.status).toBe(
      403,
    )
    expect((await ann?.post('evaluation', { ...asked('who'), subject: { type: 'bot', id: 'who.ann' } }))?.status).toBe(
      403,
    )
    expect((await ann?.post('search/subject', asked('who')))?.status).toBe(403)
    const root = await clients[0]?.as('root', ['admin'])
    expect((await root?.post('search/subject', asked('who')))?.body.results).toEqual([user('who.ann')])
  })

  it('is no longer a reader who was disabled, on any instance, from the next question on', async () => {
    await mutations.putUser({ id: 'who.gateway' as UserId }, asRoot)
    const gateways = await Promise.all([0, 1].map((at) => clients[at]?.as('who.gateway', ['reader'])))
    for (const gateway of gateways)
      for (let turn = 0; turn < 3; turn++) expect((await gateway?.post('evaluation', asked('who')))?.status).toBe(200)
    await mutations.putUser({ id: 'who.gateway' as UserId, disabled: true }, asRoot)
    for (const gateway of gateways.toReversed()) {
      expect((await gateway?.post('evaluation', asked('who')))?.status).toBe(403)
      expect((await gateway?.post('search/subject', asked('who')))?.status).toBe(403)
    }
    await mutations.putUser({ id: 'who.gateway' as UserId, disabled: false }, asRoot)
    for (const gateway of gateways) expect((await gateway?.post('evaluation', asked('who')))?.status).toBe(200)
  })
})

describe('searches', () => {
  const people = Array.from({ length: 450 }, (_, n) => `many.${String(n).padStart(3, '0')}`)
  const records = Array.from({ length: 450 }, (_, n) => `many/${String(n).padStart(3, '0')}`)
  beforeAll(async () => {
    await mutations.importOrganisation(
      {
        users: people.map((id) => ({ id })),
        groups: [{ name: 'many' }, { name: 'many/below', parent: 'many' }],
        memberships: people.map((id, at) => ({
          group: at % 2 ? 'many' : 'many/below',
          user: id,
          role: 'member' as const,
        })),
        resources: records.map((name, at) => ({ name, kind: at % 2 ? 'record' : 'page' })),
        grants: records.map((resource, at) => ({ group: 'many', resource, permission: at % 3 ? 'read' : 'admin' })),
      },
      asRoot,
    )
    await catalogueIsWhole()
  })

  async function all(kind: string, question: object, limit?: number): Promise<{ ids: string[]; pages: number }> {
    const ids: string[] = []
    for (let pages = 1, token: string | undefined; ; pages++) {
      const page = { ...(limit !== undefined && { limit }), ...(token !== undefined && { token }) }
      const { body } = await search(pages % 2, kind, { ...question, page })
      ids.push(...(body.results as { id: string; name: string }[]).map(({ id, name }) => id ?? name))
      token = (body.page as { next_token: string }).next_token
      if (token === '') return { ids, pages }
    }
  }

  it('for subjects name everybody, on as many pages as it takes', async () => {
    const question = { subject: { type: 'user' }, action: READ, resource: record('many/001') }
    expect(await all('subject', question)).toEqual({ ids: people, pages: 3 })
    expect(await all('subject', question, 100)).toEqual({ ids: people, pages: 5 })
    expect((await all('subject', question, 5000)).pages).toBe(3)
    expect((await all('subject', { ...question, action: action('delete') })).ids).toEqual([])
  })

  it('for resources name what the list shows, by kind and least permission', async () => {
    const question = { subject: user('many.007'), action: READ, resource: { type: 'record' } }
    const expected = (await instanceAt(0).truth('many.007', { kind: 'record' })).map(({ name }) => name)
    expect(expected).toHaveLength(225)
    expect(await all('resource', question)).toEqual({ ids: expected, pages: 2 })
    expect(await all('resource', question, 10)).toEqual({ ids: expected, pages: 23 })
    const admin = await instanceAt(0).truth('many.007', { kind: 'record', permission: 'admin' })
    const deletable = await all('resource', { ...question, action: action('delete') }, 7)
    expect(deletable.ids).toEqual(admin.map(({ name }) => name))
  })

  it('for actions come page by page, too', async () => {
    const question = { subject: user('many.007'), resource: { type: 'page', id: 'many/000' } }
    const names = ['read', 'triage', 'write', 'maintain', 'admin', 'view', 'edit', 'delete']
    expect(await all('action', question)).toEqual({ ids: names, pages: 1 })
    expect(await all('action', question, 3)).toEqual({ ids: names, pages: 3 })
  })

  it('begin again where they were when nothing at all was asked for', async () => {
    const question = { subject: user('many.007'), resource: { type: 'page', id: 'many/000' }, page: { limit: 0 } }
    const { body } = await search(0, 'action', question)
    expect(body.results).toEqual([])
    expect((body.page as { next_token: string }).next_token).not.toBe('')
  })
})
