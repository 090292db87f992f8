/** One request to the API: with the token, and with every failure turned into an `ApiError` that a person understands. */
import { signOut, token } from '../session.ts'

export class ApiError extends Error {
  /** 0 where there was no answer. */
  readonly status: number
  /** What the person can do about it. */
  readonly advice: string
  constructor(status: number, message: string, advice: string) {
    super(message)
    this.status = status
    this.advice = advice
  }
}

export interface Answer<Body> {
  readonly body: Body
  /** How the cache took part (`Cache-Status`), where it did. */
  readonly cacheStatus: string | null
}

export async function get<Body>(path: string, signal?: AbortSignal): Promise<Answer<Body>> {
  return answerOf<Body>(await send(path, signal ? { signal } : {}))
}

export async function post<Body>(path: string, body: unknown): Promise<Answer<Body>> {
  const headers = { 'content-type': 'application/json' }
  return answerOf<Body>(await send(path, { method: 'POST', headers, body: JSON.stringify(body) }))
}

/**
 * @throws ApiError for every status but 2xx, and for no answer at all
 * @throws DOMException `AbortError`
 */
export async function send(path: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(path, {
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${token() ?? ''}` },
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(
      0,
      'The service cannot be reached',
      'Check that it runs. This page keeps trying where it is live.',
    )
  })
  if (answer.ok) return answer
  const problem = (await answer.json().catch(() => ({}))) as { title?: string; detail?: string }
  if (answer.status === 401) signOut('Your token has expired or is no longer accepted. Sign in again.')
  throw new ApiError(
    answer.status,
    problem.detail ?? problem.title ?? `The service answered ${answer.status}`,
    adviceFor(answer),
  )
}

async function answerOf<Body>(answer: Response): Promise<Answer<Body>> {
  return { body: (await answer.json()) as Body, cacheStatus: answer.headers.get('cache-status') }
}

function adviceFor({ status, headers }: Response): string {
  switch (status) {
    case 400:
      return 'Check what was typed.'
    case 403:
      return ''
    case 404:
      return 'Check the spelling: ids and names are compared exactly.'
    case 429:
      return `There were too many requests. Wait ${headers.get('retry-after') ?? 'some'} s.`
    case 503:
      return `The service is overloaded or waits for its database. Try again in ${headers.get('retry-after') ?? 'some'} s.`
    default:
      return `If it stays: look into the service's log for request ${headers.get('x-request-id') ?? ''}.`
  }
}
