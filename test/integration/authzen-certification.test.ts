/**
 * The certification scenario of the AuthZEN Authorization API 1.0, written down request by request: Basic Core, Batch
 * Core, Search Core and Discovery. The Properties sub-levels need decisions by values that the caller sends, and
 * decisions here come from groups and grants alone.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AuthzenClient, action, authzenClient, record, user } from '../support/authzen.ts'
import { asRoot, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let client: AuthzenClient

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: PATIENT })
  client = await authzenClient(service)
  await service.portcullis.mutations.importOrganisation(
    {
      users: [{ id: 'alice' }, { id: 'bob' }],
      groups: [{ name: 'writers' }, { name: 'readers' }],
      memberships: [
        { group: 'writers', user: 'alice', role: 'member' },
        { group: 'readers', user: 'bob', role: 'member' },
      ],
      resources: ['record-1', 'record-2'].map((name) => ({ name, kind: 'record' })),
      grants: [
        { group: 'writers', resource: 'record-1', permission: 'write' },
        { group: 'readers', resource: 'record-1', permission: 'read' },
        { group: 'readers', resource: 'record-2', permission: 'read' },
      ],
    },
    asRoot,
  )
})
afterAll(async () => {
  await client?.close()
  await service?.close()
  if (databaseUrl) await dropDatabase(databaseUrl)
})

const alice = user('alice')
const bob = user('bob')
const read = action('read')
const write = action('write')
const record1 = record('record-1')
const record2 = record('record-2')
const fixture = { subject: alice, action: read, resource: record1 }
const time = { time: '2025-06-27T18:03-07:00' }

async function expectAnswer(path: string, body: unknown, expected: unknown) {
  const answer = await client.post(path, body)
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
  expect(answer.body).toEqual(expected)
}
const statusOf = async (path: string, body: unknown, headers?: Record<string, string>) =>
  (await client.post(path, body, headers)).status

describe('Basic Core', () => {
  it.each([
    ['c-2-2-1 permits', fixture, true],
    ['c-2-2-2 denies', { subject: bob, action: write, resource: record1 }, false],
    ['rule 2', { subject: alice, action: write, resource: record1 }, true],
    ['rule 3', { subject: bob, action: read, resource: record1 }, true],
    ['c-2-2-3 takes a context', { ...fixture, context: { ...time, ip: '192.168.1.1' } }, true],
    [
      'c-2-2-8 takes further properties',
      {
        subject: { ...alice, properties: { department: 'Sales', role: 'manager' } },
        action: { ...read, properties: { method: 'GET' } },
        resource: { ...record1, properties: { status: 'active', owner: 'bob' } },
      },
      true,
    ],
    ['c-2-2-9 ignores unknown fields', { ...fixture, foo: 'bar', futureField: { nested: true } }, true],
  ])('%s', (_name, body, decision) => expectAnswer('evaluation', body, { decision }))

  const { subject, resource } = fixture
  it.each([
    ['c-2-4-1 no subject', { action: read, resource }],
    ['c-2-4-1 no action', { subject, resource }],
    ['c-2-4-1 no resource', { subject, action: read }],
    ['c-2-4-2 no subject.type', { ...fixture, subject: { id: 'alice' } }],
    ['c-2-4-2 no subject.id', { ...fixture, subject: { type: 'user' } }],
    ['c-2-4-2 no action.name', { ...fixture, action: {} }],
    ['c-2-4-2 no resource.type', { ...fixture, resource: { id: 'record-1' } }],
    ['c-2-4-2 no resource.id', { ...fixture, resource: { type: 'record' } }],
    ['c-2-4-4 not JSON', '{"subject":'],
    ['c-2-4-5 empty', ''],
    ['c-2-4-6 a subject that is a string', { ...fixture, subject: 'alice' }],
    ['c-2-4-6 a name that is a number', { ...fixture, action: { name: 123 } }],
    ['a body that is a list', [fixture]],
  ])('refuses with 400: %s', async (_name, body) => expect(await statusOf('evaluation', body)).toBe(400))

  it.each(['text/plain', 'application/xml', 'application/json; charset=utf-16', 'application/problem+json', ''])(
    'c-2-4-3 refuses the content type %j with 400',
    async (type) => expect(await statusOf('evaluation', fixture, { 'content-type': type })).toBe(400),
  )

  it('c-2-5 echoes X-Request-ID as it is, also with a refusal, and needs none', async () => {
    for (const id of ['bfe9eb29-ab87-4ca3-be83-a1d5d8305716', 'any string, {even} "this" /\\ one', 'x'.repeat(500)]) {
      expect((await client.post('evaluation', fixture, { 'x-request-id': id })).headers['x-request-id']).toBe(id)
      expect((await client.post('evaluation', {}, { 'x-request-id': id })).headers['x-request-id']).toBe(id)
      const anonymous = { authorization: '', 'x-request-id': id }
      expect((await client.post('evaluation', fixture, anonymous)).headers['x-request-id']).toBe(id)
    }
    expect((await client.post('evaluation', fixture)).headers['x-request-id']).toMatch(/^[\w-]{36}$/)
  })

  it('c-2-6 gives the same decision again and again', async () => {
    for (let turn = 0; turn < 5; turn++) await expectAnswer('evaluation', fixture, { decision: true })
  })

  it('answers 401 without a token', async () => {
    const answer = await client.post('evaluation', fixture, { authorization: '' })
    expect(answer.status).toBe(401)
  })
})

describe('Batch Core', () => {
  const decisions = (...all: boolean[]) => ({ evaluations: all.map((decision) => ({ decision })) })

  it.each([
    [
      'c-3-2-1 two resources',
      { subject: alice, action: read, evaluations: [{ resource: record1 }, { resource: record2 }] },
      decisions(true, false),
    ],
    [
      'c-3-2-2 two actions, in order',
      { subject: bob, resource: record1, evaluations: [{ action: read }, { action: write }] },
      decisions(true, false),
    ],
    [
      'c-3-2-5 no defaults',
      { evaluations: [fixture, { subject: bob, action: write, resource: record1 }] },
      decisions(true, false),
    ],
    [
      'c-3-2-6 a context for all, and one of its own',
      {
        subject: alice,
        action: read,
        context: time,
        evaluations: [{ resource: record1 }, { resource: record2, context: { source: 'batch-override' } }],
      },
      decisions(true, false),
    ],
    ['c-3-4-2 no evaluations', fixture, { decision: true }],
    ['c-3-4-3 an empty list', { ...fixture, evaluations: [] }, { decision: true }],
    [
      'c-3-2-7, as far as identifiers go: what an entity lacks comes from the default',
      {
        subject: alice,
        action: write,
        resource: { type: 'record' },
        evaluations: [{ resource: { id: 'record-1' } }, { resource: { type: 'record', id: 'record-2' } }],
      },
      decisions(true, false),
    ],
  ])('%s', (_name, body, expected) => expectAnswer('evaluations', body, expected))

  it('c-3-4-1 denies an evaluation that lacks something, says what, and decides the others', async () => {
    const { status, body } = await client.post('evaluations', {
      subject: alice,
      action: read,
      evaluations: [{ resource: record1 }, {}, { resource: 'record-1' }, { resource: record1 }],
    })
    const denied = (message: string) => ({ decision: false, context: { error: { status: 400, message } } })
    expect(status).toBe(200)
    expect(body.evaluations).toEqual([
      { decision: true },
      denied('resource is required'),
      denied('resource must be an object'),
      { decision: true },
    ])
  })

  it.each([
    ['execute_all', [true, false, true, false]],
    ['deny_on_first_deny', [true, false]],
    ['permit_on_first_permit', [true]],
  ])('%s', async (semantic, expected) => {
    const evaluations = [record1, record2, record1, record2].map((resource) => ({ resource }))
    const options = { evaluations_semantic: semantic, another_option: 'value' }
    await expectAnswer('evaluations', { subject: alice, action: read, options, evaluations }, decisions(...expected))
    const reversed = { subject: alice, action: read, options, evaluations: evaluations.toReversed() }
    const { body } = await client.post('evaluations', reversed)
    const length = { execute_all: 4, deny_on_first_deny: 1, permit_on_first_permit: 2 }[semantic]
    expect(body.evaluations).toHaveLength(length ?? 0)
  })

  it('ends at an error as at a denial', async () => {
    const options = { evaluations_semantic: 'deny_on_first_deny' }
    const evaluations = [{ resource: record1 }, {}, { resource: record1 }]
    const { body } = await client.post('evaluations', { subject: alice, action: read, options, evaluations })
    expect(body.evaluations).toHaveLength(2)
  })

  it.each([
    ['a semantic that there is none of', { ...fixture, options: { evaluations_semantic: 'all' } }],
    ['evaluations that are not a list', { ...fixture, evaluations: {} }],
    ['an evaluation that is no object', { ...fixture, evaluations: ['x'] }],
    ['a default of the wrong type', { subject: 'alice', evaluations: [fixture] }],
    ['no evaluations and no subject', { action: read, resource: record1 }],
    ['more than a thousand', { ...fixture, evaluations: Array.from({ length: 1001 }, () => ({})) }],
  ])('refuses with 400: %s', async (_name, body) => expect(await statusOf('evaluations', body)).toBe(400))
})

describe('Search Core', () => {
  const subjects = { subject: { type: 'user' }, action: read, resource: record1 }
  const resources = { subject: alice, action: read, resource: { type: 'record' } }
  const actions = { subject: alice, resource: record1 }

  it.each([
    ['c-4-2-1 subjects', 'subject', subjects, [alice, bob]],
    ['c-4-2-2 subjects, with a context', 'subject', { ...subjects, context: time }, [alice, bob]],
    ['c-4-2-3 subjects, an id is ignored', 'subject', { ...subjects, subject: alice }, [alice, bob]],
    ['c-4-3-1 resources', 'resource', resources, [record1]],
    ['c-4-3-2 resources, an id is ignored', 'resource', { ...resources, resource: record2 }, [record1]],
    ['c-4-4-1 actions', 'action', actions, ['read', 'triage', 'write', 'view', 'edit'].map(action)],
    [
      'c-4-4-2 actions, with a context',
      'action',
      { ...actions, context: time },
      ['read', 'triage', 'write', 'view', 'edit'].map(action),
    ],
    ['c-4-6-1 an unknown user', 'action', { ...actions, subject: user('nonexistent-user') }, []],
    ['c-4-6-2 an unknown type of subject', 'subject', { ...subjects, subject: { type: 'spaceship' } }, []],
    ['an unknown type of resource', 'resource', { ...resources, resource: { type: 'spaceship' } }, []],
    ['a record under another type', 'subject', { ...subjects, resource: { type: 'page', id: 'record-1' } }, []],
    ['an unknown resource', 'subject', { ...subjects, resource: record('none') }, []],
    ['an unknown action', 'subject', { ...subjects, action: action('fly') }, []],
    ['an unknown type of subject, for resources', 'resource', { ...resources, subject: { ...alice, type: 'bot' } }, []],
  ])('%s', (_name, search, body, results) => expectAnswer(`search/${search}`, body, { results }))

  it('lists exactly the configured actions, and still decides by the names of permissions', async () => {
    const environment = { ...PATIENT, AUTHZEN_ACTIONS: 'edit=write,view=read,delete=admin' }
    const configured = await startService({ databaseUrl, environment })
    const gateway = await authzenClient(configured)
    const listed = await gateway.post('search/action', actions)
    expect(listed.body).toEqual({ results: ['edit', 'view'].map(action) })
    for (const name of ['read', 'write', 'view', 'edit'])
      expect((await gateway.post('evaluation', { ...fixture, action: action(name) })).body).toEqual({ decision: true })
    await gateway.close()
    await configured.close()
  })

  it('c-4-5 gives pages of the size asked for, until the token is empty', async () => {
    const first = await client.post('search/subject', { ...subjects, page: { limit: 1 } })
    expect(first.body).toEqual({ page: { next_token: expect.stringMatching(/^.+$/), count: 1 }, results: [alice] })
    const { next_token: token } = first.body.page as { next_token: string }
    // With the token alone, or with the same limit.
    for (const page of [{ token }, { token, limit: 1 }])
      await expectAnswer(
        'search/subject',
        { ...subjects, page },
        { page: { next_token: '', count: 1 }, results: [bob] },
      )
    await expectAnswer(
      'search/subject',
      { ...subjects, page: {} },
      { page: { next_token: '', count: 2 }, results: [alice, bob] },
    )
  })

  it('refuses a token with another question, another limit, or for another caller', async () => {
    const { body } = await client.post('search/subject', { ...subjects, page: { limit: 1 } })
    const { next_token: token } = body.page as { next_token: string }
    for (const changed of [
      { ...subjects, action: write },
      { ...subjects, resource: record2 },
      { ...subjects, context: time },
      { ...subjects, page: { token, limit: 2 } },
      { ...subjects, page: { token: `${token}A` } },
    ])
      expect(await statusOf('search/subject', { page: { token }, ...changed })).toBe(400)
    const other = await client.as('another', ['reader'])
    expect((await other.post('search/subject', { ...subjects, page: { token } })).status).toBe(400)
    expect(await statusOf('search/action', { ...actions, page: { token } })).toBe(400)
  })

  it.each([
    ['c-4-7-1 subjects without an action', 'subject', { subject: { type: 'user' }, resource: record1 }],
    ['c-4-7-1 resources without a subject', 'resource', { action: read, resource: { type: 'record' } }],
    ['c-4-7-1 actions without a resource', 'action', { subject: alice }],
    ['c-4-7-2 subjects without resource.id', 'subject', { ...subjects, resource: { type: 'record' } }],
    ['c-4-7-2 resources without subject.id', 'resource', { ...resources, subject: { type: 'user' } }],
    ['a negative limit', 'subject', { ...subjects, page: { limit: -1 } }],
    ['a page that is no object', 'subject', { ...subjects, page: 'abc' }],
  ])('refuses with 400: %s', async (_name, search, body) => expect(await statusOf(`search/${search}`, body)).toBe(400))
})

describe('Discovery', () => {
  it('c-6 names the endpoints under the address that was asked', async () => {
    const answer = await client.send({
      path: '/.well-known/authzen-configuration',
      headers: { host: 'pdp.example.com' },
    })
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
    const base = 'http://pdp.example.com'
    expect(JSON.parse(answer.text)).toEqual({
      policy_decision_point: base,
      access_evaluation_endpoint: `${base}/access/v1/evaluation`,
      access_evaluations_endpoint: `${base}/access/v1/evaluations`,
      search_subject_endpoint: `${base}/access/v1/search/subject`,
      search_resource_endpoint: `${base}/access/v1/search/resource`,
      search_action_endpoint: `${base}/access/v1/search/action`,
    })
  })

  it('names them under PUBLIC_URL where that is set', async () => {
    const behind = await authzenClient(service, { publicUrl: 'https://pdp.example.com/tenant1' })
    const { text } = await behind.send({ path: '/.well-known/authzen-configuration' })
    expect(JSON.parse(text)).toMatchObject({
      policy_decision_point: 'https://pdp.example.com/tenant1',
      access_evaluation_endpoint: 'https://pdp.example.com/tenant1/access/v1/evaluation',
    })
    // Clients put the name between the host and the path.
    const below = await behind.send({ path: '/.well-known/authzen-configuration/tenant1' })
    expect([below.status, below.text]).toEqual([200, text])
    expect((await behind.send({ path: '/.well-known/authzen-configuration/tenant2' })).status).toBe(404)
    await behind.close()
  })
})

describe('what another suite might try', () => {
  const subjects = { subject: { type: 'user' }, action: read, resource: record1 }
  const resources = { subject: alice, action: read, resource: { type: 'record' } }

  it.each(['application/json', 'application/json;charset=UTF-8', 'APPLICATION/JSON; Charset="utf-8"'])(
    'takes the content type %s',
    async (type) => expect(await statusOf('evaluation', fixture, { 'content-type': type })).toBe(200),
  )

  it.each(['evaluation', 'evaluations', 'search/subject', 'search/resource', 'search/action'])(
    'knows %s by POST alone, and under no other name',
    async (name) => {
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
        const answer = await client.send({ method, path: `/access/v1/${name}` })
        expect([answer.status, answer.headers.allow]).toEqual([405, 'POST, OPTIONS'])
      }
      expect((await client.send({ method: 'POST', path: `/access/v1/${name}/` })).status).toBe(404)
      expect((await client.send({ method: 'POST', path: `/access/v1/${name.toUpperCase()}` })).status).toBe(404)
    },
  )

  it.each([
    ['a name with a NUL', { subject: user('a\u0000b') }],
    ['a name with half of a character', { resource: record('a\ud800b') }],
    ['null for a context', { context: null }],
    ['a context that is a list', { context: [] }],
    ['null for properties', { subject: { ...alice, properties: null } }],
    ['properties that are a text', { resource: { ...record1, properties: 'x' } }],
    ['null for an id', { subject: { type: 'user', id: null } }],
    ['null for a subject', { subject: null }],
  ])('refuses with 400: %s', async (_what, changed) =>
    expect(await statusOf('evaluation', { ...fixture, ...changed })).toBe(400),
  )

  it.each([
    ['null for options', { options: null }],
    ['options that are a list', { options: [] }],
    ['a semantic in capitals', { options: { evaluations_semantic: 'EXECUTE_ALL' } }],
    ['a semantic that is a number', { options: { evaluations_semantic: 1 } }],
    ['null for evaluations', { evaluations: null }],
  ])('refuses several with 400: %s', async (_what, changed) =>
    expect(await statusOf('evaluations', { ...fixture, evaluations: [{}], ...changed })).toBe(400),
  )

  it('takes options without a semantic, and a default that lacks something', async () => {
    const evaluations = [{}, { action: write }]
    const expected = { evaluations: [{ decision: true }, { decision: true }] }
    await expectAnswer('evaluations', { ...fixture, options: {}, evaluations }, expected)
    const partial = { subject: { type: 'user' }, action: read, resource: record1 }
    await expectAnswer(
      'evaluations',
      { ...partial, evaluations: [{ subject: { id: 'bob' } }] },
      { evaluations: [{ decision: true }] },
    )
  })

  const STRANGE = [
    ['very long', 'x'.repeat(100_000)],
    ['empty', ''],
    ['in other writings', '用户-\u{1F600}-Ж'],
    ['that every object has', '__proto__'],
    ['with a quote', `' OR 1=1 --`],
  ] as const

  it.each(STRANGE)('denies names that are %s, and finds nothing', async (_what, name) => {
    const nothing = { results: [] }
    for (const body of [
      { ...fixture, subject: user(name) },
      { ...fixture, resource: record(name) },
      { ...fixture, resource: { ...record1, type: name } },
      { ...fixture, action: action(name) },
    ]) {
      await expectAnswer('evaluation', body, { decision: false })
      const all = { evaluations: [{ decision: true }, { decision: false }] }
      await expectAnswer('evaluations', { evaluations: [fixture, body] }, all)
    }
    await expectAnswer('search/subject', { ...subjects, subject: { type: name } }, nothing)
    await expectAnswer('search/subject', { ...subjects, resource: record(name) }, nothing)
    await expectAnswer('search/subject', { ...subjects, action: action(name) }, nothing)
    await expectAnswer('search/resource', { ...resources, subject: user(name) }, nothing)
    await expectAnswer('search/resource', { ...resources, resource: { type: name } }, nothing)
    await expectAnswer('search/action', { subject: alice, resource: record(name) }, nothing)
    await expectAnswer('search/action', { subject: user(name), resource: record1 }, nothing)
  })

  it.each([
    ['negative', -1],
    ['a text', '1'],
    ['no whole number', 1.5],
    ['null', null],
  ])('refuses a limit that is %s', async (_what, limit) =>
    expect(await statusOf('search/subject', { ...subjects, page: { limit } })).toBe(400),
  )

  it('gives no results where none are wanted, and pages that follow get to the end', async () => {
    const { body } = await client.post('search/subject', { ...subjects, page: { limit: 0 } })
    expect(body).toEqual({ page: { next_token: expect.stringMatching(/./), count: 0 }, results: [] })
    const { next_token: token } = body.page as { next_token: string }
    // The same limit once more is no other one.
    const again = await client.post('search/subject', { ...subjects, page: { token, limit: 0 } })
    expect([again.status, again.body.results]).toEqual([200, []])
    expect(await statusOf('search/subject', { ...subjects, page: { token, limit: 1 } })).toBe(400)
    const rest = { page: { next_token: '', count: 2 }, results: [alice, bob] }
    await expectAnswer('search/subject', { ...subjects, page: { token } }, rest)
  })

  it('gives everything where the limit is beyond all bounds', () =>
    expectAnswer(
      'search/subject',
      { ...subjects, page: { limit: 2 ** 53 - 1 } },
      { page: { next_token: '', count: 2 }, results: [alice, bob] },
    ))

  it('refuses the empty token, which is the one behind the last page', async () =>
    expect(await statusOf('search/subject', { ...subjects, page: { token: '' } })).toBe(400))

  it.each([
    ['subject', subjects],
    ['resource', resources],
    ['action', { subject: alice, resource: record1 }],
  ])('gives the %s search on pages of one what it gives at once', async (search, body) => {
    const whole = (await client.post(`search/${search}`, body)).body.results as unknown[]
    const found: unknown[] = []
    for (let page: object = { limit: 1 }; ; ) {
      const answer = await client.post(`search/${search}`, { ...body, page })
      const { next_token: token, count } = answer.body.page as { next_token: string; count: number }
      expect([answer.status, count]).toEqual([200, (answer.body.results as unknown[]).length])
      found.push(...(answer.body.results as unknown[]))
      if (token === '') break
      page = { token }
    }
    expect(found).toEqual(whole)
  })

  it('carries the freshness headers on all of them', async () => {
    for (const [path, body] of [
      ['evaluation', fixture],
      ['evaluations', { evaluations: [fixture] }],
      ['search/subject', subjects],
      ['search/resource', resources],
      ['search/action', { subject: alice, resource: record1 }],
    ] as const) {
      const { headers } = await client.post(path, body)
      expect(headers['cache-status'], path).toMatch(/^portcullis; (hit|fwd=)/)
      const unknown = await client.post(path, body, { 'consistency-token': 'no token' })
      expect(unknown.status, path).toBe(400)
      const source = await client.post(path, body, { 'cache-control': 'no-cache' })
      expect(source.headers['cache-status'], path).toContain('fwd=bypass')
    }
  })

  it('takes an extra property of a page, and one of its own with each page', async () => {
    const paged = { ...resources, page: { limit: 1, sort: 'x', properties: { a: 1 } } }
    expect(await statusOf('search/resource', paged)).toBe(200)
  })
})
