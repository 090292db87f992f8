/** Signs access tokens for the local stack with a key pair that never leaves its data folder. */
import { randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'

export interface TokenRequest {
  readonly subject: string
  readonly roles: readonly ('admin' | 'cache-admin' | 'reader' | 'scim')[]
  readonly ttlSeconds: number
}

export interface TokenIssuer {
  /** The JWKS that the API verifies with. */
  readonly publicKeyFile: string
  issue(request: TokenRequest): Promise<string>
}

/** Creates the key pair on first use; commands that start at the same time end up with the same one. */
export async function createTokenIssuer(deps: {
  readonly keysDir: string
  readonly issuer: string
  readonly audience: string
}): Promise<TokenIssuer> {
  mkdirSync(deps.keysDir, { recursive: true, mode: 0o700 })
  chmodSync(deps.keysDir, 0o700)
  const privateJwk = await readOrCreateKey(path.join(deps.keysDir, 'private.jwk.json'))
  const publicKeyFile = path.join(deps.keysDir, 'public.jwks.json')
  const { d: _secret, ...publicJwk } = privateJwk
  writeFileSync(publicKeyFile, `${JSON.stringify({ keys: [publicJwk] }, null, 2)}\n`)
  const key = await importJWK(privateJwk, 'ES256')
  const header = { alg: 'ES256', typ: 'at+jwt', ...(privateJwk.kid ? { kid: privateJwk.kid } : {}) }
  return {
    publicKeyFile,
    issue: ({ subject, roles, ttlSeconds }) =>
      new SignJWT({ roles: [...roles] })
        .setProtectedHeader(header)
        .setIssuer(deps.issuer)
        .setAudience(deps.audience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(`${ttlSeconds} seconds`)
        .setJti(randomUUID())
        .sign(key),
  }
}

async function readOrCreateKey(file: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  const kid = await calculateJwkThumbprint(jwk)
  createOnce(file, JSON.stringify({ ...jwk, alg: 'ES256', use: 'sig', kid }))
  return JSON.parse(readFileSync(file, 'utf8')) as JWK
}

/** A secret that stays the same over all starts: signs the cursors. */
export function readOrCreateSecret(file: string): string {
  createOnce(file, randomBytes(32).toString('base64url'))
  return readFileSync(file, 'utf8')
}

/** The file is complete or absent, and the first writer wins: a link never replaces a file. */
function createOnce(file: string, content: string): void {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, content, { mode: 0o600 })
  try {
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft)
  }
}
