/** A real OpenID provider on a free port, which gives access tokens to a client for its own name. */
import { generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'

/** What is used of it; it comes without types. */
type ProviderModule = new (issuer: string, configuration: object) => { callback(): http.RequestListener }

const require = createRequire(import.meta.url)
const { default: Provider } = require('oidc-provider') as { default: ProviderModule }

/** Tokens that say everything themselves need no memory; without an adapter the provider warns of its own. */
class NoMemory {
  async find() {}
  async upsert() {}
  async consume() {}
  async destroy() {}
  async revokeByGrantId() {}
}

const CLIENT = { client_id: 'gateway', client_secret: 'a secret of this test alone' }

export interface OidcIssuer {
  readonly issuer: string
  /** An access token (RFC 9068) with these claims. */
  token(): Promise<string>
  /** Signs with another key from now on. */
  rotate(): void
  close(): Promise<void>
}

export async function startOidcIssuer({
  audience,
  claims,
}: {
  readonly audience: string
  readonly claims: object
}): Promise<OidcIssuer> {
  let answer: http.RequestListener = (_req, res) => void res.writeHead(503).end()
  const server = http.createServer((req, res) => answer(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let keys = 0

  function rotate(): void {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = { ...privateKey.export({ format: 'jwk' }), kid: `key-${++keys}`, use: 'sig', alg: 'ES256' }
    const provider = new Provider(issuer, {
      clients: [
        {
          ...CLIENT,
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
          id_token_signed_response_alg: 'ES256',
        },
      ],
      adapter: NoMemory,
      ttl: { ClientCredentials: 600 },
      jwks: { keys: [key] },
      cookies: { keys: ['of no use here'] },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => 'urn:portcullis',
          getResourceServerInfo: () => ({
            scope: '',
            audience,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 600,
            jwt: { sign: { alg: 'ES256' } },
          }),
        },
      },
      extraTokenClaims: () => claims,
    })
    answer = provider.callback()
  }

  rotate()
  return {
    issuer,
    rotate,
    async token() {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${CLIENT.client_id}:${encodeURIComponent(CLIENT.client_secret)}`).toString('base64')}`,
        },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      })
      const { access_token: token, ...rest } = (await response.json()) as { access_token?: string }
      if (token === undefined) throw new Error(JSON.stringify(rest))
      return token
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
