/** What a handler returns: a body, a page, the result of a mutation, or a page of resources as ready bytes. */
import type { Request } from 'express'
import type { CacheStatus, Mutated, Page, ResourcePage } from '../domain/api.ts'
import type { EventSource } from './event-stream.ts'
import type { SecurityHeaders } from './security-headers.ts'

export interface Reply {
  readonly status: number
  /** Names and values alternating, in the form that `writeHead` takes without copying. */
  readonly headers?: readonly string[]
  /** Sent as they are. */
  readonly bytes?: Buffer | string
  readonly contentType?: string
  /** By the content type where absent: data for JSON, else a page. */
  readonly security?: keyof SecurityHeaders
  /** Sent instead of bytes, at the client's pace. */
  readonly stream?: EventSource
  /** A strong validator, quoted. `If-Match` and `If-None-Match` are compared with it. */
  readonly etag?: string
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

export function json(
  value: unknown,
  { status = 200, headers, etag }: { status?: number; headers?: readonly string[]; etag?: string } = {},
): Reply {
  return {
    status,
    bytes: JSON.stringify(value),
    ...(headers !== undefined && { headers }),
    ...(etag !== undefined && { etag }),
  }
}

/** @param cache how the cache took part, for `Cache-Status` */
export function cached(body: unknown, cache: CacheStatus, etag?: string): Reply {
  return json(body, { headers: ['Cache-Status', cacheStatus(cache)], ...(etag !== undefined && { etag }) })
}

/** @param body makes the public form of one item */
export function page<Item>(
  req: Request,
  { data, nextCursor }: Page<Item>,
  body: (item: Item) => unknown,
  etag?: string,
): Reply {
  return json(
    { data: data.map(body), nextCursor },
    { headers: nextLink(req, nextCursor), ...(etag !== undefined && { etag }) },
  )
}

/** Bytes as they came from the cache, never parsed. */
export function resourcePage(req: Request, { body, etag, nextCursor, cache }: ResourcePage): Reply {
  const headers = ['Cache-Status', cacheStatus(cache)]
  if (nextCursor !== null) headers.push(...nextLink(req, nextCursor))
  return { status: 200, bytes: body, etag, headers }
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

/** RFC 8288, relative: right behind any proxy that changes host or scheme. */
function nextLink(req: Request, nextCursor: string | null): string[] {
  if (nextCursor === null) return []
  const [path = '', query = ''] = req.originalUrl.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', nextCursor)
  return ['Link', `<${path}?${parameters}>; rel="next"`]
}

const ttl = (seconds: number | undefined) => (seconds === undefined ? '' : `; ttl=${Math.max(0, Math.floor(seconds))}`)

/** RFC 9211; `detail` is reduced to a token, so it can contain no key and no message. */
function cacheStatus(status: CacheStatus): string {
  const detail = status.detail === undefined ? '' : `; detail=${status.detail.replace(/[^A-Za-z0-9_.-]+/g, '-')}`
  switch (status.kind) {
    case 'hit':
      return `portcullis; hit${ttl(status.ttlSeconds)}${detail}`
    case 'miss':
      return `portcullis; fwd=miss${status.stored ? '; stored' : ''}${detail}`
    case 'bypass':
      return `portcullis; fwd=bypass${detail}`
    default:
      return status satisfies never
  }
}
