/** Failures of the driver and of PostgreSQL in the words of the domain: one table for all SQLSTATEs. */
import { BulkheadRejectedError } from 'cockatiel'
import { DomainError, type DomainErrorCode } from '../domain/errors.ts'

export interface Failure {
  readonly code: DomainErrorCode
  readonly message: string
  readonly retryAfterSeconds: number
  /** A living server said so: its other connections go on committing. */
  readonly answered: boolean
}

const UNREACHABLE: Failure = {
  code: 'database-unavailable',
  message: 'the database cannot be reached',
  retryAfterSeconds: 1,
  answered: false,
}
const answered = (code: DomainErrorCode, message: string, retryAfterSeconds: number): Failure => ({
  code,
  message,
  retryAfterSeconds,
  answered: true,
})

/** https://www.postgresql.org/docs/current/errcodes-appendix.html; the first that matches counts. A code without a match is a fault of this service. */
const STATES: readonly (readonly [RegExp, Failure])[] = [
  [/^(08...|57P0[1-5]|25P0[34])$/, UNREACHABLE],
  [/^57014$/, answered('database-slow', 'the statement took longer than it may', 1)],
  [/^55P03$/, answered('database-locked', 'another transaction holds a lock on this', 1)],
  [/^(40001|40P01|40003)$/, answered('database-locked', 'too many changes of the same things at once', 1)],
  [/^53300$/, answered('overloaded', 'the database has no connection left', 1)],
  [/^53100$/, answered('database-full', 'the database has no space left', 30)],
  [/^53...$/, answered('overloaded', 'the database has no memory left for this', 5)],
  [/^25006$/, answered('database-read-only', 'the database is read-only', 5)],
  [/^42501$/, answered('database-misconfigured', 'the role of the service lacks a privilege', 30)],
  [/^28...$/, answered('database-misconfigured', 'the database does not accept the credentials of the service', 5)],
  [/^3D000$/, answered('database-misconfigured', 'the database does not exist', 30)],
  [
    /^(3F000|42P01|42703|42883|42704)$/,
    answered('database-misconfigured', 'the schema is not that of this version', 30),
  ],
  [/^(26000|42P05|0A000)$/, answered('database-failing', 'a statement has to be prepared again', 1)],
  [/^(XX...|58...|F0...|54...|55000|55006)$/, answered('database-failing', 'the database failed at this', 5)],
]

const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
const CANNOT_CONNECT_NOW = '57P03'
/** In a transaction that was begun as READ WRITE: the server has become a standby, or was made read-only for a switch. */
export const READ_ONLY = '25006'
/** Those that say nothing about the next connection. A statement that took too long would take too long again. */
const LOST_MESSAGES = /connection timeout|trying to connect|terminated|not queryable|Connection ended|server closed/i
const UNREACHABLE_MESSAGES = /timeout|terminated|not queryable|Connection ended|server closed|pool after calling end/i

/** SQLSTATE, or the code of the operating system; empty where there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Undefined if the statement failed, and not the database. */
export function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined
  const code = codeOf(error)
  if (UNREACHABLE_CODES.has(code)) return UNREACHABLE
  if (/^[0-9A-Z]{5}$/.test(code)) return failureOfState(code)
  return UNREACHABLE_MESSAGES.test(error.message) ? UNREACHABLE : undefined
}

export function failureOfState(state: string): Failure | undefined {
  return STATES.find(([states]) => states.test(state))?.[1]
}

/** Whether the database cannot be reached at all, as opposed to a living one that refuses. */
export function isUnreachable(error: unknown): boolean {
  return failureOf(error)?.answered === false
}

/** Of a statement that has to be prepared again; where it is asked again, statement-names.ts sees to it. */
export function isPreparedWrongly(error: unknown): boolean {
  return /^(26000|42P05|0A000)$/.test(codeOf(error))
}

/** Whether another connection may succeed: this one was closed, or lost its prepared statements. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  return (
    /^(08...|57P0[125])$/.test(code) ||
    isPreparedWrongly(error) ||
    UNREACHABLE_CODES.has(code) ||
    LOST_MESSAGES.test(error.message)
  )
}

export function translated(error: unknown): unknown {
  if (error instanceof BulkheadRejectedError)
    return new DomainError('overloaded', 'more requests need the database than it can serve', {
      retryAfterSeconds: 1,
      cause: error,
    })
  const failure = failureOf(error)
  return failure ? domainErrorOf(failure, error) : error
}

export function domainErrorOf({ code, message, retryAfterSeconds }: Failure, cause: unknown): DomainError {
  return new DomainError(code, message, { retryAfterSeconds, cause })
}

export function standbyError(message = 'the server is a standby'): Error {
  return Object.assign(new Error(message), { code: CANNOT_CONNECT_NOW })
}
