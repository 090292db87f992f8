/** Errors as RFC 9457 problem details: one table says what each code means to a client. */
import type { z } from 'zod'
import {
  DomainError,
  type DomainErrorCode,
  type FieldProblem,
  PROBLEMS_MAX,
  ScimError,
  type ScimType,
} from '../domain/errors.ts'
import { PLAINLY } from './validation-messages.ts'

type HttpErrorCode =
  | 'malformed-request'
  | 'unauthenticated'
  | 'authentication-unavailable'
  | 'no-such-route'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'payload-too-large'
  | 'unsupported-media-type'
  | 'request-timeout'
  | 'headers-too-large'
  | 'deadline-exceeded'
  | 'too-many-requests'
  | 'not-ready'
  | 'not-implemented'
  | 'internal'

export type ProblemCode = DomainErrorCode | HttpErrorCode

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** Replaces the error's own message where that could differ between cases that must look the same. */
  readonly detail?: string
}

export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  'malformed-request': { status: 400, title: 'The request cannot be read' },
  'invalid-input': { status: 400, title: 'The request is not valid' },
  'token-malformed': { status: 400, title: 'The consistency token cannot be read' },
  unauthenticated: { status: 401, title: 'A valid access token is needed' },
  forbidden: { status: 403, title: 'You may not do this', detail: 'Your roles and permissions do not allow this.' },
  'not-found': { status: 404, title: 'Not found', detail: 'It does not exist, or you have no access to it.' },
  'unknown-user': { status: 404, title: 'There is no such user' },
  'unknown-group': { status: 404, title: 'There is no such group' },
  'unknown-resource': { status: 404, title: 'There is no such resource' },
  'no-such-route': { status: 404, title: 'No such address' },
  'method-not-allowed': { status: 405, title: 'The method is not supported here' },
  'not-acceptable': { status: 406, title: 'No acceptable representation' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'already-exists': { status: 409, title: 'It already exists' },
  'group-cycle': { status: 409, title: 'A group cannot be above itself' },
  'token-other-history': { status: 409, title: 'The consistency token belongs to another history of the database' },
  'idempotency-in-progress': { status: 409, title: 'A request with this idempotency key is in progress' },
  'version-mismatch': { status: 412, title: 'It has changed since you read it' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The media type of the body is not supported' },
  'end-in-the-past': { status: 422, title: 'The end is not in the future' },
  'group-too-deep': { status: 422, title: 'The group tree would be too deep' },
  'idempotency-other-body': { status: 422, title: 'The idempotency key was used for another request' },
  'precondition-required': { status: 428, title: 'If-Match is needed' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  internal: {
    status: 500,
    title: 'Something went wrong',
    detail: 'The request could not be completed; quote the request id when you report it.',
  },
  'not-implemented': { status: 501, title: 'This part of the protocol is not supported' },
  overloaded: {
    status: 503,
    title: 'Too busy',
    detail: 'Too many requests are waiting already; retry shortly.',
  },
  'database-unavailable': {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The database cannot be reached; retry shortly.',
  },
  'database-slow': {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The database took too long; nothing was changed. Retry shortly.',
  },
  'database-locked': {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'Other changes to the same objects are in progress; nothing was changed. Retry shortly.',
  },
  'database-full': {
    status: 503,
    title: 'No space left',
    detail: 'The database has no space left; nothing was changed. Reads still work.',
  },
  'database-read-only': {
    status: 503,
    title: 'Read-only',
    detail: 'The database is read-only at present; nothing was changed. Reads still work.',
  },
  'database-misconfigured': {
    status: 503,
    title: 'Not set up',
    detail: 'The database refuses the service until its operator corrects the configuration.',
  },
  'database-failing': {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The database failed; retry shortly.',
  },
  'not-ready': { status: 503, title: 'Not ready' },
  'authentication-unavailable': {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The keys for checking access tokens cannot be fetched; retry shortly.',
  },
  'deadline-exceeded': {
    status: 503,
    title: 'Temporarily unavailable',
    detail: 'The request was not finished in time; a change may or may not have been made.',
  },
}

const DEFAULT_RETRY_AFTER_SECONDS = 1

/** What the HTTP layer itself refuses. */
export class HttpError extends Error {
  readonly code: HttpErrorCode
  readonly headers: Readonly<Record<string, string>>
  constructor(code: HttpErrorCode, message: string, options: ErrorOptions & { headers?: Record<string, string> } = {}) {
    super(message, options)
    this.name = 'HttpError'
    this.code = code
    this.headers = options.headers ?? {}
  }
}

/** One invalid value: `pointer` into the body (RFC 6901, as a URI fragment), or the name of a parameter or header. */
interface ProblemItem {
  readonly detail: string
  readonly pointer?: string
  readonly parameter?: string
  readonly header?: string
}

export interface Problem {
  readonly code: ProblemCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** SCIM's name for it, if there is one. */
  readonly scimType?: ScimType
  readonly body: {
    readonly type: string
    readonly title: string
    readonly status: number
    readonly detail: string
    readonly errors?: readonly ProblemItem[]
  }
}

export const problemType = (code: ProblemCode): string => `urn:portcullis:problem:${code}`

/** Any thrown value as a problem for the client; an unknown error is `internal` and says nothing about its cause. */
export function problemOf(error: unknown): Problem {
  if (error instanceof DomainError) return domainProblem(error)
  if (error instanceof HttpError) return problem(error.code, error.message, { headers: error.headers })
  const parsing = bodyParserCode(error)
  if (parsing !== undefined) return problem(parsing, PARSING_DETAILS[parsing])
  return problem('internal', '')
}

function domainProblem(error: DomainError): Problem {
  const { status } = PROBLEMS[error.code]
  const retryAfter = error.retryAfterSeconds ?? (status === 503 ? DEFAULT_RETRY_AFTER_SECONDS : undefined)
  const headers: Record<string, string> =
    retryAfter === undefined ? {} : { 'Retry-After': String(Math.max(1, Math.ceil(retryAfter))) }
  const inBody = error.code.startsWith('unknown-') && error.problems.some(({ path }) => path.startsWith('/'))
  const made = problem(error.code, error.message, {
    headers,
    items: error.problems.map(itemOf),
    // Missing from the path: 404. Missing where the body refers to it: the body cannot be processed.
    ...(inBody && { status: 422 }),
  })
  return error instanceof ScimError ? { ...made, scimType: error.scimType } : made
}

function problem(
  code: ProblemCode,
  message: string,
  {
    headers = {},
    items = [],
    status = PROBLEMS[code].status,
  }: { headers?: Readonly<Record<string, string>>; items?: readonly ProblemItem[]; status?: number } = {},
): Problem {
  const kind = PROBLEMS[code]
  return {
    code,
    status,
    headers: { ...(status === 503 && { 'Retry-After': String(DEFAULT_RETRY_AFTER_SECONDS) }), ...headers },
    body: {
      type: problemType(code),
      title: kind.title,
      status,
      detail: kind.detail ?? message,
      ...(items.length > 0 && { errors: items }),
    },
  }
}

function itemOf({ path, message }: FieldProblem): ProblemItem {
  return path === '' || path.startsWith('/')
    ? { pointer: `#${path}`, detail: message }
    : { parameter: path, detail: message }
}

/** A request that does not match a schema, with the problems found in it. */
export function invalid(issues: readonly z.core.$ZodIssue[], part: 'body' | 'query' | 'path'): DomainError {
  const problems = issues.slice(0, PROBLEMS_MAX).flatMap((issue) => issuesOf(issue, part))
  return new DomainError('invalid-input', `The ${part} does not match the schema.`, { problems })
}

/** @throws DomainError `invalid-input` */
export function parsed<Parsed>(schema: z.ZodType<Parsed>, value: unknown, part: 'body' | 'query' | 'path'): Parsed {
  const result = schema.safeParse(value, PLAINLY)
  if (result.success) return result.data
  throw invalid(result.error.issues, part)
}

/** For a route that takes no query at all. */
export function unknownParameters(names: readonly string[]): DomainError {
  const problems = names.map((path) => ({ path, message: 'is not known here' }))
  return new DomainError('invalid-input', 'The query does not match the schema.', { problems })
}

function issuesOf(issue: z.core.$ZodIssue, part: 'body' | 'query' | 'path'): FieldProblem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: located([...issue.path, key], part), message: 'is not known here' }))
  return [{ path: located(issue.path, part), message: issue.message }]
}

function located(path: readonly PropertyKey[], part: 'body' | 'query' | 'path'): string {
  if (part !== 'body') return String(path[0] ?? '?')
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

type ParsingCode = 'malformed-request' | 'payload-too-large' | 'unsupported-media-type'

const PARSING_DETAILS: Readonly<Record<ParsingCode, string>> = {
  'malformed-request': 'The request is not well-formed: its path, its length or its encoding cannot be decoded.',
  'payload-too-large': 'The body is larger than this call accepts.',
  'unsupported-media-type': 'The charset or the content encoding of the body is not supported.',
}

/** What Express and its body parser throw carries a `status`; their messages may quote the request, so only the status is used. */
function bodyParserCode(error: unknown): ParsingCode | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined
  if (error.status === 413) return 'payload-too-large'
  if (error.status === 415) return 'unsupported-media-type'
  return typeof error.status === 'number' && error.status >= 400 && error.status < 500 ? 'malformed-request' : undefined
}
