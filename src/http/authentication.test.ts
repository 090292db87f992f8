import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import request from 'supertest'
import { beforeAll, describe, expect, it } from 'vitest'
import { createTestApp, signToken, type TestApp, testKeys } from '../../test/support/app.ts'

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const nowS = () => Math.floor(Date.now() / 1000)
const claims = () => ({
  sub: 'adam',
  iss: 'https://portcullis.test',
  aud: 'portcullis',
  exp: nowS() + 600,
  roles: ['admin'],
})

describe('a bearer token', () => {
  let test: TestApp
  beforeAll(async () => {
    test = await createTestApp()
  })

  const get = (authorization: string) => request(test.app).get('/users').set('authorization', authorization)

  async function refused(token: string) {
    const answer = await get(`Bearer ${token}`)
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="portcullis", error="invalid_token"')
    expect(answer.body).toMatchObject({ type: 'urn:portcullis:problem:unauthenticated', status: 401 })
  }

  it('of an admin is accepted, the first time and when it is remembered', async () => {
    const authorization = await test.bearer('adam', { roles: ['admin'] })
    for (const _ of [1, 2, 3]) expect((await get(authorization)).status).toBe(200)
  })

  it.each(['at+jwt', 'JWT', 'jwt', 'application/at+jwt', undefined])('may have the type %s', async (typ) => {
    expect((await get(await test.bearer('adam', { roles: ['admin'], header: { typ } }))).status).toBe(200)
  })

  it.each(['dpop+jwt', 'logout+jwt', 'id_token', '', ['JWT'], null, 5])('may not have the type %j', async (typ) => {
    await refused(await test.token('adam', { roles: ['admin'], header: { typ } }))
  })

  it('is not accepted without a signature', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
      await refused(`${base64url({ alg, typ: 'JWT' })}.${base64url(claims())}.`)
      await refused(`${base64url({ alg, typ: 'JWT' })}.${base64url(claims())}.AA`)
    }
  })

  it('is not accepted when signed with the public key as a shared secret', async () => {
    const header = base64url({ alg: 'HS256', typ: 'JWT', kid: 'test-key' })
    const secrets = [
      JSON.stringify(test.keys.publicJwk),
      String(test.keys.publicJwk.x),
      Buffer.from(String(test.keys.publicJwk.x), 'base64url'),
    ]
    for (const secret of secrets) {
      const signature = createHmac('sha256', secret)
        .update(`${header}.${base64url(claims())}`)
        .digest('base64url')
      await refused(`${header}.${base64url(claims())}.${signature}`)
    }
  })

  it('cannot bring its own key', async () => {
    const attacker = await testKeys()
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    for (const header of [
      { jwk: attacker.publicJwk },
      { jku: 'https://attacker.example/jwks' },
      { x5u: 'https://attacker.example/cert' },
      { x5c: ['MIIB'] },
      { kid: 'test-key', jwk: attacker.publicJwk },
    ])
      await refused(await signToken(attacker, 'adam', { roles: ['admin'], header }))
    const rsaHeader = base64url({ alg: 'RS256', typ: 'JWT', jwk: publicKey.export({ format: 'jwk' }) })
    const signature = sign('sha256', Buffer.from(`${rsaHeader}.${base64url(claims())}`), privateKey).toString(
      'base64url',
    )
    await refused(`${rsaHeader}.${base64url(claims())}.${signature}`)
  })

  it.each([
    '../../../../dev/null',
    "' OR 1=1 --",
    '/dev/zero',
    'test-key\u0000',
    '',
    'http://attacker.example/',
    '; ls',
  ])('with the key id %j leads nowhere', async (kid) =>
    refused(await test.token('adam', { roles: ['admin'], header: { kid } })),
  )

  it('is refused for another issuer or audience, also nearly equal ones', async () => {
    for (const issuer of ['https://evil.test', 'https://portcullis.test/', 'https://portcullis.tes', ''])
      await refused(await test.token('adam', { issuer }))
    for (const audience of ['other', 'Portcullis', 'portcullis ', ''])
      await refused(await test.token('adam', { audience }))
  })

  it('may be meant for others beside', async () => {
    const meantFor = (aud: unknown) => rawToken({ ...claims(), aud }, test.keys.privateKey)
    for (const aud of [['portcullis'], ['https://other.test', 'portcullis', 'account']])
      expect((await get(`Bearer ${await meantFor(aud)}`)).status).toBe(200)
    for (const aud of [[], ['https://other.test', 'portcullis2'], [['portcullis']], { 0: 'portcullis' }, null])
      await refused(await meantFor(aud))
  })

  it('is refused without a subject, with an impossible one, and without an end', async () => {
    for (const sub of ['', 'a\u0000b', 'line\nbreak', 'x'.repeat(201)]) await refused(await test.token(sub))
    const { exp: _, ...endless } = claims()
    const { privateKey } = test.keys
    await refused(await rawToken(endless, privateKey))
    await refused(await rawToken({ ...claims(), sub: 7 }, privateKey))
    await refused(await rawToken({ ...claims(), sub: ['adam'] }, privateKey))
  })

  it('counts to the second, with five seconds of tolerance, at its start and its end', async () => {
    await refused(await test.token('adam', { expiresAt: nowS() - 6 }))
    expect((await get(await test.bearer('adam', { roles: ['admin'], expiresAt: nowS() - 2 }))).status).toBe(200)
    await refused(await test.token('adam', { claims: { nbf: nowS() + 8 } }))
    expect((await get(await test.bearer('adam', { roles: ['admin'], claims: { nbf: nowS() + 3 } }))).status).toBe(200)
  })

  it.each(['exp', 'nbf', 'iat'])('is refused when its %s is not a finite time', async (name) => {
    for (const number of ['1e999', '-1e999', '1e300', '9007199254740993']) {
      const payload = JSON.stringify({ ...claims(), [name]: 0 }).replace(`"${name}":0`, `"${name}":${number}`)
      await refused(await rawToken(payload, test.keys.privateKey))
    }
  })

  it('counts with all its roles, however many come before the one that matters', async () => {
    const many = Array.from({ length: 500 }, (_, at) => `r${at}`)
    expect((await get(await test.bearer('adam', { roles: [...many, 'admin'] }))).status).toBe(200)
  })

  it('is refused when truncated, re-padded, or spelt in another way', async () => {
    const token = await test.token('adam', { roles: ['admin'] })
    const [header = '', payload = '', signature = ''] = token.split('.')
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // 64 bytes leave four bits of the last character unused: sixteen spellings of one signature.
    const last = alphabet.indexOf(signature.slice(-1))
    const respelt = signature.slice(0, -1) + alphabet[last ^ 1]
    expect(Buffer.from(respelt, 'base64url')).toEqual(Buffer.from(signature, 'base64url'))
    for (const damaged of [
      token.slice(0, -1),
      `${token}=`,
      `${token}==`,
      `${token}A`,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      `${token}.${signature}`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}.${respelt}`,
      `${header}.${payload}.${signature.replaceAll('-', '+').replaceAll('_', '/')}+`,
    ])
      await refused(damaged)
  })

  it('is refused when any part was changed after signing', async () => {
    const [header = '', , signature = ''] = (await test.token('uma')).split('.')
    await refused(`${header}.${base64url(claims())}.${signature}`)
  })

  it('is refused when its header insists on what is not understood', async () => {
    await refused(await rawToken(claims(), test.keys.privateKey, { crit: ['exp'], exp: 1 }))
    await refused(
      await rawToken(claims(), test.keys.privateKey, {
        crit: ['http://example/unknown'],
        'http://example/unknown': true,
      }),
    )
  })

  it.each([undefined, 'Basic YWRhbTphZGFt', 'Bearer', 'Bearer ', 'Token abc', 'bearer', 'null'])(
    'is asked for without an error by %j, which is no bearer token (RFC 6750, 3.1)',
    async (authorization) => {
      const answer = await (authorization === undefined ? request(test.app).get('/users') : get(authorization))
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="portcullis"')
    },
  )

  it('in two words is malformed, which is an invalid token there', async () => {
    const answer = await get('Bearer a b')
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="portcullis", error="invalid_token"')
  })

  it.each([
    ['a list', ['admin'], 200],
    ['one string', 'user admin', 200],
    ['part of a word', ['administrator', 'Admin', ' admin'], 403],
    ['an object', { admin: true }, 403],
    ['nested lists', [['admin']], 403],
    ['a number', 1, 403],
  ])('gives roles as %s', async (_form, roles, status) => {
    expect((await get(await test.bearer('adam', { roles }))).status).toBe(status)
  })

  it('that is remembered still ends with its expiry', async () => {
    let nowMs = Date.now()
    const timed = await createTestApp({ nowMs: () => nowMs })
    const authorization = await timed.bearer('uma', { expiresAt: Math.floor(nowMs / 1000) + 60 })
    const get = () => request(timed.app).get('/resources').set('authorization', authorization)
    expect((await get()).status).toBe(200)
    nowMs += 59_000
    expect((await get()).status).toBe(200)
    nowMs += 10_000
    expect((await get()).status).toBe(401)
  })

  it('never reaches the log', async () => {
    const authorization = await test.bearer('adam', { roles: ['admin'] })
    await get(authorization)
    expect(test.logged.length).toBeGreaterThan(0)
    expect(test.logged.join('\n')).not.toContain(authorization.split('.')[2])
  })
})

async function rawToken(
  payload: object | string,
  key: TestApp['keys']['privateKey'],
  header: Record<string, unknown> = {},
): Promise<string> {
  const signed = `${base64url({ alg: 'ES256', typ: 'JWT', kid: 'test-key', ...header })}.${typeof payload === 'string' ? Buffer.from(payload).toString('base64url') : base64url(payload)}`
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signed))
  return `${signed}.${Buffer.from(signature).toString('base64url')}`
}
