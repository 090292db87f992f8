/** Reads: the list of resources, and what is hidden. */
import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { createTestApp, WORLD } from '../../test/support/app.ts'
import type { ReadContext } from '../domain/api.ts'
import { adam, as, compressed, test, uma } from './app.fixture.ts'

/** Headers without those that differ between any two answers. */
const comparable = ({ 'x-request-id': _id, date: _date, ...headers }: Record<string, string>) => headers

describe('the list of resources', () => {
  it('comes as the bytes of the domain, with validator, cache report and privacy', async () => {
    const answer = await request(test.app).get('/resources').set(as(uma))
    expect(answer.status).toBe(200)
    expect(answer.body.data).toHaveLength(1)
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'private, no-cache',
      vary: 'Authorization',
      'cache-status': 'portcullis; hit; ttl=812',
      'x-content-type-options': 'nosniff',
    })
    expect(answer.headers.etag).toMatch(/^"[0-9a-f]{16}"$/)
    expect(answer.headers).not.toHaveProperty('x-powered-by')
  })

  it('is not sent again to a client that has it, under any spelling of the condition', async () => {
    const { etag = '' } = (await request(test.app).get('/resources').set(as(uma))).headers
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await request(test.app)
        .get('/resources')
        .set({ ...as(uma), 'if-none-match': condition })
      expect([condition, answer.status, answer.text, answer.headers.etag]).toEqual([condition, 304, '', etag])
      expect(answer.headers['cache-status']).toBe('portcullis; hit; ttl=812')
    }
    for (const condition of ['"other"', etag.slice(1, -1), ''])
      expect(
        (
          await request(test.app)
            .get('/resources')
            .set({ ...as(uma), 'if-none-match': condition })
        ).status,
      ).toBe(200)
  })

  it('is refused under If-Match to a client that has another', async () => {
    for (const path of ['/resources', `/resources/${WORLD.resource}`, `/groups/${WORLD.group}`]) {
      const caller = as(path.startsWith('/groups') ? adam : uma)
      const get = (headers: Record<string, string>) =>
        request(test.app)
          .get(path)
          .set({ ...caller, ...headers })
      const { etag = '' } = (await get({})).headers
      for (const condition of [etag, `"other", ${etag}`, '*', ...compressed(etag)])
        expect([path, condition, (await get({ 'if-match': condition })).status]).toEqual([path, condition, 200])
      for (const condition of ['"other"', 'W/"other"', etag.slice(1, -1), ''])
        expect([path, condition, (await get({ 'if-match': condition })).status]).toEqual([path, condition, 412])
      for (const name of ['if-match', 'if-none-match'])
        for (const condition of [`${etag}, *`, '"stale", *', '*, "stale"', '*, *', 'W/"x",*'])
          expect([name, condition, (await get({ [name]: condition })).status]).toEqual([name, condition, 400])
      for (const condition of compressed(etag))
        expect([condition, (await get({ 'if-none-match': condition })).status]).toEqual([condition, 304])
      // If-Match is looked at first (RFC 9110, 13.2.2).
      expect((await get({ 'if-match': '"other"', 'if-none-match': etag })).status).toBe(412)
      expect((await get({ 'if-match': etag, 'if-none-match': etag })).status).toBe(304)
    }
  })

  it("does not let one user's validator work for another", async () => {
    const { etag = '' } = (await request(test.app).get('/resources').set(as(uma))).headers
    const will = await test.bearer('will')
    expect(
      (
        await request(test.app)
          .get('/resources')
          .set({ ...as(will), 'if-none-match': etag })
      ).status,
    ).toBe(200)
  })

  it('answers HEAD with the headers of GET and no body', async () => {
    const get = await request(test.app).get('/resources').set(as(uma))
    const head = await request(test.app).head('/resources').set(as(uma))
    expect(head.status).toBe(200)
    expect(head.text ?? '').toBe('')
    expect(comparable(head.headers)).toEqual(comparable(get.headers))
  })

  it('passes on what the caller asks of the read', async () => {
    const seen: ReadContext[] = []
    const spied = await createTestApp({
      alter: (portcullis) => ({
        ...portcullis,
        reads: {
          ...portcullis.reads,
          visibleResources(user, query, context) {
            seen.push(context)
            return portcullis.reads.visibleResources(user, query, context)
          },
        },
      }),
    })
    const headers = as(await spied.bearer('uma'))
    await request(spied.app).get('/resources').set(headers)
    await request(spied.app)
      .get('/resources')
      .set({ ...headers, 'cache-control': 'max-age=0, no-cache', 'consistency-token': 'abc' })
    await request(spied.app)
      .get('/resources')
      .set({ ...headers, 'cache-control': 'max-age=900' })
    expect(seen).toEqual([{}, { bypass: true, after: 'abc' }, {}])
  })

  it.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=05', 'limit'],
    ['limit=5.0', 'limit'],
    ['limit=%205', 'limit'],
    ['limit=5%20', 'limit'],
    ['limit=%2B5', 'limit'],
    ['limit=+5', 'limit'],
    ['limit=5e0', 'limit'],
    ['limit=0x5', 'limit'],
    ['limit=%D9%A5', 'limit'],
    ['limit=', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['limit=ten', 'limit'],
    ['permission=owner', 'permission'],
    ['kind=', 'kind'],
    ['q=a%00b', 'q'],
    ['cursor=%20', 'cursor'],
    ['permision=read', 'permision'],
    ['kind=a&kind=b', 'kind'],
    ['__proto__=x', '__proto__'],
  ])('refuses ?%s and names the parameter', async (query, parameter) => {
    const answer = await request(test.app).get(`/resources?${query}`).set(as(uma))
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({
      type: 'urn:portcullis:problem:invalid-input',
      status: 400,
      errors: [{ parameter }],
    })
  })

  it('refuses a query that is not UTF-8', async () => {
    for (const query of ['q=%ff', 'q=%', 'q=%ed%a0%80', '%ff=1'])
      expect((await request(test.app).get(`/resources?${query}`).set(as(uma))).status).toBe(400)
  })

  it('links to the next page, keeping the query', async () => {
    const paged = await createTestApp({
      alter: (portcullis) => ({
        ...portcullis,
        reads: {
          ...portcullis.reads,
          visibleResources: async (user, query, context) => ({
            ...(await portcullis.reads.visibleResources(user, query, context)),
            nextCursor: 'abc_1',
          }),
        },
      }),
    })
    const answer = await request(paged.app)
      .get('/resources?kind=a%26b&limit=1')
      .set(as(await paged.bearer('uma')))
    expect(answer.headers.link).toBe('</resources?kind=a%26b&limit=1&cursor=abc_1>; rel="next"')
  })
})

describe('what may not be seen', () => {
  it('is answered exactly as what does not exist: status, headers and body', async () => {
    for (const path of ['/resources/:id', '/resources/:id/access', '/users/uma/resources/:id/explain']) {
      const [hidden, absent, nonsense] = await Promise.all(
        [WORLD.hidden, WORLD.absent, 'nonsense'].map((id) =>
          request(test.app).get(path.replace(':id', id)).set(as(uma)),
        ),
      )
      expect(hidden?.status).toBe(404)
      for (const other of [absent, nonsense])
        expect([other?.status, other?.text, comparable(other?.headers ?? {})]).toEqual([
          404,
          hidden?.text,
          comparable(hidden?.headers ?? {}),
        ])
    }
  })

  it('stays hidden from changes too', async () => {
    for (const method of ['patch', 'delete'] as const) {
      const [hidden, absent] = await Promise.all(
        [WORLD.hidden, WORLD.absent].map((id) =>
          request(test.app)[method](`/resources/${id}`).set(as(uma)).send({ kind: 'k' }),
        ),
      )
      expect([hidden?.status, hidden?.text, comparable(hidden?.headers ?? {})]).toEqual([
        404,
        absent?.text,
        comparable(absent?.headers ?? {}),
      ])
    }
  })

  it('is answered in the same words wherever its absence was found out', async () => {
    const hidden = await request(test.app).get(`/resources/${WORLD.hidden}`).set(as(uma))
    const absent = await request(test.app).delete(`/resources/${WORLD.absent}`).set(as(adam))
    expect([absent.status, absent.text]).toEqual([404, hidden.text])
  })

  it('is shown to an administrator who has no permission on it', async () => {
    const answer = await request(test.app).get(`/resources/${WORLD.hidden}`).set(as(adam))
    expect(answer.body).toMatchObject({ name: 'repo/hidden', permission: null })
  })

  it('can be addressed by its percent-encoded name', async () => {
    const byName = await request(test.app).get('/resources/name:repo%2Fone').set(as(uma))
    expect(byName.body.id).toBe(WORLD.resource)
    expect((await request(test.app).get('/resources/name:repo/one').set(as(uma))).status).toBe(404)
    expect((await request(test.app).get('/groups/name:team%2Fcore').set(as(adam))).body.id).toBe(WORLD.group)
  })
})
