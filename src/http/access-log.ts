/** One line per request, written by pino-http: the few fields it prints, and the id that ties a request to its lines. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { NextFunction, Request, Response } from 'express'
import { pinoHttp } from 'pino-http'
import { type Logger, REDACT_TOP_LEVEL } from '../telemetry/index.ts'

declare module 'express-serve-static-core' {
  interface Request {
    /** Names the request in log lines, audit rows and the answer. */
    id: string
    /** The caller, once the token is verified. */
    subject?: string
  }
}

const CLEAN_ID = /^[\w.:-]{1,128}$/
/** One random id per process and a counter: as unique as a random id per request, without asking the random generator. */
const PROCESS_ID = randomUUID().slice(0, 24)
let lastRequest = 0

export function nextId(): string {
  lastRequest++
  return PROCESS_ID + lastRequest.toString(16).padStart(12, '0')
}

/** Keeps the caller's own id, unless it could break a log line or a header. */
export function requestId(req: IncomingMessage): string {
  const given = req.headers['x-request-id']
  return typeof given === 'string' && CLEAN_ID.test(given) ? given : nextId()
}

/** The id in the answer: AuthZEN callers get back whatever they sent ("Request Identification in a Response"). */
export function answeredId(req: IncomingMessage & { readonly id: string; readonly originalUrl: string }): string {
  const given = req.headers['x-request-id']
  return typeof given === 'string' && given !== '' && req.originalUrl.startsWith('/access/v1/') ? given : req.id
}

/**
 * pino-http makes one child logger per request, which holds `req`. Nothing here makes it a second one (`customProps`,
 * `quietReqLogger`). The serializers return only what is printed, so redaction need not search inside them: copying and
 * searching each object for every secret path costs more than the rest of the line.
 */
export function createAccessLog(logger: Logger) {
  const log = pinoHttp<Request, Response>({
    logger,
    redact: REDACT_TOP_LEVEL,
    wrapSerializers: false,
    serializers: { req: describeRequest, res: describeResponse },
    genReqId: requestId,
    customLogLevel: levelOf,
    customSuccessObject: lineOf,
    customErrorObject: (req, res, _error, line) => lineOf(req, res, line),
    customSuccessMessage: messageOf,
    customErrorMessage: messageOf,
  })

  return function accessLog(req: Request, res: Response, next: NextFunction): void {
    // pino-http stops listening after its line; an error after that must not end the process.
    res.on('error', rememberFailure)
    log(req, res, next)
  }
}

function rememberFailure(this: Response, error: Error): void {
  this.locals.failure = error
}

interface Line {
  readonly responseTime: number
}

function lineOf({ subject }: Request, res: Response, { responseTime }: Line) {
  return { sub: subject, res, responseTime }
}

/** The path without the query: filters and cursors are the caller's business. */
function describeRequest({ id, method, originalUrl }: Request) {
  const query = originalUrl.indexOf('?')
  return { id, method, path: query === -1 ? originalUrl : originalUrl.slice(0, query) }
}

function describeResponse({ statusCode, locals }: Response) {
  return { status: statusCode, problem: locals?.problem as string | undefined }
}

function messageOf(_req: Request, res: Response): string {
  if (res.locals?.failure !== undefined) return 'request errored'
  return res.writableFinished ? 'request completed' : 'request aborted'
}

/**
 * A 503 protects the service, and a protocol asks for a 501; a 500 is a fault. Probes come every few seconds. Their
 * successes are not worth a line, and neither is each "not ready": its reason has a line of its own (refusal-log.ts).
 */
function levelOf({ originalUrl }: Request, { statusCode }: Response, failure: Error | undefined) {
  if (failure !== undefined || statusCode === 500) return 'error'
  const isProbe = originalUrl === '/livez' || originalUrl === '/readyz' || originalUrl === '/metrics'
  if (isProbe) return 'debug'
  return statusCode === 503 ? 'warn' : 'info'
}
