import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../../test/support/app.ts'
import { createLocalCounter, createRateLimits, type Quota } from './rate-limits.ts'

const LIMITS: Readonly<Record<Quota, number>> = { read: 2, write: 3, admin: 1, import: 1 }

async function limitedApp(limits = LIMITS) {
  const clock = { nowMs: 0 }
  const nowMs = () => clock.nowMs
  const shared = ({ limit }: { limit: number }) => createLocalCounter({ limit, windowMs: 60_000, nowMs })
  const app = await createTestApp({ rateLimits: createRateLimits({ limits, shared, nowMs }) })
  const get = async (path: string, user: string, roles: string[] = []) =>
    request(app.app)
      .get(path)
      .set('authorization', await app.bearer(user, { roles }))
  return { ...app, clock, get }
}

describe('rate limits', () => {
  it('say what is left, refuse what is over it with Retry-After, and start over with the next window', async () => {
    const { get, clock } = await limitedApp()
    const first = await get('/resources', 'uma')
    expect(first.headers['ratelimit-policy']).toBe('"read";q=2;w=60')
    expect(first.headers.ratelimit).toBe('"read";r=1;t=60')
    clock.nowMs = 20_500
    expect((await get('/me', 'uma')).headers.ratelimit).toBe('"read";r=0;t=40')
    const refused = await get('/resources', 'uma')
    expect([refused.status, refused.headers['retry-after'], refused.body.type]).toEqual([
      429,
      '40',
      'urn:portcullis:problem:too-many-requests',
    ])
    expect(refused.headers.ratelimit).toBe('"read";r=0;t=40')
    clock.nowMs = 60_000
    expect((await get('/resources', 'uma')).status).toBe(200)
  })

  it('are each subject’s own, and each quota’s own', async () => {
    const { get } = await limitedApp()
    for (const _ of [1, 2, 3]) await get('/resources', 'uma')
    expect((await get('/resources', 'maria')).status).toBe(200)
    expect((await get('/admin/cache', 'cora', ['cache-admin'])).status).toBe(200)
    expect((await get('/admin/cache', 'cora', ['cache-admin'])).status).toBe(429)
    expect((await get('/me', 'cora')).status).toBe(200)
  })

  it('count against the caller, not against whom the question is about', async () => {
    const { app, get, bearer } = await limitedApp()
    const ask = async (user: string) =>
      request(app)
        .post('/access/v1/evaluation')
        .set('authorization', await bearer(user, { roles: ['reader'] }))
        .send({
          subject: { type: 'user', id: 'uma' },
          action: { name: 'read' },
          resource: { type: 'repository', id: 'repo/one' },
        })
    for (const status of [200, 200, 429]) expect((await ask('gateway')).status).toBe(status)
    expect((await get('/users/uma/groups', 'gateway', ['reader'])).status).toBe(429)
    expect((await get('/users/uma/groups', 'uma')).status).toBe(200)
    expect((await ask('another')).status).toBe(200)
  })

  it('do nothing to a request refused for its token, and nothing at all when they are 0', async () => {
    const { app, get } = await limitedApp({ ...LIMITS, read: 0 })
    for (const _ of [1, 2, 3, 4]) {
      const answer = await get('/resources', 'uma')
      expect([answer.status, answer.headers.ratelimit]).toEqual([200, undefined])
    }
    expect((await request(app).get('/resources')).headers.ratelimit).toBeUndefined()
  })

  it('refuse a write before its body is read or its caller looked up', async () => {
    const { app, calls, bearer } = await limitedApp({ ...LIMITS, import: 1 })
    const send = async () =>
      request(app)
        .post('/import')
        .set('authorization', await bearer('adam', { roles: ['admin'] }))
        .send({})
    expect((await send()).status).toBe(200)
    const before = calls.length
    expect((await send()).status).toBe(429)
    expect(calls.length).toBe(before)
  })
})

describe('CORS', () => {
  const origin = 'https://app.example.com'

  it('is off unless configured', async () => {
    const { app, bearer } = await createTestApp()
    const answer = await request(app)
      .get('/me')
      .set({ origin, authorization: await bearer('uma') })
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  it('answers the configured origins alone, preflights included, and never with credentials', async () => {
    const { app, bearer } = await createTestApp({ corsOrigins: [origin] })
    const authorization = await bearer('uma')
    const allowed = await request(app).get('/me').set({ origin, authorization })
    expect(allowed.headers['access-control-allow-origin']).toBe(origin)
    expect(allowed.headers.vary).toMatch(/Origin/)
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined()
    const other = await request(app).get('/me').set({ origin: 'https://evil.example', authorization })
    expect([other.status, other.headers['access-control-allow-origin']]).toEqual([200, undefined])
    const preflight = await request(app)
      .options('/resources')
      .set({ origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' })
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, origin])
    expect(preflight.headers['access-control-allow-headers']).toContain('Authorization')
    expect(preflight.headers['x-content-type-options']).toBe('nosniff')
  })
})
