/** The HTTP server around the application: explicit limits, and a shutdown that lets requests finish. */
import http, { IncomingMessage, type Server, ServerResponse } from 'node:http'
import { isIPv6, type Socket } from 'node:net'
import type { Express, Request, Response } from 'express'
import { nextId } from './access-log.ts'
import { PROBLEMS, type ProblemCode, problemType } from './problem.ts'
import { PROBLEM_TYPE } from './reply.ts'
import { securityHeaders } from './security-headers.ts'

const MAX_HEADER_BYTES = 16 * 1024
/** From the connection, or the end of the last answer, to the last header. */
const HEADERS_TIMEOUT_MS = 10_000
/** To the last byte of the body: enough for the largest import over a slow line. */
const REQUEST_TIMEOUT_MS = 120_000
/** Longer than the idle timeout of common load balancers (60 s): they close first and never use a closed connection. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const CHECK_INTERVAL_MS = 2000
const MAX_CONNECTIONS = 10_000
const SWEEP_MS = 50
const DATA_HEADERS = securityHeaders().data
/** How long a shutdown waits for headers that are still arriving. */
const HALF_SENT_GRACE_MS = 1000

export function createServer(app: Express): Server {
  const server = http.createServer(
    {
      ...classesOf(app),
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      noDelay: true,
      // Node would drop the second of two Authorization, Host or Content-Type lines, and a proxy before it the first.
      joinDuplicateHeaders: true,
      // Node would refuse with an empty answer; `checkRequest` answers with a problem.
      requireHostHeader: false,
    },
    checkRequest(app),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.maxRequestsPerSocket = 0
  server.on('clientError', refuseUnreadable)
  // Node would refuse with an empty answer; RFC 9110, 10.1.1 lets a server ignore an expectation it does not know.
  server.on('checkExpectation', (req, res) => server.emit('request', req, res))
  // Node would ask for the body before the route has decided whether it wants one; request-body.ts asks for it.
  server.on('checkContinue', (req, res) => server.emit('request', req, res))
  server.on('connect', (_req, socket: Socket) => refuse(socket, 'malformed-request'))
  trackUnused(server)
  return server
}

/**
 * Express replaces the prototype of each request and response, and V8 then loses the shapes it has optimised for.
 * Objects created with those prototypes make the replacement a no-op (docs/adr/0013).
 */
function classesOf(app: Express): { IncomingMessage: typeof IncomingMessage; ServerResponse: typeof ServerResponse } {
  class AppRequest extends IncomingMessage {}
  class AppResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {}
  Object.setPrototypeOf(AppRequest.prototype, app.request)
  Object.setPrototypeOf(AppResponse.prototype, app.response)
  app.request = AppRequest.prototype as Express['request']
  app.response = AppResponse.prototype as Express['response']
  return { IncomingMessage: AppRequest, ServerResponse: AppResponse }
}

const UNREADABLE: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

/** Bytes that could not be parsed have no response object: the problem is written to the socket. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  refuse(socket, UNREADABLE[error.code ?? ''] ?? 'malformed-request')
}

const SOCKET_HEADERS = ['Content-Type', PROBLEM_TYPE, 'Cache-Control', 'no-store', 'Connection', 'close']

function refuse(socket: Socket, code: ProblemCode): void {
  const { status, title } = PROBLEMS[code]
  const body = JSON.stringify({ type: problemType(code), title, status, detail: 'The request could not be read.' })
  const fields = [
    ...DATA_HEADERS,
    ...SOCKET_HEADERS,
    'X-Request-Id',
    nextId(),
    'Content-Length',
    Buffer.byteLength(body),
  ]
  const lines = fields.map((field, at) => (at % 2 === 0 ? `${field}: ` : `${field}\r\n`))
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}

/** RFC 9112, 3.2: one host, well formed; a request of HTTP/1.0 may name none. */
const HOST = /^([\w.~!$&'()*+;=%-]*|\[[0-9a-f:.]+\])(:\d*)?$/i

function checkRequest(app: Express): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    if (isUnderstood(req)) app(req as Request, res as Response)
    else refuse(req.socket, 'malformed-request')
  }
}

/**
 * A body in an unknown transfer coding would be misread (RFC 9112, 6.1). It is a 400 and not a 501, because statuses
 * from 500 on count as faults of the service.
 */
function isUnderstood({ headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  const { host, 'transfer-encoding': coding } = headers
  // The parser takes HTTP/2.0 in a request line for a version like any other.
  if (httpVersionMajor !== 1) return false
  if (host === undefined ? httpVersionMinor > 0 : !HOST.test(host)) return false
  return coding === undefined || (coding.toLowerCase() === 'chunked' && httpVersionMinor > 0)
}

/** As HOST: every address of both families. */
const EVERY_ADDRESS = '::'

/**
 * @param portName the variable that sets the port
 * @throws Error that says what to do, and names the variable to change, when the address cannot be used
 */
export async function listen(
  server: Server,
  { host, port, portName = 'PORT' }: { host: string; port: number; portName?: string },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explained(error, { host, port, portName })))
    // Without a host Node listens for IPv6 and IPv4, and for IPv4 alone where there is no IPv6.
    server.listen({ port, backlog: 1024, ...(host !== EVERY_ADDRESS && { host }) }, () => resolve())
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : port
}

function explained(
  error: NodeJS.ErrnoException,
  { host, port, portName }: { host: string; port: number; portName: string },
): Error {
  const where = hostAndPort(host, port)
  if (error.code === 'EADDRINUSE')
    return new Error(`${where} is in use by another process: stop it, or set ${portName} to a free port`, {
      cause: error,
    })
  if (error.code === 'EACCES')
    return new Error(`${where} needs privileges: set ${portName} to a port above 1023`, { cause: error })
  // Some shells and tools set HOST to the machine's name.
  return new Error(`cannot listen on ${where} because of HOST=${host}: ${error.message}`, { cause: error })
}

/** As in a URL. */
export const hostAndPort = (host: string, port: number) => `${isIPv6(host) ? `[${host}]` : host}:${port}`

/** From now on each answer is the last on its connection, so that clients reconnect elsewhere before this server stops. */
export function stopKeepingAlive(server: Server): void {
  server.prependListener('request', (_req, res) => {
    res.shouldKeepAlive = false
  })
}

/**
 * Stops accepting, closes idle connections at once and the others when their request is done. Node counts a connection
 * without a first request as busy, and no longer times it out once the server closes: those are closed here.
 */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const closingSince = performance.now()
  function sweep(): void {
    // A request that began before `stopKeepingAlive` leaves a connection that becomes idle later.
    server.closeIdleConnections()
    const inGrace = performance.now() - closingSince < HALF_SENT_GRACE_MS
    for (const socket of unused.get(server) ?? []) if (socket.bytesRead === 0 || !inGrace) socket.destroy()
  }
  sweep()
  const sweeping = setInterval(sweep, SWEEP_MS)
  await closed
  clearInterval(sweeping)
}

/** Per server, the connections that have not sent a request yet. */
const unused = new WeakMap<Server, Set<Socket>>()

function trackUnused(server: Server): void {
  const sockets = new Set<Socket>()
  unused.set(server, sockets)
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('request', (req) => sockets.delete(req.socket))
}
