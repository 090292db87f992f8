/** How a call can fail: the service refused it, or there was no answer. */
import type { Problem, ScimError } from './operations.ts'

/** Any answer other than a success. */
export class RefusedError extends Error {
  readonly code = 'refused'
  readonly status: number
  /** RFC 9457. SCIM's refusals have `status` and `detail` alone; of a proxy in between, `detail` is its text. */
  readonly problem: Partial<Problem>
  /** The error in SCIM's form (RFC 7644, 3.12), for its calls; null for all others. */
  readonly scim: ScimError | null
  readonly requestId: string | null
  /** How long the service asks to wait, in milliseconds; null where it does not say. */
  readonly retryAfterMs: number | null
  constructor(refusal: Pick<RefusedError, 'status' | 'problem' | 'scim' | 'requestId' | 'retryAfterMs'>) {
    const { title = 'The request was refused', detail } = refusal.problem
    super(`${title} (${refusal.status})${detail && detail !== title ? `: ${detail}` : ''}`)
    this.name = 'RefusedError'
    this.status = refusal.status
    this.problem = refusal.problem
    this.scim = refusal.scim
    this.requestId = refusal.requestId
    this.retryAfterMs = refusal.retryAfterMs
  }
}

/** No answer, or none in time: it is unknown whether a change was made. */
export class UnreachableError extends Error {
  readonly code = 'unreachable'
  readonly url: URL
  readonly reason: 'no-connection' | 'too-late' | 'not-json'
  constructor(reason: UnreachableError['reason'], url: URL, why: string, options: { readonly cause: unknown }) {
    super(`${url.origin} ${why}`, options)
    this.name = 'UnreachableError'
    this.url = url
    this.reason = reason
  }
}

/**
 * A path that would lose a part: URLs drop `.` and `..` however they are encoded, and the client would make another
 * call.
 */
export class InvalidPathError extends Error {
  readonly code = 'invalid-path'
  constructor(value: string) {
    super(`${value} cannot be part of a URL's path`)
    this.name = 'InvalidPathError'
  }
}

/** @returns milliseconds; null where the header is absent or says nothing (RFC 9110, 10.2.3: seconds, or a date) */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const given = headers.get('retry-after')
  if (given === null) return null
  if (/^\d+$/.test(given)) return Number(given) * 1000
  const at = Date.parse(given)
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs)
}
