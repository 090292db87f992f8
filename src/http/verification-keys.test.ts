import http from 'node:http'
import type { AddressInfo } from 'node:net'
import request from 'supertest'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createTestApp, signToken, type TestKeys, type TokenOptions, testKeys } from '../../test/support/app.ts'
import { createAuthentication } from './authentication.ts'
import { type KeySetReports, remoteKeys } from './verification-keys.ts'

/** An identity provider whose key set can be changed, broken and counted. */
async function identityProvider(...keys: TestKeys[]) {
  const state = { keys, others: [] as unknown[], mode: 'ok' as 'ok' | 'failing' | 'garbage' | 'hanging', asked: 0 }
  const server = http.createServer((_req, res) => {
    state.asked += 1
    if (state.mode === 'hanging') return
    if (state.mode === 'failing') res.writeHead(500).end()
    else if (state.mode === 'garbage') res.end('<html>')
    else res.end(JSON.stringify({ keys: [...state.others, ...state.keys.map((key) => key.publicJwk)] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks` }
}

function verifier(url: string, reports?: KeySetReports) {
  const nowMs = () => Date.now()
  return createAuthentication({
    keys: remoteKeys({ from: { url }, nowMs, ...(reports && { reports }) }),
    issuer: 'https://portcullis.test',
    audience: 'portcullis',
    algorithms: ['ES256'],
    rolesClaim: 'roles',
    nowMs,
  })
}

const bearer = async (keys: TestKeys, subject: string, options?: TokenOptions) =>
  `Bearer ${await signToken(keys, subject, options)}`
const nameless = { header: { kid: undefined } }

const UNUSABLE: [string, (keys: TestKeys) => unknown][] = [
  ['off the curve', ({ publicJwk }) => ({ ...publicJwk, y: publicJwk.x })],
  ['x5c only', () => ({ kty: 'EC', crv: 'P-256', kid: 'bad', use: 'sig', alg: 'ES256', x5c: ['MIIB'] })],
  ['private', ({ publicJwk }) => ({ ...publicJwk, d: publicJwk.x })],
  ['a shared secret', () => ({ kty: 'oct', k: 'c2VjcmV0', kid: 'bad', alg: 'HS256' })],
  ['not an object', () => 'bad'],
  ['null', () => null],
  ['without a type', () => ({ kid: 'bad', alg: 'ES256' })],
]

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
    const authentication = verifier(url)
    await authentication.authenticate(await bearer(first, 'u'))
    state.keys = [first, second]
    await expect(authentication.authenticate(await bearer(second, 'u'))).resolves.toMatchObject({ id: 'u' })
    expect(state.asked).toBe(2)
    const invented = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => bearer(await testKeys(`invented-${at}`), 'u')),
    )
    const began = performance.now()
    await Promise.all(
      invented.map((token) =>
        expect(authentication.authenticate(token)).rejects.toMatchObject({ code: 'unauthenticated' }),
      ),
    )
    expect(state.asked, 'all of them share one').toBe(3)
    await expect(authentication.authenticate(invented[0])).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(state.asked).toBe(4)
    expect(performance.now() - began, 'two fetches begin a second apart').toBeGreaterThanOrEqual(1000)
  })

  it('is fetched again for a token that came while it was being fetched', async () => {
    const first = await testKeys('first')
    const second = await testKeys('second')
    const { state, url } = await identityProvider(first)
    const authentication = verifier(url)
    const early = authentication.authenticate(await bearer(first, 'u'))
    // The first answer may have been on its way before the second key was there.
    await vi.waitFor(() => expect(state.asked).toBe(1), { interval: 1 })
    state.keys = [first, second]
    await expect(authentication.authenticate(await bearer(second, 'u'))).resolves.toMatchObject({ id: 'u' })
    await early
  })

  it('is fetched again for a token without a key id that no held key verifies', async () => {
    const first = await testKeys('first')
    const second = await testKeys('second')
    const { state, url } = await identityProvider(first)
    const authentication = verifier(url)
    await authentication.authenticate(await bearer(first, 'u', nameless))
    state.keys = [second]
    await expect(authentication.authenticate(await bearer(second, 'u', nameless))).resolves.toMatchObject({ id: 'u' })
  })

  it('is tried key by key for a token without a key id, up to a bound', async () => {
    const keys = await Promise.all(Array.from({ length: 18 }, (_, at) => testKeys(`key-${at}`)))
    const [first, , third] = keys as [TestKeys, TestKeys, TestKeys]
    const { url } = await identityProvider(...keys)
    const authentication = verifier(url)
    for (const key of [first, third])
      await expect(authentication.authenticate(await bearer(key, 'u', nameless))).resolves.toMatchObject({ id: 'u' })
    const last = keys.at(-1) as TestKeys
    await expect(authentication.authenticate(await bearer(last, 'u', nameless))).rejects.toMatchObject({
      code: 'unauthenticated',
    })
    await expect(authentication.authenticate(await bearer(last, 'u'))).resolves.toMatchObject({ id: 'u' })
  })

  it.each(UNUSABLE)('with a key that is %s serves the others, and refuses tokens that name it', async (_what, bad) => {
    const good = await testKeys('good')
    const named = await testKeys('bad')
    const { state, url } = await identityProvider(good)
    const told: string[] = []
    const jwk = bad(named)
    state.others = [jwk]
    const authentication = verifier(url, {
      unavailable: (reason) => told.push(`unavailable: ${reason}`),
      availableAgain: () => told.push('available'),
      unusable: (keys) => told.push(...keys),
      allUsable: () => told.push('all usable'),
    })
    for (let round = 0; round < 2; round++) {
      await expect(authentication.authenticate(await bearer(named, 'u'))).rejects.toMatchObject({
        code: 'unauthenticated',
      })
      await expect(authentication.authenticate(await bearer(good, `u${round}`))).resolves.toMatchObject({
        id: `u${round}`,
      })
    }
    expect(told).toEqual([expect.stringMatching(/^key ("bad"|number 1) /)])
    expect(JSON.stringify(told)).not.toContain(String(named.publicJwk.x))
  })

  it('says when no key is ignored any more', async () => {
    const key = await testKeys('good')
    const { state, url } = await identityProvider(key)
    const told: string[] = []
    const keys = remoteKeys({
      from: { url },
      nowMs: Date.now,
      reports: {
        unavailable: () => {},
        availableAgain: () => {},
        unusable: (all) => told.push(`ignored: ${all.length}`),
        allUsable: () => told.push('all usable'),
      },
    })
    for (const others of [[], [{ kty: 'oct', k: 'AA' }], [{ kty: 'oct', k: 'AA' }], [], []]) {
      state.others = others
      await keys.renew?.()
    }
    expect(told).toEqual(['ignored: 1', 'all usable'])
  })

  it('says why it cannot be fetched once for each reason, and when it can again', async () => {
    const key = await testKeys('a')
    const { state, url } = await identityProvider(key)
    const told: string[] = []
    const authentication = verifier(url, {
      unavailable: (reason) => told.push(reason),
      availableAgain: () => told.push('available'),
      unusable: () => told.push('unusable'),
      allUsable: () => told.push('all usable'),
    })
    const startMs = Date.now()
    const attempt = async (atMs: number) =>
      withDateMoved(startMs + atMs, async () => {
        await authentication.authenticate(await bearer(key, 'u')).catch(() => {})
      })
    state.mode = 'failing'
    await attempt(0)
    await attempt(2000)
    state.mode = 'garbage'
    await attempt(4000)
    await attempt(6000)
    state.mode = 'ok'
    await attempt(8000)
    expect(told).toEqual(['the answer has the status 500', 'the answer is not a JWK set', 'available'])
  })

  it('that cannot be fetched is a 503 for a token that may be good, and a 401 for one that cannot', async () => {
    const key = await testKeys('a')
    const { state, url } = await identityProvider(key)
    state.mode = 'failing'
    const authentication = verifier(url)
    const codeOf = async (authorization: string) =>
      authentication.authenticate(authorization).catch((error: { code: string }) => error.code)
    const nowS = Math.floor(Date.now() / 1000)
    const raw = (payload: string, header = { alg: 'ES256', kid: 'a' }) =>
      `Bearer ${[JSON.stringify(header), payload].map((part) => Buffer.from(part).toString('base64url')).join('.')}.AAAA`
    const claims = { sub: 'u', iss: 'https://portcullis.test', aud: 'portcullis', exp: nowS + 60 }
    for (const [what, token] of Object.entries({
      expired: await bearer(key, 'u', { expiresAt: nowS - 60 }),
      'not yet valid': await bearer(key, 'u', { claims: { nbf: nowS + 60 } }),
      'of another issuer': await bearer(key, 'u', { issuer: 'https://other.test' }),
      'for another audience': await bearer(key, 'u', { audience: 'other' }),
      'of another type': await bearer(key, 'u', { header: { typ: 'dpop+jwt' } }),
      'without a subject': await bearer(key, ''),
      'with another algorithm': raw(JSON.stringify(claims), { alg: 'RS256', kid: 'a' }),
      unparsable: raw('{'),
      'without an end': raw(JSON.stringify({ ...claims, exp: undefined })),
      'with an infinite end': raw(JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999')),
      'no token': 'Bearer x',
    }))
      expect([what, await codeOf(token)]).toEqual([what, 'unauthenticated'])
    expect(state.asked, 'none of these asked for a key').toBe(0)
    expect(await codeOf(await bearer(key, 'u'))).toBe('authentication-unavailable')
    expect(await codeOf(await bearer(key, 'u', nameless))).toBe('authentication-unavailable')
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
    // Past the age at which the set would be fetched again.
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
