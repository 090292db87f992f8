/** CORS (Fetch standard) for the configured origins; without any, no page of another origin may call. */
import type { RequestHandler } from 'express'
import type { ReplySender } from './reply-sender.ts'

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const REQUEST_HEADERS =
  'Authorization, Content-Type, Consistency-Token, Cache-Control, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, X-Request-Id'
const ANSWER_HEADERS =
  'Consistency-Token, ETag, Cache-Status, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id'
/** How long a browser may remember a preflight's answer. */
const MAX_AGE_SECONDS = 600

/** Tokens travel in a header that scripts set, never in cookies: credentials are not allowed. */
export function createCors(origins: readonly string[], sender: ReplySender): RequestHandler {
  const allowed = new Set(origins)
  return function cors(req, res, next) {
    const { origin } = req.headers
    const headers = ['Vary', 'Origin']
    if (origin !== undefined && allowed.has(origin))
      headers.push('Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', ANSWER_HEADERS)
    if (req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined && headers.length > 2) {
      headers.push('Access-Control-Allow-Methods', METHODS, 'Access-Control-Allow-Headers', REQUEST_HEADERS)
      sender.send(req, res, { status: 204, headers: [...headers, 'Access-Control-Max-Age', String(MAX_AGE_SECONDS)] })
      return
    }
    res.locals.headers = headers
    next()
  }
}
