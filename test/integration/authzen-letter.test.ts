/** The AuthZEN Authorization API 1.0 by its letter, where the certification scenario asks nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { type AuthzenClient, action, authzenClient, record, user } from '../support/authzen.ts'
import { asRoot, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let client: AuthzenClient

const USERS = ['alice', 'bob', 'carol', 'dave', 'nobody']
const RECORDS = ['record-1', 'record-2', 'record-3', 'nothing']
const ACTIONS = ['read', 'triage', 'write', 'maintain', 'admin', 'view', 'edit', 'delete']

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: PATIENT })
  client = await authzenClient(service)
  const { mutations } = service.portcullis
  await mutations.importOrganisation(
    {
      users: ['alice', 'bob', 'carol', 'dave'].map((id) => ({ id })),
      groups: [{ name: 'staff' }, { name: 'editors', parent: 'staff' }, { name: 'chiefs', parent: 'editors' }],
      memberships: [
        { group: 'chiefs', user: 'alice', role: 'member' },
        { group: 'editors', user: 'bob', role: 'member' },
        { group: 'staff', user: 'carol', role: 'member' },
        { group: 'chiefs', user: 'dave', role: 'member' },
      ],
      resources: ['record-1', 'record-2', 'record-3'].map((name) => ({ name, kind: 'record' })),
      grants: [
        { group: 'staff', resource: 'record-1', permission: 'read' },
        { group: 'editors', resource: 'record-1', permission: 'write' },
        { group: 'editors', resource: 'record-2', permission: 'maintain' },
        { group: 'chiefs', resource: 'record-3', permission: 'admin' },
      ],
    },
    asRoot,
  )
  await mutations.putUser({ id: 'dave' as UserId, disabled: true }, asRoot)
})
afterAll(async () => {
  await client?.close()
  await service?.close()
  if (databaseUrl) await dropDatabase(databaseUrl)
})

const fixture = { subject: user('alice'), action: action('read'), resource: record('record-1') }
const subjects = { ...fixture, subject: { type: 'user' } }

describe('a search', () => {
  const found = async (search: string, body: object) =>
    ((await client.post(`search/${search}`, body)).body.results as { id?: string; name?: string }[]).map(
      ({ id, name }) => id ?? name,
    )

  it('finds exactly what an evaluation permits, through groups above groups, and nothing of a disabled user', async () => {
    const questions = USERS.flatMap((subject) =>
      RECORDS.flatMap((resource) => ACTIONS.map((name) => ({ subject, resource, name }))),
    )
    const evaluations = questions.map(({ subject, resource, name }) => ({
      subject: user(subject),
      resource: record(resource),
      action: action(name),
    }))
    const { body } = await client.post('evaluations', { evaluations })
    const decisions = body.evaluations as { decision: boolean }[]
    const permitted = questions.filter((_, at) => decisions[at]?.decision)
    expect(permitted.map(({ subject }) => subject)).toEqual(expect.arrayContaining(['alice', 'bob', 'carol']))
    expect(permitted.some(({ subject }) => subject === 'dave' || subject === 'nobody')).toBe(false)

    for (const name of ACTIONS) {
      for (const resource of RECORDS)
        expect(await found('subject', { ...subjects, action: action(name), resource: record(resource) })).toEqual(
          permitted.filter((each) => each.name === name && each.resource === resource).map(({ subject }) => subject),
        )
      for (const subject of USERS)
        expect(
          await found('resource', { subject: user(subject), action: action(name), resource: { type: 'record' } }),
        ).toEqual(
          permitted.filter((each) => each.name === name && each.subject === subject).map(({ resource }) => resource),
        )
    }
    for (const subject of USERS)
      for (const resource of RECORDS)
        expect(await found('action', { subject: user(subject), resource: record(resource) })).toEqual(
          permitted.filter((each) => each.subject === subject && each.resource === resource).map(({ name }) => name),
        )
  })

  it('names the page before the results, so that a reader of the beginning knows how many come', async () => {
    const { text } = await client.post('search/subject', { ...subjects, page: { limit: 1 } })
    expect(Object.keys(JSON.parse(text) as object)).toEqual(['page', 'results'])
  })
})

describe('a request', () => {
  it.each([
    ['a property of the subject', { subject: { ...fixture.subject, properties: { department: 'Sales' } } }],
    [
      'an address and a device',
      { subject: { ...fixture.subject, properties: { ip_address: '172.217.22.14', device_id: '8:65:ee:17:7e:0b' } } },
    ],
    [
      'objects, lists, numbers and null in properties',
      {
        resource: {
          ...fixture.resource,
          properties: { library_record: { title: 'x', isbn: ['978-0593383322'], pages: 7.5, lent: null } },
        },
      },
    ],
    ['a property of the action', { action: { ...fixture.action, properties: { period: '2W' } } }],
    [
      'a schema in the context',
      { context: { time: '1985-10-26T01:22-07:00', schema: 'https://schema.example/x.json' } },
    ],
    ['unknown members of each entity', { subject: { ...fixture.subject, x: 1 }, action: { ...fixture.action, x: [] } }],
    ['options, which only several evaluations have', { options: { evaluations_semantic: 'anything' } }],
    ['properties without members', { subject: { ...fixture.subject, properties: {} }, context: {} }],
  ])('may have %s', async (_what, changed) => {
    const { status, body } = await client.post('evaluation', { ...fixture, ...changed })
    expect([status, body]).toEqual([200, { decision: true }])
  })

  it('has its members in any order', async () => {
    const reversed = Object.fromEntries(Object.entries(fixture).toReversed())
    expect((await client.post('evaluation', reversed)).body).toEqual({ decision: true })
  })

  it.each([
    ['an id that is a number', { resource: { type: 'record', id: 1 } }],
    ['a type that is a list', { subject: { type: ['user'], id: 'alice' } }],
    ['an action that is a text', { action: 'read' }],
    ['a resource that is a list', { resource: [fixture.resource] }],
    ['properties that are a list', { action: { ...fixture.action, properties: [] } }],
    ['a context that is a text', { context: 'now' }],
  ])('is refused with 400 for %s', async (_what, changed) => {
    expect((await client.post('evaluation', { ...fixture, ...changed })).status).toBe(400)
    expect((await client.post('evaluations', { ...fixture, ...changed })).status).toBe(400)
  })

  it('is refused with 400 where one member has two values, which readers of JSON would not agree on', async () => {
    const twice = JSON.stringify(fixture).replace('"id":"alice"', '"id":"alice","\\u0069d":"carol"')
    expect((await client.post('evaluation', twice)).status).toBe(400)
  })
})

describe('a refusal', () => {
  it('names the scheme of authentication, and an error only where there was a token', async () => {
    const challenge = async (authorization: string) =>
      (await client.post('evaluation', fixture, { authorization })).headers['www-authenticate']
    expect(await challenge('')).toBe('Bearer realm="portcullis"')
    expect(await challenge('Basic YTpi')).toBe('Bearer realm="portcullis"')
    expect(await challenge('Bearer x')).toBe('Bearer realm="portcullis", error="invalid_token"')
  })

  it('carries the identifier of the request, whatever its reason', async () => {
    const id = 'any id: 1'
    const json = { 'content-type': 'application/json' }
    const stranger = await client.as('stranger')
    const path = '/access/v1/evaluation'
    for (const [answer, status] of [
      [await stranger.post('evaluation', fixture, { 'x-request-id': id }), 403],
      [await client.post('evaluation', 'x'.repeat(1024 * 1024 + 1), { 'x-request-id': id }), 413],
      [await client.post('evaluation', fixture, { 'x-request-id': id, accept: 'image/png' }), 406],
      [await client.send({ path, headers: { 'x-request-id': id } }), 405],
      [await client.send({ method: 'POST', path, headers: { ...json, 'x-request-id': id }, body: '{}' }), 401],
      [await client.send({ path: '/access/v1/nothing', headers: { 'x-request-id': id } }), 404],
    ] as const)
      expect([answer.status, answer.headers['x-request-id']]).toEqual([status, id])
  })

  it('is never a decision: a denial is 200', async () => {
    const { status, body } = await client.post('evaluation', { ...fixture, action: action('admin') })
    expect([status, body]).toEqual([200, { decision: false }])
  })
})
