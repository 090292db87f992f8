/** The caller of a request, read from the claims of a token. */
import { createHash } from 'node:crypto'
import type { JWTPayload } from 'jose'
import type { UserId } from '../domain/model.ts'
import { HttpError } from './problem.ts'
import { isUserId } from './text.ts'

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

/** Claims are named directly, or by a path: dots step into nested objects. */
export interface CallerClaims {
  /** `sub` where absent. A directory that gives each application another `sub` has a claim that is the same everywhere. */
  readonly userClaim?: string
  /** A prefix of the user's id, which keeps the users of two issuers apart. */
  readonly userPrefix?: string
  /** For example `realm_access.roles`. */
  readonly rolesClaim: string
}

/**
 * @param token whose hash names it in the audit log where it has no id
 * @throws HttpError `unauthenticated` where the claims name no user
 */
export function callerOf(payload: JWTPayload, token: string, claims: CallerClaims): Caller {
  const { jti } = payload
  const claimed = claimAt(payload, claims.userClaim ?? 'sub')
  const id = typeof claimed === 'string' && claimed !== '' ? `${claims.userPrefix ?? ''}${claimed}` : undefined
  if (id === undefined || !isUserId(id)) throw unauthenticated('invalid_token', 'no usable subject')
  const roles = rolesOf(claimAt(payload, claims.rolesClaim))
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

/** RFC 6750, 3.1: the answer to a request without a bearer token names only the scheme. Why a token was refused is only in the log. */
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
