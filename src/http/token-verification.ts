/** Whether a bearer token is valid: verified by jose, with everything pinned that can be. */
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
import { type Caller, type CallerClaims, callerOf, unauthenticated } from './caller.ts'
import { HttpError } from './problem.ts'
import type { VerificationKeys } from './verification-keys.ts'

/** A trusted issuer, and how its tokens are read. */
export interface TrustedIssuer extends CallerClaims {
  readonly keys: VerificationKeys
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
}

interface VerifiedToken {
  readonly caller: Caller
  /** Its `exp`, in milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/** @throws HttpError `unauthenticated`, with jose's error as its cause, or `authentication-unavailable` without keys */
type VerifyToken = (token: string) => Promise<VerifiedToken>

const CLOCK_TOLERANCE_S = 5
/** RFC 9068's type and the general one. Absent says no less than `JWT` does; any other type is a token for something else. */
const TYPES = new Set(['at+jwt', 'application/at+jwt', 'jwt', 'application/jwt'])
/** Keys that are tried for a token that names none, or one of several with one name: each is a verification. */
const CANDIDATES_MAX = 16
/** Of NumericDate (RFC 7519, 2): `1e999` is Infinity once it is read, and would never be over. */
const TIMES = ['exp', 'nbf', 'iat'] as const
const UNSECURED_HEADER = Buffer.from('{"alg":"none"}').toString('base64url')

/** @param trusted the first issuer's rules refuse the tokens of unknown issuers */
export function createTokenVerification({
  trusted: [first, ...others],
  nowMs,
}: {
  readonly trusted: readonly [TrustedIssuer, ...TrustedIssuer[]]
  readonly nowMs: () => number
}): VerifyToken {
  const issuers = new Map([first, ...others].map((trusted) => [trusted.issuer, trusted]))

  return async function verifyToken(token) {
    try {
      const trusted = issuers.get(claimedIssuer(token)) ?? first
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
      // If the parts of a token cannot be decoded, some of jose's primitives throw errors of other classes.
      if (error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)
        throw unauthenticated('invalid_token', 'the token does not verify', error)
      throw error
    }
  }
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
      throw unauthenticated('invalid_token', `${name} is not a time`)
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

/** Whether no time and no renewed key set can make the refused token valid. */
export const isUnrecoverable = (cause: unknown) =>
  cause instanceof errors.JWTExpired || cause instanceof errors.JWSSignatureVerificationFailed

/** It only selects the rules for the token; those rules check the issuer again. */
function claimedIssuer(token: string): string {
  return String(decodeJwt(token).iss)
}
