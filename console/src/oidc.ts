/**
 * Sign-in by OpenID Connect: code with PKCE, as a public client. What must survive the redirect to the issuer and back
 * (never a token) is in the session storage, and is removed when the answer is read.
 */
import * as oauth from 'oauth4webapi'
import { createStore, useStore } from './store.ts'

export interface SignInConfiguration {
  readonly issuer: string
  readonly clientId: string
  readonly scope: string
  readonly resource?: string
}

/** Null: people paste a token. Undefined: not known yet. */
const configuration = createStore<SignInConfiguration | null | undefined>(undefined)
export const useSignIn = (): SignInConfiguration | null => useStore(configuration) ?? null

export async function loadConfiguration(): Promise<void> {
  const answer = await fetch('/console/configuration')
  const { signIn } = (await answer.json()) as { readonly signIn: SignInConfiguration | null }
  configuration.set(signIn)
}

const PENDING = 'portcullis-sign-in'

interface Pending {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  /** Where the person was. */
  readonly place: string
}

const redirectUri = () => window.location.origin + window.location.pathname

/** Leads to the issuer. @throws where it cannot be reached */
export async function leaveForIssuer(config: SignInConfiguration): Promise<void> {
  const { authorization_endpoint: endpoint } = await discovered(config)
  if (endpoint === undefined) throw new Error('the issuer has no authorization endpoint')
  const pending: Pending = {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    verifier: oauth.generateRandomCodeVerifier(),
    place: window.location.hash,
  }
  const url = new URL(endpoint)
  const parameters = {
    client_id: config.clientId,
    redirect_uri: redirectUri(),
    response_type: 'code',
    scope: config.scope,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
    ...resourceOf(config),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  sessionStorage.setItem(PENDING, JSON.stringify(pending))
  window.location.assign(url)
}

/** @returns the access token; null if this is not a return from the issuer. @throws if the issuer refused */
export async function returnFromIssuer(): Promise<string | null> {
  const stored = sessionStorage.getItem(PENDING)
  sessionStorage.removeItem(PENDING)
  const here = new URL(window.location.href)
  if (!here.searchParams.has('state')) return null
  const pending = stored === null ? null : (JSON.parse(stored) as Pending)
  history.replaceState(null, '', `${here.pathname}${pending?.place ?? ''}`)
  window.dispatchEvent(new HashChangeEvent('hashchange'))
  const config = configuration.get()
  if (pending === null || !config) throw new Error('this sign-in was not begun in this tab')
  const server = await discovered(config)
  const client: oauth.Client = { client_id: config.clientId, token_endpoint_auth_method: 'none' }
  const answer = oauth.validateAuthResponse(server, client, here, pending.state)
  const granted = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    answer,
    redirectUri(),
    pending.verifier,
    { ...insecure(config), additionalParameters: resourceOf(config) },
  )
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, granted, {
    expectedNonce: pending.nonce,
    requireIdToken: true,
  })
  return tokens.access_token
}

async function discovered(config: SignInConfiguration): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(config.issuer)
  const answer = await oauth.discoveryRequest(issuer, { ...insecure(config), algorithm: 'oidc' })
  return oauth.processDiscoveryResponse(issuer, answer)
}

/** Without TLS an issuer may only be on this machine, as the service's configuration has checked. */
const insecure = ({ issuer }: SignInConfiguration) =>
  issuer.startsWith('http:') ? { [oauth.allowInsecureRequests]: true } : {}

const resourceOf = ({ resource }: SignInConfiguration): Readonly<Record<string, string>> =>
  resource === undefined ? {} : { resource }
