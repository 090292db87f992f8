/** Who is calling: bearer tokens verified by jose with everything pinned that can be, remembered until they expire. */
import { createHash } from 'node:crypto'
import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  UnsecuredJWT,
} from 'jose'
import type { UserId } from '../domain/model.ts'
import { HttpError } from './problem.ts'
import { createRefusedTokens } from './refused-tokens.ts'
import { isUserId } from './text.ts'
import { createTokenCache } from './token-cache.ts'
import type { VerificationKeys } from './verification-keys.ts'

export interface Caller {
  readonly id: UserId
  readonly roles: readonly string[]
  readonly isAdmin: boolean
  readonly isCacheAdmin: boolean
  /** May ask about anybody: readers, and admins. */
  readonly isReader: boolean
  /** The `jti`, or a short hash of the token; for the audit log. */
  readonly tokenId: string
}

/** Somebody whose tokens count, and how they are read. Claims: by their name, or dots step into nested objects. */
export interface TrustedIssuer {
  readonly keys: VerificationKeys
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
  /** `sub` where absent. A directory that gives each application another `sub` has a claim that is the same everywhere. */
  readonly userClaim?: string
  /** Before the user's id, so that two issuers do not name one user. */
  readonly userPrefix?: string
  /** For example `realm_access.roles`. */
  readonly rolesClaim: string
}

export interface AuthenticationOptions extends TrustedIssuer {
  /** Beside the first one. */
  readonly otherIssuers?: readonly TrustedIssuer[]
  /** How many tokens of one address may be refused; 0, or absent: any number. */
  readonly refusedPerMinute?: number
  readonly nowMs: () => number
}

export interface Authentication {
  /** The caller when the token is remembered: the hot path, without a promise. */
  remembered(authorization: string | undefined): Caller | undefined
  /**
   * @param address whose share of refusals it counts against
   * @throws HttpError `unauthenticated`, `too-many-requests`, or `authentication-unavailable` without keys
   */
  authenticate(authorization: string | undefined, address?: string): Promise<Caller>
}

const CLOCK_TOLERANCE_S = 5
const REMEMBERED_TOKENS = 10_000
const REMEMBERED_TOKEN_LENGTH = 4096
const REMEMBERED_MS = 300_000
/** A repeated expired token costs no verification and does not count against the address. */
const REMEMBERED_REFUSALS = 2000
const REMEMBERED_REFUSAL_MS = 60_000
const MAX_TOKEN_LENGTH = 12_288
/** RFC 9068's type and the general one. Absent says no less than `JWT` does; any other type is a token for something else. */
const TYPES = new Set(['at+jwt', 'application/at+jwt', 'jwt', 'application/jwt'])
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** Keys that are tried for a token that names none, or one of several with one name: each is a verification. */
const CANDIDATES_MAX = 16
/** Of NumericDate (RFC 7519, 2): `1e999` is Infinity once it is read, and would never be over. */
const TIMES = ['exp', 'nbf', 'iat'] as const
const UNSECURED_HEADER = Buffer.from('{"alg":"none"}').toString('base64url')

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { nowMs } = options
  const issuers = new Map([options, ...(options.otherIssuers ?? [])].map((trusted) => [trusted.issuer, trusted]))
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

  async function verify(token: string): Promise<{ caller: Caller; expiresAtMs: number }> {
    try {
      // A token of an unknown issuer is refused by the rules of the first.
      const trusted = issuers.get(claimedIssuer(token)) ?? options
      const rules = {
        issuer: trusted.issuer,
        audience: trusted.audience,
        algorithms: [...trusted.algorithms],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(nowMs()),
        requiredClaims: ['exp'],
      }
      // A token that no key could make valid is refused before a key is fetched, so also while none can be fetched.
      const caller = callerOf(checkedClaims(token, rules), token, trusted)
      const { exp = 0 } = await verifiedClaims(token, trusted.keys, rules)
      return { caller, expiresAtMs: exp * 1000 }
    } catch (error) {
      if (error instanceof HttpError) throw error
      if (error instanceof errors.JOSEError) throw unauthenticated('invalid_token', 'the token does not verify', error)
      // A token whose parts cannot even be decoded makes some of jose's primitives throw their own kinds.
      if (error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)
        throw unauthenticated('invalid_token', 'the token does not verify', error)
      throw error
    }
  }

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

/**
 * The claims of a token whose signature is not verified yet, by the rules that hold for verified ones.
 * @throws errors.JOSEError, or HttpError `unauthenticated`, when it would be refused whatever its signature
 */
function checkedClaims(token: string, rules: JWTVerifyOptions): JWTPayload {
  const { typ } = decodeProtectedHeader(token)
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.has(typ.toLowerCase())))
    throw unauthenticated('invalid_token', 'another type')
  const { payload } = UnsecuredJWT.decode(`${UNSECURED_HEADER}.${token.split('.')[1]}.`, rules)
  for (const name of TIMES) {
    const seconds = payload[name]
    if (seconds !== undefined && !(Math.abs(seconds) <= Number.MAX_SAFE_INTEGER))
      throw unauthenticated('invalid_token', `${name} is no time`)
  }
  return payload
}

/** A refusal counts only by a key set that was fetched after the token came, where the token does not say which key is meant. */
async function verifiedClaims(token: string, keys: VerificationKeys, rules: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return await claimsByAnyCandidate(token, keys, rules)
  } catch (error) {
    if (keys.renew === undefined || !mayBeMendedByRenewal(error, token)) throw error
    await keys.renew()
    return claimsByAnyCandidate(token, keys, rules)
  }
}

const mayBeMendedByRenewal = (error: unknown, token: string) =>
  error instanceof errors.JWKSNoMatchingKey ||
  (error instanceof errors.JWSSignatureVerificationFailed && decodeProtectedHeader(token).kid === undefined)

async function claimsByAnyCandidate(
  token: string,
  keys: JWTVerifyGetKey,
  rules: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, rules)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    let tried = 0
    for await (const key of error) {
      if (++tried > CANDIDATES_MAX) break
      try {
        return (await jwtVerify(token, key, rules)).payload
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

/** Time and a renewed key set can mend other refusals. */
const isUnrecoverable = (cause: unknown) =>
  cause instanceof errors.JWTExpired || cause instanceof errors.JWSSignatureVerificationFailed

/** Base64url has several spellings for the same bytes (padding, spare bits); only the one that was signed counts. */
function isCanonical(token: string): boolean {
  return (
    COMPACT.test(token) &&
    token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
  )
}

/** Says only by whose rules the token is judged, which name the issuer again. */
function claimedIssuer(token: string): string {
  return String(decodeJwt(token).iss)
}

function callerOf(payload: JWTPayload, token: string, trusted: TrustedIssuer): Caller {
  const { jti } = payload
  const claimed = claimAt(payload, trusted.userClaim ?? 'sub')
  const id = typeof claimed === 'string' && claimed !== '' ? `${trusted.userPrefix ?? ''}${claimed}` : undefined
  if (id === undefined || !isUserId(id)) throw unauthenticated('invalid_token', 'no usable subject')
  const roles = rolesOf(claimAt(payload, trusted.rolesClaim))
  return {
    id: id as UserId,
    roles,
    isAdmin: roles.includes('admin'),
    isCacheAdmin: roles.includes('cache-admin'),
    isReader: roles.includes('reader') || roles.includes('admin'),
    tokenId: isTokenId(jti) ? jti : `sha256:${createHash('sha256').update(token).digest('base64url').slice(0, 16)}`,
  }
}

function isTokenId(jti: unknown): jti is string {
  return typeof jti === 'string' && /^[\x21-\x7e]{1,128}$/.test(jti)
}

/** A list, or OAuth's form, one string with spaces. Anything else is no role at all; the length of a token bounds them. */
function rolesOf(claim: unknown): string[] {
  const roles = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : []
  return roles.filter((role): role is string => typeof role === 'string' && role !== '')
}

/** A claim of that very name, dots and slashes included, comes before one at that path. */
function claimAt(payload: JWTPayload, name: string): unknown {
  return Object.hasOwn(payload, name) ? payload[name] : nested(payload, name.split('.'))
}

function nested(from: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      value !== null && typeof value === 'object' && Object.hasOwn(value, step)
        ? (value as Record<string, unknown>)[step]
        : undefined,
    from,
  )
}

/** RFC 6750, 3.1: a request without a bearer token is told only the scheme. Why a token was refused stays in the log. */
export function unauthenticated(error: 'invalid_token' | undefined, message: string, cause?: unknown): HttpError {
  const challenge = error === undefined ? 'Bearer realm="portcullis"' : `Bearer realm="portcullis", error="${error}"`
  const detail =
    error === undefined
      ? 'Send an access token as Authorization: Bearer.'
      : 'The access token is missing, expired, or not meant for this service.'
  return new HttpError('unauthenticated', detail, {
    headers: { 'WWW-Authenticate': challenge },
    cause: cause ?? message,
  })
}
