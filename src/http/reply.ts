/** What a handler returns: a body, a page, or the result of a mutation. Headers are spelled by the sender. */
import type { CacheStatus, Mutated, Page } from '../domain/api.ts'
import type { EventSource } from './event-stream.ts'
import type { SecurityHeaders } from './security-headers.ts'

export interface Reply {
  readonly status: number
  /** Names and values alternating, in the form that `writeHead` takes without copying. */
  readonly headers?: readonly string[]
  /** Sent as it is. */
  readonly body?: Buffer | string
  readonly contentType?: string
  /** By the content type where absent: data for JSON, else a page. */
  readonly security?: keyof SecurityHeaders
  /** Sent instead of a body, at the client's pace. */
  readonly stream?: EventSource
  /** A strong validator, quoted. `If-Match` and `If-None-Match` are compared with it. */
  readonly etag?: string
  /** How the cache took part, where it did: `Cache-Status`. */
  readonly cache?: CacheStatus
  /** Of a page: `Link` names the next one, null where it is the last. */
  readonly nextCursor?: string | null
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

export function json(
  value: unknown,
  { status = 200, headers, etag }: { status?: number; headers?: readonly string[]; etag?: string } = {},
): Reply {
  return {
    status,
    body: JSON.stringify(value),
    ...(headers !== undefined && { headers }),
    ...(etag !== undefined && { etag }),
  }
}

export function cached(value: unknown, cache: CacheStatus, etag?: string): Reply {
  return { ...json(value), cache, ...(etag !== undefined && { etag }) }
}

/** @param shown makes the public form of one item */
export function page<Item>({ data, nextCursor }: Page<Item>, shown: (item: Item) => unknown, etag?: string): Reply {
  return { ...json({ data: data.map(shown), nextCursor }), nextCursor, ...(etag !== undefined && { etag }) }
}

export function mutated<T>(
  outcome: Mutated<T>,
  body: unknown,
  { status = 200, headers = [], etag }: { status?: 200 | 201; headers?: readonly string[]; etag?: string } = {},
): Reply {
  return json(body, {
    status,
    headers: ['Consistency-Token', outcome.consistencyToken, ...headers],
    ...(etag !== undefined && { etag }),
  })
}

export function mutatedToNothing(outcome: Mutated<unknown>): Reply {
  return { status: 204, headers: ['Consistency-Token', outcome.consistencyToken] }
}
