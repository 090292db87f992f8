import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { createTestApp, WORLD } from '../../test/support/app.ts'
import { adam, as, test, uma } from './app.fixture.ts'

describe('a request that does not fit', () => {
  it('because a proxy decoded the slash of a name is 404 with a hint, and any other without', async () => {
    for (const path of [
      '/resources/name:kubernetes/website',
      '/groups/name:team/core/members',
      '/groups/name:team/core',
      '/groups/name%3Ateam/core/members',
      '/users/https://issuer.example/uma/resources',
      '/scim/v2/Users/https://issuer.example/uma',
      `/groups/${WORLD.group}/members/https://issuer.example/uma`,
    ]) {
      const answer = await request(test.app).get(path).set(as(adam))
      expect(answer.status).toBe(404)
      expect(answer.body.detail).toMatch(/no such call.*%2F/)
    }
    const answer = await request(test.app).get('/nowhere').set(as(adam))
    expect(answer.body).toMatchObject({ status: 404, detail: expect.not.stringContaining('%2F') })
    expect((await request(test.app).get('/groups/name:team%2Fcore').set(as(adam))).status).toBe(200)
  })

  it.each([
    ['post', '/me', 'GET, HEAD, OPTIONS'],
    ['delete', '/resources', 'GET, POST, HEAD, OPTIONS'],
    ['put', `/resources/${WORLD.resource}`, 'GET, PATCH, DELETE, HEAD, OPTIONS'],
  ] as const)('%s %s is 405 and says what is allowed', async (method, path, allow) => {
    const answer = await request(test.app)[method](path).set(as(uma))
    expect([answer.status, answer.headers.allow]).toEqual([405, allow])
    expect(answer.headers['content-type']).toContain('application/problem+json')
  })

  it('OPTIONS says what is allowed', async () => {
    const answer = await request(test.app).options('/resources')
    expect([answer.status, answer.headers.allow]).toEqual([204, 'GET, POST, HEAD, OPTIONS'])
    const refused = await request(test.app).put('/resources').set(as(uma))
    for (const name of ['content-security-policy', 'x-content-type-options', 'cache-control', 'x-frame-options'])
      expect([name, answer.headers[name]]).toEqual([name, refused.headers[name]])
  })

  it('is 406 only where JSON is really not wanted', async () => {
    for (const [accept, status] of [
      ['application/json; charset=utf-8', 200],
      ['text/html, application/*;q=0.1', 200],
      ['text/html', 406],
      ['application/json;q=0', 406],
    ] as const)
      expect([
        accept,
        (
          await request(test.app)
            .get('/me')
            .set({ ...as(uma), accept })
        ).status,
      ]).toEqual([accept, status])
  })

  it('is 404 for an unknown path, another case, or a trailing slash', async () => {
    for (const path of ['/nothing', '/Resources', '/resources/', '//resources', '/admin', '/.env'])
      expect([path, (await request(test.app).get(path).set(as(uma))).status]).toEqual([path, 404])
  })

  it('is 400 when the path cannot be decoded or holds control characters', async () => {
    for (const path of ['/users/%', '/users/%ff', '/users/a%00b', '/resources/%00', '/groups/name:%0a'])
      expect([path, (await request(test.app).get(path).set(as(adam))).status]).toEqual([path, 400])
  })

  it.each([
    ['application/json', 200],
    ['application/*;q=0.1', 200],
    ['text/html, */*;q=0.1', 200],
    ['text/html', 406],
    ['application/xml;q=0.9, text/*', 406],
    ['application/json;q=0', 406],
  ])('with Accept: %s is %i', async (accept, status) => {
    expect(
      (
        await request(test.app)
          .get('/me')
          .set({ ...as(uma), accept })
      ).status,
    ).toBe(status)
  })

  it('is 413 beyond a megabyte, and 400 when bodies are missing or encoded wrongly', async () => {
    const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
      request(test.app)
        .post('/groups')
        .set({ ...as(adam), 'content-type': 'application/json', ...headers })
        .send(body)
    expect((await post(JSON.stringify({ name: 'x'.repeat(1_048_577) }))).status).toBe(413)
    expect((await request(test.app).post('/groups').set(as(adam))).status).toBe(400)
    expect((await post('not gzip', { 'content-encoding': 'gzip' })).status).toBe(400)
    expect((await post('{}', { 'content-encoding': 'compress' })).status).toBe(415)
  })

  it('takes an import of more than a megabyte', async () => {
    const users = Array.from({ length: 40_000 }, (_, index) => ({ id: `user-${index}-${'x'.repeat(20)}` }))
    expect((await request(test.app).post('/import').set(as(adam)).send({ users })).status).toBe(200)
  })
})

describe('a failure', () => {
  const failingWith = (error: unknown) =>
    createTestApp({
      alter: (portcullis) => ({
        ...portcullis,
        reads: { ...portcullis.reads, visibleResources: () => Promise.reject(error) },
      }),
    })

  it('inside is a 500 without a word of its cause, and logged with it', async () => {
    const broken = await failingWith(new Error('SELECT secret FROM users at /srv/app.ts:1'))
    const answer = await request(broken.app)
      .get('/resources')
      .set({ ...as(await broken.bearer('uma')), 'x-request-id': 'req-500' })
    expect(answer.status).toBe(500)
    expect(answer.text).not.toMatch(/SELECT|app\.ts|at /)
    expect(broken.logged.join('')).toContain('SELECT secret')
    expect(broken.logged.join('')).toContain('req-500')
  })

  it('to finish in time is a 503 at the deadline, and the late answer goes nowhere', async () => {
    let finish: () => void = () => {}
    const stuck = await createTestApp({
      requestBudgetMs: 20,
      alter: (portcullis) => ({
        ...portcullis,
        reads: {
          ...portcullis.reads,
          visibleResources: async (...given) => {
            await new Promise<void>((resolve) => {
              finish = resolve
            })
            return portcullis.reads.visibleResources(...given)
          },
        },
      }),
    })
    const answer = await request(stuck.app)
      .get('/resources')
      .set(as(await stuck.bearer('uma')))
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1'])
    finish()
    await new Promise((resolve) => setImmediate(resolve))
    expect(stuck.logged.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'info', problem: 'deadline-exceeded', msg: 'requests are refused' },
      { level: 'warn', res: { status: 503, problem: 'deadline-exceeded' } },
    ])
  })
})

describe('the process', () => {
  it('lives, is ready or not, and shows its parts on request', async () => {
    let ready = false
    const starting = await createTestApp({ ready: () => ready })
    expect((await request(starting.app).get('/livez')).body).toEqual({ status: 'ok' })
    const refused = await request(starting.app).get('/readyz?verbose')
    expect([refused.status, refused.headers['retry-after'], refused.body.redis]).toEqual([503, '1', 'up'])
    ready = true
    expect((await request(starting.app).get('/readyz')).body).toEqual({ status: 'ok' })
    expect((await request(starting.app).get('/readyz?verbose')).body).toEqual({ status: 'ok', redis: 'up' })
  })

  it('counts requests by template and never by id, on the main port only without a port of its own', async () => {
    await request(test.app).get('/users/someone-special').set(as(adam))
    const metrics = await request(test.app)
      .get('/metrics')
      .set('accept', 'application/openmetrics-text;version=1.0.0, text/plain;q=0.5')
    expect(metrics.status).toBe(200)
    expect(metrics.headers['content-type']).toContain('text/plain')
    expect(metrics.text).toContain(
      'portcullis_http_request_duration_seconds_count{method="GET",route="/users/:id",status="404"}',
    )
    expect(metrics.text).not.toContain('someone-special')
    const separate = await createTestApp({ metricsPort: 9090 })
    expect((await request(separate.app).get('/metrics')).status).toBe(404)
  })

  it('replaces a request id that could break a log line or a header', async () => {
    for (const id of ['with space', 'x'.repeat(129), '{"a":1}']) {
      const { 'x-request-id': used } = (await request(test.app).get('/livez').set('x-request-id', id)).headers
      expect(used).toMatch(/^[0-9a-f-]{36}$/)
    }
  })

  it('tells how long it took when asked to', async () => {
    const timed = await createTestApp({ serverTiming: true })
    const answer = await request(timed.app)
      .get('/resources')
      .set(as(await timed.bearer('uma')))
    expect(answer.headers['server-timing']).toMatch(/^total;dur=\d+\.\d\d$/)
  })
})
