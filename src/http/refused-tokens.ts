/** Limits floods of forged tokens: each costs a verification, so the number refused per address is bounded. */
import { networkOf } from './client-address.ts'
import { HttpError } from './problem.ts'
import { WINDOW_SECONDS } from './rate-limits.ts'
import { createTokenCache } from './token-cache.ts'

export interface RefusedTokens {
  /** @throws HttpError `too-many-requests` instead of verifying the token */
  admit(address: string | undefined, token: string): void
  refused(address: string | undefined, token: string): void
  accepted(address: string | undefined, subject: string): void
}

export interface RefusedTokensOptions {
  /** Per address; 0 means no limit. */
  readonly perMinute: number
  readonly nowMs: () => number
}

/**
 * Beyond an address's share, users who were accepted there lately still are: an attacker at the same address does not
 * lock them out, not even when their token is renewed, unless the attacker knows their id and aims at it.
 */
const OWN_REFUSALS_PER_MINUTE = 10
const NEIGHBOURS = { maxEntries: 20_000, maxTokenLength: 400, maxAgeMs: 12 * 3_600_000 } as const
/** Limits per address do not help against a botnet with more addresses than this; memory stays bounded. */
const ADDRESSES_MAX = 50_000

export function createRefusedTokens({ perMinute, nowMs }: RefusedTokensOptions): RefusedTokens {
  const neighbours = createTokenCache<true>({ ...NEIGHBOURS, nowMs })
  let refusals = new Map<string, number>()
  let endsAtMs = nowMs() + WINDOW_SECONDS * 1000

  function countOf(key: string): number {
    const now = nowMs()
    if (now >= endsAtMs) {
      refusals = new Map()
      endsAtMs = now + WINDOW_SECONDS * 1000
    }
    return refusals.get(key) ?? 0
  }

  function add(key: string): void {
    const count = countOf(key) + 1
    if (count > 1 || refusals.size < ADDRESSES_MAX) refusals.set(key, count)
  }

  if (perMinute === 0) return { admit() {}, refused() {}, accepted() {} }
  return {
    admit(address, token) {
      const network = networkOf(address)
      if (countOf(network) < perMinute) return
      const neighbour = `${network} ${claimedSubject(token)}`
      if (neighbours.get(neighbour) && countOf(neighbour) < OWN_REFUSALS_PER_MINUTE) return
      throw tooMany(endsAtMs - nowMs())
    },
    refused(address, token) {
      const network = networkOf(address)
      add(network)
      const neighbour = `${network} ${claimedSubject(token)}`
      if (neighbours.get(neighbour)) add(neighbour)
    },
    accepted(address, subject) {
      neighbours.set(`${networkOf(address)} ${subject}`, true, Number.POSITIVE_INFINITY)
    },
  }
}

/** The subject that an unverified token claims. A false claim gains no more than one more verification. */
function claimedSubject(token: string): string {
  try {
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub?: unknown }
    return typeof sub === 'string' ? sub : ''
  } catch {
    return ''
  }
}

function tooMany(resetMs: number): HttpError {
  const seconds = Math.max(1, Math.ceil(resetMs / 1000))
  return new HttpError(
    'too-many-requests',
    `Too many access tokens from your address were refused; come back in ${seconds} s with a valid one.`,
    { headers: { 'Retry-After': String(seconds) } },
  )
}
