/**
 * Retries a call that failed temporarily, if a retry cannot have a second effect, and no sooner than the service asks.
 */
import { RefusedError, UnreachableError } from './errors.ts'

export interface RetryOptions {
  /** The most retries after the first attempt. */
  readonly retries: number
  /** A longer wait is left to the caller, in milliseconds. */
  readonly waitMaxMs: number
}

export const DEFAULT_RETRIES: RetryOptions = { retries: 3, waitMaxMs: 10_000 }

const FIRST_WAIT_MS = 200
const NOT_COUNTED = 429

/** @param repeatable whether the call has one effect however often it is made */
export async function withRetries<T>(
  { retries, waitMaxMs }: RetryOptions,
  { repeatable, signal }: { readonly repeatable: boolean; readonly signal: AbortSignal | undefined },
  call: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      const wait = waitBefore(attempt, error, repeatable)
      if (attempt >= retries || wait === null || wait > waitMaxMs) throw error
      await sleep(wait, signal)
    }
  }
}

/** @returns milliseconds; null if a retry is useless, or could have a second effect */
function waitBefore(attempt: number, error: unknown, repeatable: boolean): number | null {
  // Full jitter: clients that failed together return at different times.
  const backoff = Math.random() * FIRST_WAIT_MS * 2 ** attempt
  // After a whole timeout the caller does not wait any longer.
  if (error instanceof UnreachableError) return repeatable && error.reason === 'no-connection' ? backoff : null
  if (!(error instanceof RefusedError) || error.retryAfterMs === null) return null
  // After a 429 the request was only counted. After a 503 it is unknown how far it got.
  const mayRepeat = error.status === NOT_COUNTED || (error.status === 503 && repeatable)
  return mayRepeat ? error.retryAfterMs + backoff : null
}

export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    const done = () => {
      signal?.removeEventListener('abort', aborted)
      resolve()
    }
    const timer = setTimeout(done, ms)
    const aborted = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', aborted, { once: true })
  })
}
