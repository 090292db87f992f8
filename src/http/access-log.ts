/** One line per request, made of the few fields it prints; and the id that ties a request to its lines. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { NextFunction, Request, Response } from 'express'
import { type Logger, readyLines } from '../telemetry/index.ts'

declare module 'express-serve-static-core' {
  interface Request {
    /** Names the request in log lines, audit rows and the answer. */
    id: string
    /** When it came, on the monotonic clock. */
    startedAtMs: number
  }
}

const CLEAN_ID = /^[\w.:-]{1,128}$/
/** One random id per process, counted on: as unique as a random one each, and no question to the random generator. */
const PROCESS_ID = randomUUID().slice(0, 24)
let lastRequest = 0

export function nextId(): string {
  lastRequest++
  return PROCESS_ID + lastRequest.toString(16).padStart(12, '0')
}

/** A caller's own id is kept when it cannot break a log line or a header. */
export function requestId(req: IncomingMessage): string {
  const given = req.headers['x-request-id']
  return typeof given === 'string' && CLEAN_ID.test(given) ? given : nextId()
}

/** Written by hand: a request's own logger, and serialisers for what is not printed, cost more than everything else here. */
export function createAccessLog(logger: Logger) {
  const write = readyLines(logger)

  /** Comes once, after the last byte or when the client is gone. */
  function finished(this: Response): void {
    const { req } = this
    const failure = this.locals?.failure as Error | undefined
    const responseTime = Math.round(performance.now() - req.startedAtMs)
    const outcome = failure ? 'errored' : this.writableFinished ? 'completed' : 'aborted'
    write(
      levelOf(req, this, failure),
      `${describedRequest(req)},${describedResponse(this)},"responseTime":${responseTime},"msg":"request ${outcome}"`,
    )
  }

  return function accessLog(req: Request, res: Response, next: NextFunction): void {
    req.startedAtMs = performance.now()
    req.id = requestId(req)
    // Without a listener an answer that cannot be written would end the process.
    res.on('error', failed)
    res.on('close', finished)
    next()
  }
}

function failed(this: Response, error: Error): void {
  this.locals.failure = error
}

/** The path without the query: filters and cursors are the caller's business. It alone may hold what JSON must escape. */
function describedRequest({ id, method, originalUrl }: Request): string {
  const query = originalUrl.indexOf('?')
  const path = query === -1 ? originalUrl : originalUrl.slice(0, query)
  return `"req":{"id":"${id}","method":"${method}","path":${JSON.stringify(path)}}`
}

function describedResponse(res: ServerResponse & { locals?: { problem?: string } }): string {
  const problem = res.locals?.problem
  return problem === undefined
    ? `"res":{"status":${res.statusCode}}`
    : `"res":{"status":${res.statusCode},"problem":"${problem}"}`
}

/** A 503 is the service protecting itself; a 500 is a fault. Probes come every few seconds and say nothing while all is well. */
function levelOf({ originalUrl }: Request, { statusCode }: ServerResponse, failure: Error | undefined) {
  if (failure !== undefined || (statusCode >= 500 && statusCode !== 503)) return 'error'
  if (statusCode === 503) return 'warn'
  return originalUrl === '/livez' || originalUrl === '/readyz' || originalUrl === '/metrics' ? 'debug' : 'info'
}
