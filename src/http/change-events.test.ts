import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { createContract, type OpenApiDocument } from '../../test/security/contract.ts'
import { createTestApp } from '../../test/support/app.ts'
import type { ChangeEvent } from '../domain/api.ts'

const change = {
  event: 'sql:memberships',
  at: '2026-11-29T06:00:00.000Z',
  users: ['alice'],
  places: [],
  grants: [],
  resources: [],
  buckets: [],
  layers: [],
  names: {},
}
const events: ChangeEvent[] = [{ id: 'p0' }, { id: 'p1', key: '7.5-00000001-42', change }, { id: 'p2', reset: true }]

async function setUp() {
  const test = await createTestApp({
    alter: (portcullis) => ({
      ...portcullis,
      changes: {
        async open() {
          const batches = [events]
          return { next: async () => batches.shift() ?? null, close: () => {} }
        },
        close: () => {},
      },
    }),
  })
  const admin = await test.bearer('adam', { roles: ['admin'] })
  const read = async (accept?: string, query = '') => {
    const asked = request(test.app).get(`/changes${query}`).set('authorization', admin).set('host', 'api.example')
    const answer = await (accept === undefined ? asked : asked.set('accept', accept))
    const data = [...answer.text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json))
    return { status: answer.status, type: answer.headers['content-type'], text: answer.text, data }
  }
  return { ...test, read }
}

describe('the change feed', () => {
  it('is made of CloudEvents where Accept names them, framed as Server-Sent Events', async () => {
    const { app, read } = await setUp()
    for (const accept of [
      'application/cloudevents+json',
      'text/event-stream, application/cloudevents+json',
      'text/event-stream;q=0.5, Application/CloudEvents+JSON; charset=utf-8',
    ]) {
      const { status, type, data, text } = await read(accept)
      expect([status, type]).toEqual([200, 'text/event-stream; charset=utf-8'])
      expect(data).toEqual([
        {
          specversion: '1.0',
          id: '7.5-00000001-42',
          source: 'http://api.example/changes',
          type: 'portcullis.change.sql.memberships',
          time: change.at,
          datacontenttype: 'application/json',
          dataschema: 'http://api.example/openapi.json#/components/schemas/Change',
          data: change,
        },
        {
          specversion: '1.0',
          id: expect.any(String),
          source: 'http://api.example/changes',
          type: 'portcullis.reset',
        },
      ])
      // Where the client resumes: the stream's own id, and no event of a name that a browser would have to know.
      expect(text).toContain('id: p2\n')
      expect(text).not.toContain('event:')
      const document = (await request(app).get('/openapi.json')).body as OpenApiDocument
      expect(data.flatMap((each) => wrongIn(document, each))).toEqual([])
    }
  })

  it('is as it was for everybody else, also for a client that refuses CloudEvents', async () => {
    const { read } = await setUp()
    for (const accept of [
      undefined,
      '*/*',
      'text/event-stream',
      'text/event-stream, application/*;q=0.1',
      'text/event-stream, application/cloudevents+json;q=0',
    ]) {
      const { data, text } = await read(accept)
      expect(data).toEqual([change, {}])
      expect(text).toContain('event: change\n')
    }
  })

  it('is made of CloudEvents by a parameter, because EventSource chooses its Accept itself', async () => {
    const { read } = await setUp()
    expect((await read('text/event-stream', '?format=cloudevents')).data[0]).toMatchObject({ specversion: '1.0' })
    expect((await read('text/event-stream', '?format=xml')).status).toBe(400)
  })

  it('has no other form', async () => {
    const { read } = await setUp()
    for (const accept of ['application/json', 'application/cloudevents-batch+json', 'application/cloudevents+avro'])
      expect([accept, (await read(accept)).status]).toEqual([accept, 406])
  })
})

/** Judged by the document as the answer of a call that would answer with one event. */
function wrongIn(document: OpenApiDocument, event: unknown): string[] {
  const schema = { $ref: '#/components/schemas/ChangeCloudEvent' }
  const responses = { 200: { content: { 'application/json': { schema } } } }
  const paths = { '/event': { get: { operationId: 'getEvent', responses } } }
  const headers = {
    'content-type': 'application/json',
    'x-request-id': '1',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'",
  }
  return createContract({ ...document, paths }).judge(
    { method: 'GET', path: '/event' },
    { status: 200, headers, rawHeaders: [], text: JSON.stringify(event) },
  )
}
