/** What a handler returns, and the one place that writes it to the socket. */
import type { Request, Response } from 'express'
import type { CacheStatus } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import { answeredId } from './access-log.ts'
import { tagsIn } from './entity-tags.ts'
import { EVENT_STREAM_TYPE, type EventSource, sendEvents } from './event-stream.ts'
import { type Problem, problemOf } from './problem.ts'
import { isForScim, SCIM_TYPE, scimErrorOf } from './scim/errors.ts'
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

const JSON_TYPE = 'application/json; charset=utf-8'
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'
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

export function createReplySender({ securityHeaders, traceId }: ReplySenderOptions): ReplySender {
  const headersOf = {
    data: [...securityHeaders.data, ...CACHE_HEADERS],
    page: [...securityHeaders.page, ...CACHE_HEADERS],
    console: [...securityHeaders.console, ...CACHE_HEADERS],
  }

  function send(req: Request, res: Response, reply: Reply): void {
    if (res.headersSent || res.destroyed) {
      reply.stream?.close()
      return
    }
    if (reply.etag !== undefined && isOutdated(req, reply)) {
      sendProblem(req, res, problemOf(new DomainError('version-mismatch', 'No tag in If-Match is the current one.')))
      return
    }
    const headers = headersOf[reply.security ?? (reply.contentType === undefined ? 'data' : 'page')].slice()
    headers.push('X-Request-Id', answeredId(req))
    if (reply.headers !== undefined) headers.push(...reply.headers)
    // Set before the route ran: the caller's quota, the page's origin.
    if (res.locals?.headers !== undefined) headers.push(...(res.locals.headers as string[]))
    if (reply.etag !== undefined) {
      headers.push('ETag', reply.etag)
      if (isNotModified(req, reply)) {
        res.writeHead(304, headers).end()
        return
      }
    }
    const { bytes, stream } = reply
    if (stream !== undefined) {
      res.writeHead(reply.status, [...headers, 'Content-Type', reply.contentType ?? EVENT_STREAM_TYPE])
      void sendEvents(stream, res)
      return
    }
    if (bytes === undefined) {
      if (reply.status !== 204) headers.push('Content-Length', '0')
      res.writeHead(reply.status, headers).end()
      return
    }
    headers.push('Content-Type', reply.contentType ?? JSON_TYPE, 'Content-Length', String(Buffer.byteLength(bytes)))
    res.writeHead(reply.status, headers).end(bytes)
  }

  function sendProblem(req: Request, res: Response, problem: Problem): void {
    // For the access log: one status can have several reasons.
    res.locals.problem ??= problem.code
    const asScim = isForScim(req)
    send(req, res, {
      status: problem.status,
      headers: Object.entries(problem.headers).flat(),
      security: 'data',
      contentType: asScim ? `${SCIM_TYPE}; charset=utf-8` : PROBLEM_TYPE,
      bytes: JSON.stringify(
        asScim ? scimErrorOf(problem) : traceId ? { ...problem.body, traceId: traceId() } : problem.body,
      ),
    })
  }

  return { send, sendProblem }
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

const ttl = (seconds: number | undefined) => (seconds === undefined ? '' : `; ttl=${Math.max(0, Math.floor(seconds))}`)

/** RFC 9211; `detail` is reduced to a token, so it can contain no key and no message. */
export function cacheStatus(status: CacheStatus): string {
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
