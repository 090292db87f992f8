/** Tokens of real OpenID providers: keys by the discovery document, users and roles by other claims, several issuers. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { signToken, testKeys } from '../../test/support/app.ts'
import { type OidcIssuer, startOidcIssuer } from '../../test/support/oidc-issuer.ts'
import { createAuthentication } from './authentication.ts'
import type { TrustedIssuer } from './token-verification.ts'
import { remoteKeys } from './verification-keys.ts'

const AUDIENCE = 'portcullis'
const closing: (() => Promise<unknown>)[] = []
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))

async function issuerWith(claims: object, audience = AUDIENCE): Promise<OidcIssuer> {
  const issuer = await startOidcIssuer({ audience, claims })
  closing.push(issuer.close)
  return issuer
}

const trust = (issuer: string, mapping: Partial<TrustedIssuer> = {}): TrustedIssuer => ({
  issuer,
  audience: AUDIENCE,
  algorithms: ['ES256'],
  keys: remoteKeys({ from: { issuer }, nowMs: Date.now }),
  rolesClaim: 'roles',
  ...mapping,
})
const bearer = async (issuer: OidcIssuer) => `Bearer ${await issuer.token()}`

describe('an OpenID provider', () => {
  it('is known by its issuer alone: the discovery document names the keys', async () => {
    const provider = await issuerWith({ roles: ['reader'] })
    const { authenticate } = createAuthentication({ ...trust(provider.issuer), nowMs: Date.now })
    expect(await authenticate(await bearer(provider))).toMatchObject({ id: 'gateway', isReader: true, isAdmin: false })
  })

  it('may change its keys', async () => {
    const provider = await issuerWith({})
    const { authenticate } = createAuthentication({ ...trust(provider.issuer), nowMs: Date.now })
    await authenticate(await bearer(provider))
    provider.rotate()
    expect(await authenticate(await bearer(provider))).toMatchObject({ id: 'gateway' })
  })

  it.each([
    ['oid', { oid: '00-11' }, '00-11'],
    ['user.name', { user: { name: 'alice' } }, 'alice'],
    ['https://example.com/user.id', { 'https://example.com/user.id': 'bob' }, 'bob'],
  ])('names the user in the claim %s', async (userClaim, claims, id) => {
    const provider = await issuerWith(claims)
    const { authenticate } = createAuthentication({ ...trust(provider.issuer, { userClaim }), nowMs: Date.now })
    expect(await authenticate(await bearer(provider))).toMatchObject({ id })
  })

  it.each([
    ['absent', {}],
    ['a number', { oid: 7 }],
    ['empty', { oid: '' }],
    ['a list', { oid: ['alice'] }],
    ['not a user id', { oid: 'x'.repeat(201) }],
  ])('names nobody where that claim is %s', async (_what, claims) => {
    const provider = await issuerWith(claims)
    const { authenticate } = createAuthentication({ ...trust(provider.issuer, { userClaim: 'oid' }), nowMs: Date.now })
    await expect(authenticate(await bearer(provider))).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it.each([
    ['realm_access.roles', { realm_access: { roles: ['admin', 'offline_access'] } }],
    ['resource_access.portcullis.roles', { resource_access: { portcullis: { roles: ['admin'] } } }],
    ['https://example.com/roles', { 'https://example.com/roles': ['admin'] }],
    ['scp', { scp: 'openid admin' }],
  ])('gives roles in %s', async (rolesClaim, claims) => {
    const provider = await issuerWith(claims)
    const { authenticate } = createAuthentication({ ...trust(provider.issuer, { rolesClaim }), nowMs: Date.now })
    expect(await authenticate(await bearer(provider))).toMatchObject({ isAdmin: true, isCacheAdmin: false })
  })

  it.each(['constructor.name', 'toString', 'realm_access.roles.length', 'roles.0.1'])(
    'gives none where the path leads nowhere: %s',
    async (rolesClaim) => {
      const provider = await issuerWith({ realm_access: { roles: ['admin'] }, roles: ['admin'] })
      const { authenticate } = createAuthentication({ ...trust(provider.issuer, { rolesClaim }), nowMs: Date.now })
      expect(await authenticate(await bearer(provider))).toMatchObject({ roles: [] })
    },
  )
})

describe('several issuers', () => {
  it('are each judged by their own audience, keys and claims', async () => {
    const first = await issuerWith({ roles: ['admin'], oid: 'ann' })
    const second = await issuerWith({ groups: { names: ['reader'] }, oid: 'ann' }, 'other-audience')
    const mapping = {
      audience: 'other-audience',
      userClaim: 'oid',
      userPrefix: 'second:',
      rolesClaim: 'groups.names',
    }
    const { authenticate } = createAuthentication({
      ...trust(first.issuer),
      otherIssuers: [trust(second.issuer, mapping)],
      nowMs: Date.now,
    })
    expect(await authenticate(await bearer(first))).toMatchObject({ id: 'gateway', isAdmin: true })
    expect(await authenticate(await bearer(second))).toMatchObject({ id: 'second:ann', isAdmin: false, isReader: true })
  })

  it('cannot speak for each other, nor for the audience of another', async () => {
    const first = await issuerWith({})
    const second = await issuerWith({})
    const stranger = await issuerWith({})
    const keys = await testKeys()
    const { authenticate } = createAuthentication({
      ...trust(first.issuer),
      otherIssuers: [trust(second.issuer, { audience: 'other-audience' })],
      nowMs: Date.now,
    })
    for (const authorization of [
      await bearer(second),
      await bearer(stranger),
      `Bearer ${await signToken(keys, 'ann', { issuer: first.issuer })}`,
      `Bearer ${await signToken(keys, 'ann', { issuer: second.issuer, audience: 'other-audience' })}`,
    ])
      await expect(authenticate(authorization)).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})

describe('a discovery document', () => {
  /** @param answer what the issuer says instead of its document; it serves the right keys */
  async function asked(answer: (issuer: string, res: http.ServerResponse) => void) {
    const keys = await testKeys()
    const server = http.createServer((req, res) => {
      if (req.url === '/.well-known/openid-configuration') answer(issuer, res)
      else res.end(JSON.stringify({ keys: [keys.publicJwk] }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { authenticate } = createAuthentication({ ...trust(issuer), nowMs: Date.now })
    return authenticate(`Bearer ${await signToken(keys, 'ann', { issuer })}`)
  }
  const documentOf = (issuer: string) => JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` })
  const NOBODY_CAN_TELL = { code: 'authentication-unavailable' }

  /** Nobody can tell yet whether the token is good: 503, not 401. */
  it.each([
    ['is of another issuer', (issuer: string) => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}/jwks` })],
    ['names no keys', (issuer: string) => ({ issuer })],
    ['names keys that are not addresses', (issuer: string) => ({ issuer, jwks_uri: 'file:///etc/keys' })],
    ['is not JSON', () => 'hello'],
    ['is null', () => null],
  ])('is not believed when it %s', async (_what, document) => {
    const answer = asked((issuer, res) => void res.end(JSON.stringify(document(issuer))))
    await expect(answer).rejects.toMatchObject(NOBODY_CAN_TELL)
  })

  it('may be compressed', async () => {
    const answer = asked((issuer, res) => {
      res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(documentOf(issuer)))
    })
    expect(await answer).toMatchObject({ id: 'ann' })
  })

  it.each([301, 302, 307, 308])('is not looked for elsewhere (%i)', async (status) => {
    const elsewhere = http.createServer((_req, res) => void res.end(documentOf('http://elsewhere.example')))
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    closing.push(() => new Promise((resolve) => elsewhere.close(resolve)))
    let followed = 0
    elsewhere.on('request', () => followed++)
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
    const answer = asked((_issuer, res) => void res.writeHead(status, { location }).end())
    await expect(answer).rejects.toMatchObject(NOBODY_CAN_TELL)
    expect(followed).toBe(0)
  })

  it.each([
    ['no byte', () => {}],
    ['a byte now and then', (res: http.ServerResponse) => void setInterval(() => res.write(' '), 200).unref()],
  ])('is waited for two seconds: the issuer that sends %s is unavailable', async (_what, send) => {
    const startedMs = performance.now()
    const answer = asked((_issuer, res) => {
      res.writeHead(200)
      send(res)
    })
    await expect(answer).rejects.toMatchObject(NOBODY_CAN_TELL)
    expect(performance.now() - startedMs).toBeLessThan(4000)
  })
})
