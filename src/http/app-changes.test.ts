import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { WORLD } from '../../test/support/app.ts'
import { adam, as, compressed, test, uma } from './app.fixture.ts'

describe('a change', () => {
  const patch = (headers: Record<string, string>, body: unknown = { description: 'new' }) =>
    request(test.app)
      .patch(`/resources/${WORLD.resource}`)
      .set(headers)
      .send(body as object)

  it('answers with the token that later reads present', async () => {
    const answer = await request(test.app).delete(`/groups/${WORLD.group}/members/uma`).set(as(adam))
    expect(answer.status).toBe(204)
    expect(answer.headers['consistency-token']).toMatch(/^token-\d+$/)
    expect(answer.text).toBe('')
    expect(answer.headers).not.toHaveProperty('content-type')
  })

  it('says who made it, with the request id of the caller', async () => {
    await patch({ ...as(await test.bearer('will', { claims: { jti: 'token-of-will' } })), 'x-request-id': 'req-1' })
    expect(test.calls.at(-1)).toMatchObject({
      name: 'updateResource',
      context: { actor: 'will', requestId: 'req-1', tokenId: 'token-of-will' },
    })
  })

  it('under If-Match insists on the version that the tag carries', async () => {
    const will = await test.bearer('will')
    const { etag = '' } = (await request(test.app).get(`/resources/${WORLD.resource}`).set(as(will))).headers
    expect((await patch({ ...as(will), 'if-match': `"x", ${etag}` })).status).toBe(200)
    expect(test.calls.at(-1)?.input).toMatchObject({ ifVersion: 7 })
    expect((await patch({ ...as(will), 'if-match': '*' })).status).toBe(200)
    expect(test.calls.at(-1)?.input).not.toHaveProperty('ifVersion')
  })

  it("under If-Match is refused for an old, a forged and another user's tag, and changes nothing", async () => {
    const will = await test.bearer('will')
    const own = (await request(test.app).get(`/resources/${WORLD.resource}`).set(as(will))).headers.etag ?? ''
    const foreign = (await request(test.app).get(`/resources/${WORLD.resource}`).set(as(uma))).headers.etag ?? ''
    const before = test.calls.length
    for (const tag of [foreign, `W/${foreign}`, own.replace('"7.', '"6.'), own.slice(1, -1), '"7"', '']) {
      const answer = await patch({ ...as(will), 'if-match': tag })
      expect([tag, answer.status, answer.body.type]).toEqual([tag, 412, 'urn:portcullis:problem:version-mismatch'])
    }
    expect(test.calls.length).toBe(before)
  })

  it('under If-Match holds for a tag that a compressing proxy changed: it names a version, not bytes', async () => {
    const will = await test.bearer('will')
    const { etag = '' } = (await request(test.app).get(`/resources/${WORLD.resource}`).set(as(will))).headers
    for (const tag of compressed(etag)) {
      expect([tag, (await patch({ ...as(will), 'if-match': tag })).status]).toEqual([tag, 200])
      expect(test.calls.at(-1)?.input).toMatchObject({ ifVersion: 7 })
    }
    for (const list of ['members', 'grants']) {
      const path = `/groups/${WORLD.group}/${list}`
      const tag = (await request(test.app).get(path).set(as(adam))).headers.etag ?? ''
      for (const changed of compressed(tag)) {
        const answer = await request(test.app)
          .put(path)
          .send({ [list]: [] })
          .set({ ...as(adam), 'if-match': changed })
        expect([changed, answer.status]).toEqual([changed, 200])
      }
    }
  })

  it.each(['"stale", *', '*, "stale"', '*, *'])(
    'under the condition %s is 400 and changes nothing',
    async (condition) => {
      const before = test.calls.length
      const group = `/groups/${WORLD.group}`
      for (const name of ['if-match', 'if-none-match'])
        for (const send of [
          request(test.app).patch(`/resources/${WORLD.resource}`).send({ description: 'x' }),
          request(test.app).delete(`/resources/${WORLD.resource}`),
          request(test.app).patch(group).send({}),
          request(test.app).put(`${group}/members`).send({ members: [] }),
          request(test.app).put(`${group}/members/uma`).send({}),
          request(test.app).put('/users/uma').send({}),
        ])
          expect((await send.set({ ...as(adam), [name]: condition })).status).toBe(400)
      expect(test.calls.length).toBe(before)
    },
  )

  it('under If-None-Match is refused for the current version and made for any other', async () => {
    const will = await test.bearer('will')
    const { etag = '' } = (await request(test.app).get(`/resources/${WORLD.resource}`).set(as(will))).headers
    const before = test.calls.length
    for (const condition of ['*', etag, `W/${etag}`, `"other", ${etag}`])
      expect([condition, (await patch({ ...as(will), 'if-none-match': condition })).status]).toEqual([condition, 412])
    const group = `/groups/${WORLD.group}`
    const tag = (await request(test.app).get(group).set(as(adam))).headers.etag ?? ''
    for (const send of [request(test.app).delete(group), request(test.app).patch(group).send({})])
      expect((await send.set({ ...as(adam), 'if-none-match': tag })).status).toBe(412)
    for (const list of ['members', 'grants'])
      expect(
        (
          await request(test.app)
            .put(`${group}/${list}`)
            .send({ [list]: [] })
            .set({ ...as(adam), 'if-none-match': '*' })
        ).status,
      ).toBe(412)
    expect(test.calls.length).toBe(before)
    for (const condition of ['"other"', etag.replace('"7.', '"6.')])
      expect((await patch({ ...as(will), 'if-none-match': condition })).status).toBe(200)
    expect((await patch({ ...as(will), 'if-none-match': '"other"', 'if-match': etag })).status).toBe(200)
    expect(test.calls.at(-1)?.input).toMatchObject({ ifVersion: 7 })
  })

  it('returns the tag that the next change can use', async () => {
    const will = await test.bearer('will')
    const { etag = '' } = (await patch(as(will))).headers
    expect(etag).toBe((await request(test.app).get(`/resources/${WORLD.resource}`).set(as(will))).headers.etag)
  })

  it('may be a merge patch or plain JSON, and nothing else', async () => {
    for (const [type, status] of [
      ['application/merge-patch+json', 200],
      ['application/json', 200],
      ['application/json; charset=UTF-8', 200],
      ['application/json-patch+json', 415],
      ['text/plain', 415],
      ['application/json; charset=utf-16', 415],
      ['application/x-www-form-urlencoded', 415],
    ] as const) {
      const answer = await request(test.app)
        .patch(`/resources/${WORLD.resource}`)
        .set({ ...as(adam), 'content-type': type })
        .send('{"kind":"k"}')
      expect([type, answer.status]).toEqual([type, status])
      if (status === 415) expect(answer.headers['accept-patch']).toBe('application/merge-patch+json, application/json')
    }
  })

  it('takes null in a merge patch as clearing', async () => {
    await patch(as(adam), { description: null, attributes: null })
    expect(test.calls.at(-1)?.input).toMatchObject({ changes: { description: null, attributes: {} } })
  })

  it('passes an idempotency key on with a fingerprint of method, URL and body', async () => {
    const post = (body: object, key: string) =>
      request(test.app)
        .post('/groups')
        .set({ ...as(adam), 'idempotency-key': key })
        .send(body)
    const used = () => test.calls.at(-1)?.context.idempotency
    await post({ name: 'a' }, 'key-1')
    const first = used()
    await post({ name: 'a' }, 'key-1')
    expect(used()).toEqual(first)
    await post({ name: 'b' }, 'key-1')
    expect(used()?.fingerprint).not.toBe(first?.fingerprint)
    expect((await post({ name: 'a' }, 'k'.repeat(256))).status).toBe(400)
    expect((await post({ name: 'a' }, 'with space')).status).toBe(400)
  })

  it('passes over an idempotency key where the call changes nothing', async () => {
    const question = {
      subject: { type: 'user', id: 'adam' },
      action: { name: 'read' },
      resource: { type: 'document', id: 'handbook' },
    }
    const answer = await request(test.app)
      .post('/access/v1/evaluation')
      .set({ ...as(adam), 'idempotency-key': 'with space' })
      .send(question)
    expect(answer.status).toBe(200)
  })

  it('names everything that is wrong with its body, by JSON pointer', async () => {
    const answer = await request(test.app)
      .post('/resources')
      .set(as(adam))
      .send({ name: '', grants: [{ group: 'x', permission: 'owner' }], 'a/b~c': 1, __other: 2 })
    expect(answer.status).toBe(400)
    const pointers = answer.body.errors.map((error: { pointer: string }) => error.pointer).sort()
    expect(pointers).toEqual([
      '#/__other',
      '#/a~1b~0c',
      '#/grants/0/group',
      '#/grants/0/permission',
      '#/kind',
      '#/name',
    ])
  })

  it.each([
    ' ',
    'core ',
    ' core',
    'a\u200bb',
    'core\u200d',
    '\u202ecore',
    'co\u00adre',
    'a\u00a0b',
    'a\u2028b',
    'a\u3000b',
    '\u3164',
    'a\ufe0f',
    '\ufeffcore',
  ])('refuses the name %j, which looks like another or like none', async (name) => {
    const calls: [string, object, string][] = [
      ['/groups', { name }, '#/name'],
      ['/resources', { name, kind: 'repository' }, '#/name'],
      ['/resources', { name: 'x', kind: name }, '#/kind'],
      ['/import', { groups: [{ name }] }, '#/groups/0/name'],
      ['/import', { resources: [{ name, kind: 'x' }] }, '#/resources/0/name'],
    ]
    for (const [path, body, pointer] of calls) {
      const answer = await request(test.app).post(path).set(as(adam)).send(body)
      expect([path, answer.status, answer.body.errors?.[0]?.pointer]).toEqual([path, 400, pointer])
    }
    const renamed = await request(test.app).patch(`/groups/${WORLD.group}`).set(as(adam)).send({ name })
    expect(renamed.status).toBe(400)
  })

  it.each(['team/core', 'a b', 'Équipe', 'チーム', 'команда', '👩🏽', '-', '.'])(
    'accepts the name %j',
    async (name) => {
      expect((await request(test.app).post('/groups').set(as(adam)).send({ name })).status).toBe(201)
    },
  )

  it('says of each mistake what to do about it', async () => {
    const body = { kind: 7, description: [], grants: {}, attributes: 'x' }
    const answer = await request(test.app).post('/resources').set(as(adam)).send(body)
    expect(answer.body.errors).toEqual([
      { pointer: '#/name', detail: 'is required' },
      { pointer: '#/kind', detail: 'must be a string' },
      { pointer: '#/description', detail: 'must be a string' },
      { pointer: '#/attributes', detail: 'must be an object' },
      { pointer: '#/grants', detail: 'must be a list' },
    ])
  })

  it('normalises names to NFC, but never a user id', async () => {
    await request(test.app).post('/groups').set(as(adam)).send({ name: 'Cafe\u0301' })
    expect(test.calls.at(-1)?.input).toMatchObject({ name: 'Caf\u00e9' })
    await request(test.app)
      .put(`/users/${encodeURIComponent('Cafe\u0301')}`)
      .set(as(adam))
      .send({})
    expect(test.calls.at(-1)?.input).toMatchObject({ id: 'Cafe\u0301' })
  })

  it('of a flush carries its reason to the audit log', async () => {
    await request(test.app)
      .post('/admin/cache/flush')
      .set(as(adam))
      .send({ scope: 'user', user: 'uma', reason: 'because', dryRun: true })
    expect(test.calls.at(-1)).toMatchObject({
      input: { scope: { scope: 'user', user: 'uma' }, options: { dryRun: true } },
      context: { reason: 'because' },
    })
  })
})
