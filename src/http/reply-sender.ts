/** The one place that writes a reply to the socket: its headers, and the conditions of reads (RFC 9110). */
import type { Request, Response } from 'express'
import type { CacheStatus } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import { answeredId } from './access-log.ts'
import { tagsIn } from './entity-tags.ts'
import { EVENT_STREAM_TYPE, sendEvents } from './event-stream.ts'
import { type Problem, problemOf } from './problem.ts'
import { PROBLEM_TYPE, type Reply } from './reply.ts'
import { isForScim, SCIM_TYPE, scimErrorOf } from './scim/errors.ts'
import type { SecurityHeaders } from './security-headers.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
/** Private to the caller and revalidated before each use: a browser must not show what has been revoked. */
const CACHE_HEADERS = ['Cache-Control', 'private, no-cache', 'Vary', 'Authorization']

export interface ReplySender {
  send(req: Request, res: Response, reply: Reply): void
  sendProblem(req: Request, res: Response, problem: Problem): void
}

export interface ReplySenderOptions {
  readonly securityHeaders: SecurityHeaders
  /** Of the request in progress, where it is traced: problem documents carry it. */
  readonly traceId?: (() => string | undefined) | undefined
}

export function createReplySender(options: ReplySenderOptions): ReplySender {
  return new HeaderedReplySender(options)
}

class HeaderedReplySender implements ReplySender {
  readonly #traceId: ReplySenderOptions['traceId']
  readonly #headers: Readonly<Record<NonNullable<Reply['security']>, readonly string[]>>

  constructor({ securityHeaders: { data, page, console }, traceId }: ReplySenderOptions) {
    this.#traceId = traceId
    this.#headers = {
      data: [...data, ...CACHE_HEADERS],
      page: [...page, ...CACHE_HEADERS],
      console: [...console, ...CACHE_HEADERS],
    }
  }

  send(req: Request, res: Response, reply: Reply): void {
    if (res.headersSent || res.destroyed) {
      reply.stream?.close()
      return
    }
    if (reply.etag !== undefined && isOutdated(req, reply)) {
      const problem = new DomainError('version-mismatch', 'No tag in If-Match is the current one.')
      this.sendProblem(req, res, problemOf(problem))
      return
    }
    const headers = this.#headersOf(req, res, reply)
    if (reply.etag !== undefined && isNotModified(req, reply)) res.writeHead(304, headers).end()
    else writeBody(res, reply, headers)
  }

  sendProblem(req: Request, res: Response, problem: Problem): void {
    // For the access log: one status can have several reasons.
    res.locals.problem ??= problem.code
    const asScim = isForScim(req)
    this.send(req, res, {
      status: problem.status,
      headers: Object.entries(problem.headers).flat(),
      security: 'data',
      contentType: asScim ? `${SCIM_TYPE}; charset=utf-8` : PROBLEM_TYPE,
      body: JSON.stringify(asScim ? scimErrorOf(problem) : this.#documentOf(problem)),
    })
  }

  #documentOf({ body }: Problem): object {
    return this.#traceId ? { ...body, traceId: this.#traceId() } : body
  }

  /** All but those of the body. */
  #headersOf(req: Request, res: Response, reply: Reply): string[] {
    const headers = this.#headers[reply.security ?? (reply.contentType === undefined ? 'data' : 'page')].slice()
    headers.push('X-Request-Id', answeredId(req))
    if (reply.cache !== undefined) headers.push('Cache-Status', cacheStatus(reply.cache))
    if (reply.nextCursor) headers.push('Link', linkTo(reply.nextCursor, req))
    if (reply.headers !== undefined) headers.push(...reply.headers)
    // Set before the route ran: the caller's quota, the page's origin.
    if (res.locals?.headers !== undefined) headers.push(...(res.locals.headers as string[]))
    if (reply.etag !== undefined) headers.push('ETag', reply.etag)
    return headers
  }
}

function writeBody(res: Response, { status, contentType, body, stream }: Reply, headers: string[]): void {
  if (stream !== undefined) {
    res.writeHead(status, [...headers, 'Content-Type', contentType ?? EVENT_STREAM_TYPE])
    void sendEvents(stream, res)
  } else if (body === undefined) {
    if (status !== 204) headers.push('Content-Length', '0')
    res.writeHead(status, headers).end()
  } else {
    headers.push('Content-Type', contentType ?? JSON_TYPE, 'Content-Length', String(Buffer.byteLength(body)))
    res.writeHead(status, headers).end(body)
  }
}

const isSuccessfulRead = ({ method }: Request, { status }: Reply) =>
  status === 200 && (method === 'GET' || method === 'HEAD')

/** RFC 9110, 13.1.1, for reads; mutations compare inside their transaction. */
function isOutdated(req: Request, reply: Reply): boolean {
  const condition = req.headers['if-match']
  if (condition === undefined || !isSuccessfulRead(req, reply)) return false
  return !names(condition, reply.etag)
}

/** RFC 9110, 13.1.2: only for GET and HEAD that would have succeeded. */
function isNotModified(req: Request, reply: Reply): boolean {
  const condition = req.headers['if-none-match']
  if (condition === undefined || !isSuccessfulRead(req, reply)) return false
  return condition === reply.etag || names(condition, reply.etag)
}

function names(condition: string, etag: string | undefined): boolean {
  const tags = tagsIn(condition)
  return tags === '*' || tags.includes(etag ?? '')
}

/** RFC 8288, relative: right behind any proxy that changes host or scheme. */
function linkTo(nextCursor: string, { originalUrl }: Request): string {
  const [path = '', query = ''] = originalUrl.split('?', 2)
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', nextCursor)
  return `<${path}?${parameters}>; rel="next"`
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
