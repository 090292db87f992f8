/** The keys that tokens are checked with: a key set fetched by URL, or a file for development. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose'
import { HttpError } from './problem.ts'
import { keyFault } from './weak-keys.ts'

/** The key for a token, from the set as it is held. */
export interface VerificationKeys extends JWTVerifyGetKey {
  /**
   * Resolves when the set has been fetched by a fetch that began after this call; absent where there is nothing to
   * fetch. A token that the held set does not verify may be refused only then.
   * @throws HttpError `authentication-unavailable`
   */
  readonly renew?: () => Promise<void>
}

/** Reports for an operator, sent when something changes, not each time. */
export interface KeySetReports {
  unavailable(reason: string): void
  availableAgain(): void
  /** Keys of the set that are ignored, each with its reason. */
  unusable(keys: readonly string[]): void
  /** No key is ignored any more. */
  allUsable(): void
}

export interface RemoteKeysOptions {
  /** Of the key set itself, or of an issuer whose discovery document names it. */
  readonly from: { readonly url: string } | { readonly issuer: string }
  readonly nowMs: () => number
  /** How long a set that was fetched once may be used when it cannot be fetched again, in milliseconds. */
  readonly graceMs?: number
  readonly reports?: KeySetReports
}

const FETCH_TIMEOUT_MS = 2000
/**
 * Between the beginnings of two fetches. All tokens that the held set does not verify share the next one: strangers
 * cannot cause more than one a second, and a key that was rotated in a moment ago works after a second at most.
 */
const FETCH_EVERY_MS = 1000
const FRESH_MS = 600_000
const DEFAULT_GRACE_MS = 3_600_000
const MAX_SET_BYTES = 1024 * 1024
const MAX_KEYS = 200

/**
 * A set that survives an outage of its source: known keys keep working, and an unknown one is a 503 and not a 401,
 * because it is not known yet whether the token is valid.
 */
export function remoteKeys(options: RemoteKeysOptions): VerificationKeys {
  const keys = new RemoteKeys(options)
  const keyFor: JWTVerifyGetKey = (header, token) => keys.keyFor(header, token)
  return Object.assign(keyFor, { renew: () => keys.renew() })
}

class RemoteKeys {
  readonly #options: RemoteKeysOptions
  // When to fetch is decided here; jose fetches, and holds what it was given last.
  readonly #set: ReturnType<typeof createRemoteJWKSet>
  #beganAtMs = Number.NEGATIVE_INFINITY
  #fetchedAtMs = Number.NEGATIVE_INFINITY
  /** Of the last fetch. */
  #failure: { readonly reason: string; readonly atMs: number } | undefined
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** As last reported. */
  #unusable = ''

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    const { from } = options
    this.#set = createRemoteJWKSet(new URL('url' in from ? from.url : from.issuer), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: async (url, request) => {
        const address = 'url' in from ? url : await keySetOf(from.issuer, request)
        return usablePart(await fetch(address, request), (keys) => this.#reportUnusable(keys))
      },
    })
  }

  async keyFor(...[header, token]: Parameters<JWTVerifyGetKey>): Promise<Awaited<ReturnType<JWTVerifyGetKey>>> {
    await this.#fetchIfStale()
    return this.#set(header, token)
  }

  /** At most one fetch runs and one waits; one that runs already may have been answered before the key was there. */
  renew(): Promise<void> {
    // After a failed fetch nobody waits for the next one.
    if (this.#failure !== undefined && this.#options.nowMs() < this.#failure.atMs + FETCH_EVERY_MS)
      return Promise.reject(unavailable(this.#failure.reason))
    this.#next ??= this.#fetchNext()
    return this.#next
  }

  /** While the source is away the known keys answer at once, and each second somebody asks for the set again. */
  async #fetchIfStale(): Promise<void> {
    const { nowMs, graceMs = DEFAULT_GRACE_MS } = this.#options
    const staleMs = nowMs() - (this.#fetchedAtMs + FRESH_MS)
    if (staleMs < 0) return
    const renewed = this.#running ?? this.renew()
    if (staleMs >= graceMs) await renewed
    else if (this.#failure === undefined) await renewed.catch(() => {})
    else renewed.catch(() => {})
  }

  async #fetchNext(): Promise<void> {
    await this.#running?.catch(() => {})
    const waitMs = this.#beganAtMs + FETCH_EVERY_MS - this.#options.nowMs()
    if (waitMs > 0) await delay(waitMs)
    this.#next = undefined
    this.#running = this.#fetchNow().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  async #fetchNow(): Promise<void> {
    const { nowMs, reports } = this.#options
    this.#beganAtMs = nowMs()
    try {
      await this.#set.reload()
      this.#fetchedAtMs = nowMs()
      if (this.#failure !== undefined) reports?.availableAgain()
      this.#failure = undefined
    } catch (error) {
      const reason = reasonOf(error)
      if (this.#failure?.reason !== reason) reports?.unavailable(reason)
      this.#failure = { reason, atMs: nowMs() }
      throw unavailable(reason, error)
    }
  }

  #reportUnusable(keys: readonly string[]): void {
    const { reports } = this.#options
    const now = keys.join('\n')
    if (now !== this.#unusable) keys.length > 0 ? reports?.unusable(keys) : reports?.allUsable()
    this.#unusable = now
  }
}

/** OpenID Connect Discovery 1.0, 4: asked each time, because the address may change with the keys. */
async function keySetOf(issuer: string, request: RequestInit): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, request)
  const document = objectIn(await textOf(response))
  if (document.issuer !== issuer) throw new Error('the discovery document is of another issuer')
  const { jwks_uri: address } = document
  if (typeof address !== 'string' || !mayServeKeys(address, issuer))
    throw new Error('the discovery document names no usable key set')
  return address
}

/** Keys never come over a weaker connection than the document that names them. */
function mayServeKeys(address: string, issuer: string): boolean {
  if (!URL.canParse(address)) return false
  const { protocol } = new URL(address)
  return protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'))
}

/** @throws Error that names the file when it holds no usable key; never with a part of its content */
export function fileKeys(path: string): VerificationKeys {
  const { keys, unusable } = usableKeys(parsedSet(readFileSync(path, 'utf8'), path))
  if (keys.length === 0)
    throw new Error(`${path} holds no key that tokens can be checked with${unusable.map((why) => `; ${why}`).join('')}`)
  return createLocalJWKSet({ keys: keys as { kty: string }[] })
}

function parsedSet(text: string, path: string): readonly unknown[] {
  try {
    const content: unknown = JSON.parse(text)
    const set = (content as { keys?: unknown } | null)?.keys
    return Array.isArray(set) ? set : [content]
  } catch {
    throw new Error(`${path} is not JSON: give a JWK or a JWK set`)
  }
}

/** One bad key must not cost the others: a set whose member cannot be imported fails as a whole in most libraries. */
async function usablePart(response: Response, report: (keys: readonly string[]) => void): Promise<Response> {
  const { keys: members } = objectIn(await textOf(response))
  if (!Array.isArray(members)) throw new Error('the answer is not a JWK set')
  const { keys, unusable } = usableKeys(members)
  report(unusable)
  return Response.json({ keys })
}

async function textOf(response: Response): Promise<string> {
  if (response.status !== 200) throw new Error(`the answer has the status ${response.status}`)
  const text = await response.text()
  if (text.length > MAX_SET_BYTES) throw new Error(`the answer is larger than ${MAX_SET_BYTES} bytes`)
  return text
}

/** Nothing if it is not JSON: the parser's message would repeat the content. */
function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>
  } catch {
    return {}
  }
}

function usableKeys(members: readonly unknown[]) {
  const keys: unknown[] = []
  const unusable: string[] = []
  for (const [place, jwk] of members.slice(0, MAX_KEYS).entries()) {
    const fault = keyFault(jwk)
    if (fault === null) keys.push(jwk)
    else unusable.push(`key ${named(jwk, place)} ${fault}`)
  }
  if (members.length > MAX_KEYS) unusable.push(`the set has more than ${MAX_KEYS} keys: the others are ignored`)
  return { keys, unusable }
}

function named(jwk: unknown, place: number): string {
  const kid = (jwk as { kid?: unknown } | null)?.kid
  return typeof kid === 'string' ? JSON.stringify(kid.slice(0, 100)) : `number ${place + 1}`
}

/** The innermost cause: `fetch failed` alone helps nobody. */
function reasonOf(error: unknown): string {
  for (let inner = error; ; inner = (inner as Error).cause) {
    if (!(inner instanceof Error)) return String(inner)
    if (!(inner.cause instanceof Error))
      return inner.message !== '' ? inner.message : String((inner as NodeJS.ErrnoException).code ?? inner.name)
  }
}

function unavailable(reason: string, cause?: unknown): HttpError {
  return new HttpError('authentication-unavailable', `the key set cannot be fetched: ${reason}`, { cause })
}
