/** One line per request, made of the few fields it prints; and the id that ties a request to its lines. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pinoHttp } from 'pino-http'
import type { Logger } from '../telemetry/index.ts'

const CLEAN_ID = /^[\w.:-]{1,128}$/

/** A caller's own id is kept when it cannot break a log line or a header. */
export function requestId(req: IncomingMessage): string {
  const given = req.headers['x-request-id']
  return typeof given === 'string' && CLEAN_ID.test(given) ? given : randomUUID()
}

export function createAccessLog(logger: Logger) {
  return pinoHttp({
    logger,
    genReqId: requestId,
    // The defaults serialise every header of request and response, only for redaction to take some out again.
    wrapSerializers: false,
    // What is printed is chosen here field by field; looking for credentials in it cost a sixth of the hot path.
    redact: [],
    serializers: { req: describedRequest, res: describedResponse },
    customLogLevel: levelOf,
    customErrorObject: (_req, res, _error, values: { responseTime: number }) => ({
      res,
      responseTime: values.responseTime,
    }),
  })
}

/** The path without the query: filters and cursors are the caller's business. */
function describedRequest(req: IncomingMessage & { id?: unknown }) {
  const url = req.url ?? ''
  const query = url.indexOf('?')
  return { id: req.id, method: req.method, path: query === -1 ? url : url.slice(0, query) }
}

function describedResponse(res: ServerResponse & { locals?: { problem?: string } }) {
  const problem = res.locals?.problem
  return problem === undefined ? { status: res.statusCode } : { status: res.statusCode, problem }
}

/** A 503 is the service protecting itself; a 500 is a fault. Probes come every few seconds and say nothing while all is well. */
function levelOf(req: IncomingMessage, res: ServerResponse, error?: Error): 'error' | 'warn' | 'info' | 'debug' {
  if (error !== undefined || (res.statusCode >= 500 && res.statusCode !== 503)) return 'error'
  if (res.statusCode === 503) return 'warn'
  return req.url === '/livez' || req.url === '/readyz' || req.url === '/metrics' ? 'debug' : 'info'
}
