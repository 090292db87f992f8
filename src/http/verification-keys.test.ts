import http from 'node:http'
import type { AddressInfo } from 'node:net'
import request from 'supertest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createTestApp, signToken, type TestKeys, testKeys } from '../../test/support/app.ts'
import { createAuthentication } from './authentication.ts'
import { remoteKeys } from './verification-keys.ts'

/** An identity provider whose key set can be changed, broken and counted. */
async function identityProvider(...keys: TestKeys[]) {
  const state = { keys, mode: 'ok' as 'ok' | 'failing' | 'garbage' | 'hanging', asked: 0 }
  const server = http.createServer((_req, res) => {
    state.asked += 1
    if (state.mode === 'hanging') return
    if (state.mode === 'failing') res.writeHead(500).end()
    else res.end(state.mode === 'garbage' ? '<html>' : JSON.stringify({ keys: state.keys.map((key) => key.publicJwk) }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks` }
}

function verifier(url: string, nowMs: () => number = () => Date.now()) {
  return createAuthentication({
    keys: remoteKeys({ url, nowMs }),
    issuer: 'https://portcullis.test',
    audience: 'portcullis',
    algorithms: ['ES256'],
    rolesClaim: 'roles',
    nowMs,
  })
}

const bearer = async (keys: TestKeys, subject: string) => `Bearer ${await signToken(keys, subject)}`

describe('the key set of an identity provider', () => {
  it('is fetched once for many tokens', async () => {
    const key = await testKeys('a')
    const { state, url } = await identityProvider(key)
    const authentication = verifier(url)
    const callers = await Promise.all(
      ['u1', 'u2', 'u3'].map(async (user) => authentication.authenticate(await bearer(key, user))),
    )
    expect(callers.map((caller) => caller.id)).toEqual(['u1', 'u2', 'u3'])
    expect(state.asked).toBe(1)
  })

  it('is fetched again for a key it does not hold yet, but not for every invented one', async () => {
    const first = await testKeys('first')
    const second = await testKeys('second')
    const { state, url } = await identityProvider(first)
    const startMs = Date.now()
    const authentication = verifier(url)
    await authentication.authenticate(await bearer(first, 'u'))
    state.keys = [first, second]
    // The pause between two fetches is counted by jose on the real clock; moving it is moving Date.now.
    await withDateMoved(startMs + 6000, async () => {
      await expect(authentication.authenticate(await bearer(second, 'u'))).resolves.toMatchObject({ id: 'u' })
      expect(state.asked).toBe(2)
      for (let attempt = 0; attempt < 20; attempt++)
        await expect(
          authentication.authenticate(await bearer(await testKeys(`invented-${attempt}`), 'u')),
        ).rejects.toMatchObject({ code: 'unauthenticated' })
      expect(state.asked).toBe(2)
    })
  })

  it.each(['failing', 'garbage'] as const)('that is %s makes a 503 with Retry-After, never a 401', async (mode) => {
    const key = await testKeys('a')
    const { state, url } = await identityProvider(key)
    state.mode = mode
    const { app } = await createTestApp({ authentication: verifier(url) })
    const answer = await request(app)
      .get('/me')
      .set('authorization', await bearer(key, 'u'))
    expect([answer.status, answer.headers['retry-after'], answer.body.type]).toEqual([
      503,
      '1',
      'urn:portcullis:problem:authentication-unavailable',
    ])
  })

  it('that was fetched once outlives an outage of its source: known keys count, unknown ones are a 503', async () => {
    const key = await testKeys('a')
    const other = await testKeys('b')
    const { state, url } = await identityProvider(key)
    const startMs = Date.now()
    const authentication = verifier(url)
    await authentication.authenticate(await bearer(key, 'u1'))
    state.mode = 'failing'
    // Past the age at which the set would be fetched anew.
    await withDateMoved(startMs + 700_000, async () => {
      await expect(authentication.authenticate(await bearer(key, 'u2'))).resolves.toMatchObject({ id: 'u2' })
      const askedOnce = state.asked
      await expect(authentication.authenticate(await bearer(other, 'u3'))).rejects.toMatchObject({
        code: 'authentication-unavailable',
      })
      expect(state.asked, 'right after a failure nobody waits for the next fetch').toBe(askedOnce)
      await expect(authentication.authenticate(await bearer(await testKeys('a'), 'u4'))).rejects.toMatchObject({
        code: 'unauthenticated',
      })
    })
    await withDateMoved(startMs + 600_000 + 3_600_000 + 60_000, async () => {
      await expect(authentication.authenticate(await bearer(key, 'u5'))).rejects.toMatchObject({
        code: 'authentication-unavailable',
      })
    })
  })

  it('that comes back is used at once', async () => {
    const key = await testKeys('a')
    const { state, url } = await identityProvider(key)
    state.mode = 'failing'
    const startMs = Date.now()
    const authentication = verifier(url)
    await expect(authentication.authenticate(await bearer(key, 'u'))).rejects.toMatchObject({
      code: 'authentication-unavailable',
    })
    state.mode = 'ok'
    await withDateMoved(startMs + 1500, async () => {
      await expect(authentication.authenticate(await bearer(key, 'u'))).resolves.toMatchObject({ id: 'u' })
    })
  })

  it('without the key a token names refuses the token', async () => {
    const { url } = await identityProvider(await testKeys('a'))
    await expect(verifier(url).authenticate(await bearer(await testKeys('b'), 'u'))).rejects.toMatchObject({
      code: 'unauthenticated',
    })
  })
})

async function withDateMoved(toMs: number, work: () => Promise<void>): Promise<void> {
  const real = Date.now
  const offsetMs = toMs - real()
  Date.now = () => real() + offsetMs
  try {
    await work()
  } finally {
    Date.now = real
  }
}
