/** One HTTP request, and its answer as JSON or as an error. */
import { InvalidPathError, RefusedError, retryAfterMs, UnreachableError } from './errors.ts'
import type { Problem, ScimError } from './operations.ts'

export interface Request {
  readonly method: string
  /** With its parameters in braces. */
  readonly path: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: unknown
  readonly signal: AbortSignal
}

export type Fetch = (url: URL, init: RequestInit) => Promise<Response>

/** @throws InvalidPathError */
export function addressOf(base: URL, { path, parameters, query }: Pick<Request, 'path' | 'parameters' | 'query'>): URL {
  const url = new URL(base)
  // Below a base that has a path of its own, as an ingress may give it.
  url.pathname = `${base.pathname.replace(/\/$/, '')}${path.replace(/\{(\w+)\}/g, (_, name) => segment(parameters[name]))}`
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

function segment(value: unknown): string {
  const text = String(value)
  if (text === '.' || text === '..') throw new InvalidPathError(text)
  return encodeURIComponent(text)
}

/**
 * @returns a success, its body not yet read
 * @throws RefusedError, UnreachableError, or what the signal was aborted with
 */
export async function send(fetch: Fetch, url: URL, { method, headers, body, signal }: Request): Promise<Response> {
  const given = Object.entries(headers).filter((each): each is [string, string] => each[1] !== undefined)
  const response = await fetch(url, {
    method,
    headers: Object.fromEntries(given),
    // A redirect would send a change, and possibly the token, to another address than the one given.
    redirect: 'error',
    signal,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw unanswered(url, error, signal)
  })
  if (response.ok) return response
  const text = await response.text().catch(() => '')
  throw new RefusedError({
    status: response.status,
    ...refusalIn(text),
    requestId: response.headers.get('x-request-id'),
    retryAfterMs: retryAfterMs(response.headers, Date.now()),
  })
}

/** @throws UnreachableError where the body breaks off, or is not JSON */
export async function jsonOf(response: Response, url: URL, signal: AbortSignal): Promise<unknown> {
  const text = await response.text().catch((error: unknown) => {
    throw unanswered(url, error, signal)
  })
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UnreachableError('not-json', url, 'does not answer in JSON: is it the right address?', { cause })
  }
}

function unanswered(url: URL, error: unknown, signal: AbortSignal): unknown {
  const late = error instanceof DOMException && error.name === 'TimeoutError'
  if (signal.aborted && !late) return signal.reason
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const detail = cause instanceof Error ? cause.message || (cause as { code?: string }).code : String(cause)
  const reason = late ? 'too-late' : 'no-connection'
  return new UnreachableError(reason, url, `cannot be reached: ${late ? 'no answer in time' : detail}`, {
    cause: error,
  })
}

const SCIM_ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error'

function refusalIn(text: string): Pick<RefusedError, 'problem' | 'scim'> {
  const refusal = objectIn(text)
  // A proxy or the like answered; its text is all there is to show.
  if (refusal === null) return { problem: { detail: text.slice(0, 500).trim() }, scim: null }
  if (!isScimError(refusal)) return { problem: refusal, scim: null }
  return { problem: { status: Number(refusal.status), detail: refusal.detail }, scim: refusal }
}

/** Decided by the answer: a SCIM call that is not valid HTTP is refused with a problem document. */
function isScimError(refusal: Partial<Problem> | ScimError): refusal is ScimError {
  return 'schemas' in refusal && Array.isArray(refusal.schemas) && refusal.schemas.includes(SCIM_ERROR)
}

function objectIn(text: string): Partial<Problem> | ScimError | null {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' ? value : null
  } catch {
    return null
  }
}
