/** The HTTP server around the application: explicit limits, and an end that lets requests finish. */
import http, { IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Express, Request, Response } from 'express'
import { nextId } from './access-log.ts'
import { PROBLEMS, type ProblemCode, problemType } from './problem.ts'
import { PROBLEM_TYPE } from './reply.ts'
import { securityHeaders } from './security-headers.ts'

const MAX_HEADER_BYTES = 16 * 1024
/** From the connection, or the end of the last answer, to the last header. */
const HEADERS_TIMEOUT_MS = 10_000
/** To the last byte of the body; the largest import over a slow line fits. */
const REQUEST_TIMEOUT_MS = 120_000
/** Longer than the idle time of usual load balancers (60 s), so that they close first and never meet a closed connection. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const CHECK_INTERVAL_MS = 2000
const MAX_CONNECTIONS = 10_000
const SWEEP_MS = 50
const DATA_HEADERS = securityHeaders().data
/** For headers that are on their way when the server closes. */
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
      // Node would refuse with an empty answer; `readable` says why.
      requireHostHeader: false,
    },
    readable(app),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.maxRequestsPerSocket = 0
  server.on('clientError', refuseUnreadable)
  // Node would refuse with an empty answer, too; RFC 9110, 10.1.1 lets a server pass over what it does not know.
  server.on('checkExpectation', readable(app))
  server.on('connect', (_req, socket: Socket) => refuse(socket, 'malformed-request'))
  trackUnused(server)
  return server
}

/**
 * Express replaces the prototype of each request and response, which costs V8 the shapes it has optimised for.
 * Objects that are made with those very prototypes turn the replacement into a no-op.
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

/** What never became a request gets its problem straight on the socket. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  refuse(socket, UNREADABLE[error.code ?? ''] ?? 'malformed-request')
}

const ON_THE_SOCKET = ['Content-Type', PROBLEM_TYPE, 'Cache-Control', 'no-store', 'Connection', 'close']

function refuse(socket: Socket, code: ProblemCode): void {
  const { status, title } = PROBLEMS[code]
  const body = JSON.stringify({ type: problemType(code), title, status, detail: 'The request could not be read.' })
  const fields = [
    ...DATA_HEADERS,
    ...ON_THE_SOCKET,
    'X-Request-Id',
    nextId(),
    'Content-Length',
    Buffer.byteLength(body),
  ]
  const lines = fields.map((field, at) => (at % 2 === 0 ? `${field}: ` : `${field}\r\n`))
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}

/** RFC 9112, 3.2: a request of HTTP/1.1 names its host. */
function readable(app: Express): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    if (req.headers.host === undefined && req.httpVersionMinor > 0) refuse(req.socket, 'malformed-request')
    else app(req as Request, res as Response)
  }
}

/** @throws Error that says what to do when the address cannot be had */
export async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explained(error, host, port)))
    server.listen({ host, port, backlog: 1024 }, () => resolve())
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : port
}

function explained(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const where = `${host}:${port}`
  if (error.code === 'EADDRINUSE')
    return new Error(`${where} is taken by another process: stop it, or set PORT to a free port`, { cause: error })
  if (error.code === 'EACCES')
    return new Error(`${where} needs privileges: set PORT to a port above 1023`, { cause: error })
  return new Error(`cannot listen on ${where}: ${error.message}`, { cause: error })
}

/** From now on each answer is the last of its connection, so that clients turn elsewhere before this server is gone. */
export function stopKeepingAlive(server: Server): void {
  server.prependListener('request', (_req, res) => {
    res.shouldKeepAlive = false
  })
}

/**
 * Stops accepting, ends idle connections at once and the others when their request is done. Node counts a connection
 * that has not yet brought a request as busy, and stops timing it out once the server closes: those are ended here.
 */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const closingSince = performance.now()
  function sweep(): void {
    // A request that was under way before `stopKeepingAlive` leaves a connection that is idle only later.
    server.closeIdleConnections()
    const patient = performance.now() - closingSince < HALF_SENT_GRACE_MS
    for (const socket of unused.get(server) ?? []) if (socket.bytesRead === 0 || !patient) socket.destroy()
  }
  sweep()
  const sweeping = setInterval(sweep, SWEEP_MS)
  await closed
  clearInterval(sweeping)
}

/** Per server, the connections that have not brought a request yet. */
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
