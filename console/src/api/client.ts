/**
 * The API with the token of this page; a refusal or a lost connection becomes an `ApiError` that a person understands.
 */
import { createClient, RefusedError, UnreachableError } from '../../../src/client/index.ts'
import { signOut, token } from '../session.ts'

export const api = createClient({
  baseUrl: window.location.origin,
  token,
  // A person is watching: after a short wait the call is retried; a long wait is shown as an error.
  retry: { retries: 2, waitMaxMs: 2000 },
  async fetch(url, init) {
    const answer = await window.fetch(url, init)
    if (answer.status === 401) signOut('Your token has expired or is no longer accepted. Sign in again.')
    return answer
  },
})

export interface ApiError {
  /** 0 where there was no answer. */
  readonly status: number
  readonly message: string
  /** What the person can do about it. */
  readonly advice: string
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof RefusedError) {
    const { status, problem } = error
    const message = problem.detail ?? problem.title ?? `The service answered ${status}`
    return { status, message, advice: adviceFor(error) }
  }
  if (error instanceof UnreachableError)
    return {
      status: 0,
      message: 'The service cannot be reached',
      advice: 'Check that it runs. This page keeps trying where it is live.',
    }
  return { status: 0, message: String(error), advice: 'Reload the page.' }
}

function adviceFor({ status, retryAfterMs, requestId }: RefusedError): string {
  const wait = retryAfterMs === null ? 'some' : Math.ceil(retryAfterMs / 1000)
  switch (status) {
    case 400:
      return 'Check what was typed.'
    case 403:
      return ''
    case 404:
      return 'Check the spelling: ids and names are compared exactly.'
    case 429:
      return `There were too many requests. Wait ${wait} s.`
    case 503:
      return `The service is overloaded or waits for its database. Try again in ${wait} s.`
    default:
      return `If it stays: look into the service's log for request ${requestId ?? ''}.`
  }
}
