/** The recurring kinds of answer: a page, the result of a mutation, a page of resources as ready bytes. */
import type { Request } from 'express'
import type { Mutated, Page, ResourcePage } from '../domain/api.ts'
import { cacheStatus, json, type Reply } from './reply.ts'

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
