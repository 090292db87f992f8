/**
 * How often one subject may call: announced in `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers), enforced
 * with 429.
 */
import type { UserId } from '../domain/model.ts'
import { HttpError } from './problem.ts'

export type Quota = 'read' | 'write' | 'admin' | 'import'

export const WINDOW_SECONDS = 60

/** The port to the counter. If it cannot count, the request is served all the same. */
export interface QuotaCounter {
  consume(subject: string): Promise<Consumed> | Consumed
}

export interface Consumed {
  readonly allowed: boolean
  readonly remaining: number
  readonly resetMs: number
}

export interface RateLimits {
  /**
   * Counts a request.
   * @returns headers for its answer, names and values alternating; undefined where there is no limit
   */
  count(quota: Quota, subject: UserId): Promise<Counted> | Counted | undefined
}

export interface Counted {
  readonly headers: readonly string[]
  readonly refusal?: HttpError
}

export interface RateLimitOptions {
  /** Requests per minute; 0 means no limit. */
  readonly limits: Readonly<Record<Quota, number>>
  /**
   * Counts over all instances. Reads are counted in this process instead: a round trip for each would double the cost
   * of the hot path, so with n instances a subject may read n times as often.
   */
  readonly shared: (window: { name: Quota; limit: number; windowSeconds: number }) => QuotaCounter
  readonly nowMs: () => number
}

export const NO_LIMITS: RateLimits = { count: () => undefined }

export function createRateLimits({ limits, shared, nowMs }: RateLimitOptions): RateLimits {
  const quotas = new Map<Quota, { counter: QuotaCounter; counted: (consumed: Consumed) => Counted }>()
  for (const name of ['read', 'write', 'admin', 'import'] as const) {
    const limit = limits[name]
    if (limit === 0) continue
    const window = { name, limit, windowSeconds: WINDOW_SECONDS }
    const counter =
      name === 'read' ? createLocalCounter({ limit, windowMs: WINDOW_SECONDS * 1000, nowMs }) : shared(window)
    quotas.set(name, { counter, counted: described(name, limit) })
  }
  return {
    count(name, subject) {
      const quota = quotas.get(name)
      if (!quota) return undefined
      const consumed = quota.counter.consume(subject)
      return consumed instanceof Promise ? consumed.then(quota.counted) : quota.counted(consumed)
    },
  }
}

function described(name: Quota, limit: number): (consumed: Consumed) => Counted {
  const policy = `"${name}";q=${limit};w=${WINDOW_SECONDS}`
  return ({ allowed, remaining, resetMs }) => {
    const resetSeconds = Math.max(1, Math.ceil(resetMs / 1000))
    const headers = ['RateLimit-Policy', policy, 'RateLimit', `"${name}";r=${remaining};t=${resetSeconds}`]
    if (allowed) return { headers }
    const detail = `You may send ${limit} such requests a minute; come back in ${resetSeconds} s.`
    const retry = { 'Retry-After': String(resetSeconds) }
    return { headers, refusal: new HttpError('too-many-requests', detail, { headers: retry }) }
  }
}

/** One window for everybody: its end forgets all subjects at once, so that nothing is kept for callers that never return. */
export function createLocalCounter({
  limit,
  windowMs,
  nowMs,
}: {
  readonly limit: number
  readonly windowMs: number
  readonly nowMs: () => number
}): QuotaCounter {
  let counts = new Map<string, number>()
  let endsAtMs = nowMs() + windowMs
  return {
    consume(subject) {
      const now = nowMs()
      if (now >= endsAtMs) {
        counts = new Map()
        endsAtMs = now + windowMs
      }
      const count = (counts.get(subject) ?? 0) + 1
      counts.set(subject, count)
      return { allowed: count <= limit, remaining: Math.max(0, limit - count), resetMs: endsAtMs - now }
    },
  }
}
