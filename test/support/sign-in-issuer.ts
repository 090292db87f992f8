/**
 * A real OpenID provider with a page to sign in: it accepts any name, which becomes the subject of its access tokens.
 */
import { generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet } from 'jose'
import { createAuthentication } from '../../src/http/index.ts'
import { AUDIENCE } from './app.ts'

type ProviderModule = new (issuer: string, configuration: object) => { callback(): http.RequestListener }

const require = createRequire(import.meta.url)
const { default: Provider } = require('oidc-provider') as { default: ProviderModule }

export interface SignInIssuer {
  readonly issuer: string
  /** What takes its access tokens. */
  verifier(): { readonly authentication: ReturnType<typeof createAuthentication> }
  close(): Promise<void>
}

export async function startSignInIssuer({
  redirectUri,
  claims,
}: {
  readonly redirectUri: string
  readonly claims: object
}): Promise<SignInIssuer> {
  let answer: http.RequestListener = (_req, res) => void res.writeHead(503).end()
  const server = http.createServer((req, res) => answer(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'console',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [redirectUri],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'key', use: 'sig', alg: 'ES256' }] },
    cookies: { keys: ['of this test alone'] },
    clientBasedCORS: () => true,
    pkce: { required: () => true },
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: () => claims,
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:portcullis',
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: '',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  })
  answer = provider.callback()
  return {
    issuer,
    verifier: () => ({
      authentication: createAuthentication({
        keys: createRemoteJWKSet(new URL(`${issuer}/jwks`)),
        issuer,
        audience: AUDIENCE,
        algorithms: ['ES256'],
        rolesClaim: 'roles',
        nowMs: Date.now,
      }),
    }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
