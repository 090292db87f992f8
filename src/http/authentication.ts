/** Finds the caller of a request: by a token that is remembered, or by one that is verified now. */
import { type Caller, unauthenticated } from './caller.ts'
import { HttpError } from './problem.ts'
import { createRefusedTokens } from './refused-tokens.ts'
import { createTokenCache } from './token-cache.ts'
import { createTokenVerification, isUnrecoverable, type TrustedIssuer } from './token-verification.ts'

export interface AuthenticationOptions extends TrustedIssuer {
  /** Further issuers besides the first one. */
  readonly otherIssuers?: readonly TrustedIssuer[]
  /** How many tokens of one address may be refused; 0, or absent: any number. */
  readonly refusedPerMinute?: number
  readonly nowMs: () => number
}

export interface Authentication {
  /** The caller if the token is remembered: the hot path, without a promise. */
  remembered(authorization: string | undefined): Caller | undefined
  /**
   * @param address a refusal counts against the share of this address
   * @throws HttpError `unauthenticated`, `too-many-requests`, or `authentication-unavailable` without keys
   */
  authenticate(authorization: string | undefined, address?: string): Promise<Caller>
}

const REMEMBERED_TOKENS = 10_000
const REMEMBERED_TOKEN_LENGTH = 4096
const REMEMBERED_MS = 300_000
/** A repeated expired token costs no verification and does not count against the address. */
const REMEMBERED_REFUSALS = 2000
const REMEMBERED_REFUSAL_MS = 60_000
const MAX_TOKEN_LENGTH = 12_288
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { nowMs } = options
  const verify = createTokenVerification({ trusted: [options, ...(options.otherIssuers ?? [])], nowMs })
  const known = createTokenCache<Caller>({
    maxEntries: REMEMBERED_TOKENS,
    maxTokenLength: REMEMBERED_TOKEN_LENGTH,
    maxAgeMs: REMEMBERED_MS,
    nowMs,
  })
  const unrecoverable = createTokenCache<true>({
    maxEntries: REMEMBERED_REFUSALS,
    maxTokenLength: REMEMBERED_TOKEN_LENGTH,
    maxAgeMs: REMEMBERED_REFUSAL_MS,
    nowMs,
  })
  const refusals = createRefusedTokens({ perMinute: options.refusedPerMinute ?? 0, nowMs })

  return {
    remembered(authorization) {
      return authorization?.startsWith('Bearer ') ? known.get(authorization.slice(7)) : undefined
    },
    async authenticate(authorization, address) {
      const token = bearerToken(authorization)
      if (token.length > MAX_TOKEN_LENGTH || !isCanonical(token)) throw unauthenticated('invalid_token', 'not a token')
      if (unrecoverable.get(token)) throw unauthenticated('invalid_token', 'refused a moment ago')
      refusals.admit(address, token)
      try {
        const { caller, expiresAtMs } = await verify(token)
        known.set(token, caller, expiresAtMs)
        refusals.accepted(address, caller.id)
        return caller
      } catch (error) {
        if (error instanceof HttpError && error.code === 'unauthenticated') {
          refusals.refused(address, token)
          if (isUnrecoverable(error.cause)) unrecoverable.set(token, true, Number.POSITIVE_INFINITY)
        }
        throw error
      }
    },
  }
}

function bearerToken(authorization: string | undefined): string {
  const [, token] = /^bearer +(.+)$/i.exec(authorization ?? '') ?? []
  if (token === undefined) throw unauthenticated(undefined, 'no token')
  return token.trimEnd()
}

/** Base64url has several spellings for the same bytes (padding, spare bits); only the one that was signed counts. */
function isCanonical(token: string): boolean {
  return (
    COMPACT.test(token) &&
    token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
  )
}
