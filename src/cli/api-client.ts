/** The HTTP API for the command line: one call, its answer as JSON, and errors that say what to do. */
import { type Connection, isLoopback } from './connection.ts'
import { type ProblemDetails, RefusedError, UnreachableError, UsageError } from './outcome.ts'

const PATIENCE_MS = 30_000

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As `apiPath` makes it. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: Headers
  /** Null where the answer has no body. */
  readonly body: unknown
}

export interface ApiClient {
  /**
   * @throws RefusedError for any answer that is not a success
   * @throws UnreachableError when there is no answer, or none in time
   */
  call(call: ApiCall): Promise<ApiAnswer>
}

/**
 * A path below the base address; the values are percent-encoded, the literal parts are not.
 * @throws UsageError for `.` and `..`: however they are encoded, URLs drop them, and another call would be made
 */
export function apiPath(literals: TemplateStringsArray, ...values: string[]): string {
  return String.raw({ raw: literals }, ...values.map(segment))
}

function segment(value: string): string {
  if (value === '.' || value === '..')
    throw new UsageError(`${value} cannot be part of a URL's path; such a user can be managed by import only`)
  return encodeURIComponent(value)
}

export function createApiClient(deps: Connection & { readonly fetch: typeof fetch }): ApiClient {
  return {
    async call(call) {
      const url = address(deps.url, call)
      const response = await answerTo(deps, url, call)
      const text = await response.text().catch((error: unknown) => {
        throw unreachable(url, error)
      })
      if (!response.ok) throw new RefusedError(response.status, problemIn(text), response.headers.get('x-request-id'))
      return { status: response.status, headers: response.headers, body: text === '' ? null : parse(url, text) }
    },
  }
}

function address(base: URL, { path, query = {} }: ApiCall): URL {
  const url = new URL(base)
  url.pathname += path.replace(/^\//, '')
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

async function answerTo(deps: { token: string; fetch: typeof fetch }, url: URL, call: ApiCall): Promise<Response> {
  const merging = call.method === 'PATCH'
  try {
    return await deps.fetch(url, {
      method: call.method,
      headers: {
        authorization: `Bearer ${deps.token}`,
        accept: 'application/json, application/problem+json',
        ...(call.body !== undefined && {
          'content-type': merging ? 'application/merge-patch+json' : 'application/json',
        }),
        ...call.headers,
      },
      // A redirect would send a change, and possibly the token, to another address than the one given.
      redirect: 'error',
      signal: AbortSignal.timeout(call.timeoutMs ?? PATIENCE_MS),
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
    })
  } catch (error) {
    throw unreachable(url, error)
  }
}

function unreachable(url: URL, error: unknown): UnreachableError {
  const late = error instanceof DOMException && error.name === 'TimeoutError'
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const detail = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : String(cause)
  const why = late ? 'no answer in time' : detail
  const hint = isLoopback(url) ? '. Is it running? (npm start)' : ''
  return new UnreachableError(`${url.origin} cannot be reached: ${why}${hint}`, { cause: error })
}

function problemIn(text: string): ProblemDetails {
  try {
    const problem: unknown = JSON.parse(text)
    if (problem !== null && typeof problem === 'object') return problem
  } catch {
    // Something in between answered, a proxy for example; its text is all there is to show.
  }
  return { detail: text.slice(0, 500).trim() }
}

function parse(url: URL, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UnreachableError(`${url.origin} does not answer in JSON: is it the right address?`, { cause })
  }
}
