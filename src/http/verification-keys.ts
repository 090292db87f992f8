/** The keys that tokens are checked with: a key set fetched by URL, or a file for development. */
import { readFileSync } from 'node:fs'
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWK, type JWTVerifyGetKey } from 'jose'
import { HttpError } from './problem.ts'

export interface RemoteKeysOptions {
  readonly url: string
  readonly nowMs: () => number
  /** How long a set that was fetched once may be used when it cannot be fetched again, in milliseconds. */
  readonly graceMs?: number
}

const FETCH_TIMEOUT_MS = 2000
/** A key that is not in the set leads to a new fetch, but not more often than this: tokens with invented `kid` are free to make. */
const COOLDOWN_MS = 5000
const FRESH_MS = 600_000
/** After a failed fetch nobody waits for the next one for this long. */
const PAUSE_AFTER_FAILURE_MS = 1000
const DEFAULT_GRACE_MS = 3_600_000

/**
 * A set that survives the outage of its source: known keys keep working, an unknown one is a 503 and not a 401,
 * because nobody can tell yet whether the token is good.
 */
export function remoteKeys({ url, nowMs, graceMs = DEFAULT_GRACE_MS }: RemoteKeysOptions): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: FRESH_MS,
  })
  let failedAtMs = Number.NEGATIVE_INFINITY
  let fetchedAtMs = Number.NEGATIVE_INFINITY

  function fromKnownKeys(cause: unknown): JWTVerifyGetKey {
    const known = remote.jwks()
    if (known === undefined || nowMs() > fetchedAtMs + FRESH_MS + graceMs) throw unavailable(cause)
    const local = createLocalJWKSet(known)
    return async (header, token) => {
      try {
        return await local(header, token)
      } catch (error) {
        throw error instanceof errors.JWKSNoMatchingKey ? unavailable(cause) : error
      }
    }
  }

  return async (header, token) => {
    if (nowMs() < failedAtMs + PAUSE_AFTER_FAILURE_MS)
      return fromKnownKeys('paused after a failed fetch')(header, token)
    try {
      const key = await remote(header, token)
      if (remote.fresh) fetchedAtMs = nowMs()
      return key
    } catch (error) {
      if (isAboutTheToken(error)) throw error
      failedAtMs = nowMs()
      return fromKnownKeys(error)(header, token)
    }
  }
}

/** @throws Error when the file holds neither a JWK nor a JWK set, or holds a private key's secret part only */
export function fileKeys(path: string): JWTVerifyGetKey {
  const content = JSON.parse(readFileSync(path, 'utf8')) as JWK | JSONWebKeySet
  return createLocalJWKSet('keys' in content ? (content as JSONWebKeySet) : { keys: [content as JWK] })
}

function isAboutTheToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  )
}

function unavailable(cause: unknown): HttpError {
  return new HttpError('authentication-unavailable', 'the key set cannot be fetched', { cause })
}
