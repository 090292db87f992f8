import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTokenIssuer, readOrCreateSecret } from './token-issuer.ts'

const names = { issuer: 'https://portcullis.local', audience: 'portcullis' }
let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'portcullis-keys-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('tokens of the local stack', () => {
  it('verify with the public key file, for issuer, audience, subject and roles', async () => {
    const issuer = await createTokenIssuer({ keysDir: folder, ...names })
    const token = await issuer.issue({ subject: 'alice', roles: ['cache-admin'], ttlSeconds: 60 })
    const keys = createLocalJWKSet(JSON.parse(readFileSync(issuer.publicKeyFile, 'utf8')) as JSONWebKeySet)
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      ...names,
      algorithms: ['ES256'],
      typ: 'at+jwt',
    })
    expect(payload).toMatchObject({ sub: 'alice', roles: ['cache-admin'] })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
    expect(payload.jti).toBeTruthy()
    expect(protectedHeader.kid).toBeTruthy()
  })

  it('are signed with one key, however many commands create it at once', async () => {
    const issuers = await Promise.all([1, 2, 3, 4].map(() => createTokenIssuer({ keysDir: folder, ...names })))
    const tokens = await Promise.all(issuers.map((issuer) => issuer.issue({ subject: 'a', roles: [], ttlSeconds: 60 })))
    expect(new Set(tokens.map((token) => decodeProtectedHeader(token).kid)).size).toBe(1)
  })

  it('leave the private key to its owner and publish nothing of it', async () => {
    const { publicKeyFile } = await createTokenIssuer({ keysDir: folder, ...names })
    expect(statSync(path.join(folder, 'private.jwk.json')).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(publicKeyFile, 'utf8')).keys[0]).not.toHaveProperty('d')
  })
})

it('keeps a secret once created', () => {
  const file = path.join(folder, 'secret')
  const secret = readOrCreateSecret(file)
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
  expect(readOrCreateSecret(file)).toBe(secret)
})
