/** One keep-alive HTTP connection with one request at a time: the load has to be cheaper than what it measures. */
import net from 'node:net'
import { nowMs } from './clock.ts'

export interface HttpAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
  readonly startedMs: number
  readonly endedMs: number
}

/** `refused`: there was nobody; `cut`: the connection ended before the answer; `silent`: no answer in time. */
export type HttpFailure = 'refused' | 'cut' | 'silent'

export class HttpError extends Error {
  readonly code: HttpFailure
  constructor(code: HttpFailure, options?: ErrorOptions) {
    super(`no answer: ${code}`, options)
    this.code = code
  }
}

export interface HttpConnection {
  /** @throws HttpError */
  send(request: Buffer): Promise<HttpAnswer>
  close(): void
}

interface Waiting {
  readonly startedMs: number
  settle(outcome: HttpAnswer | HttpError): void
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')

export function createHttpConnection({ port, timeoutMs }: { port: number; timeoutMs: number }): HttpConnection {
  let socket: net.Socket | null = null
  let received: Buffer = Buffer.alloc(0)
  let waiting: Waiting | null = null

  function connect(): net.Socket {
    const made = net.connect({ port, host: '127.0.0.1', noDelay: true })
    let connected = false
    received = Buffer.alloc(0)
    made.on('connect', () => {
      connected = true
    })
    made.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const answer = waiting && parse(received, waiting.startedMs)
      if (answer) settle(answer)
    })
    made.on('error', () => {})
    made.on('close', () => {
      if (socket === made) socket = null
      settle(new HttpError(connected ? 'cut' : 'refused'))
    })
    return made
  }

  function settle(outcome: HttpAnswer | HttpError): void {
    const current = waiting
    waiting = null
    received = Buffer.alloc(0)
    current?.settle(outcome)
  }

  return {
    send(request) {
      return new Promise((resolve, reject) => {
        const startedMs = nowMs()
        const timer = setTimeout(() => {
          const late = socket
          socket = null
          settle(new HttpError('silent'))
          late?.destroy()
        }, timeoutMs)
        waiting = {
          startedMs,
          settle(outcome) {
            clearTimeout(timer)
            if (outcome instanceof HttpError) reject(outcome)
            else resolve(outcome)
          },
        }
        socket ??= connect()
        socket.write(request)
      })
    },
    close() {
      socket?.destroy()
      socket = null
    },
  }
}

/** The service always sends a length, so anything else is a mistake of this client's. */
function parse(bytes: Buffer, startedMs: number): HttpAnswer | null {
  const end = bytes.indexOf(END_OF_HEAD)
  if (end < 0) return null
  const head = bytes.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const length = status === 204 || status === 304 ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1])
  if (Number.isNaN(length)) throw new Error(`an answer without a length:\n${head}`)
  const from = end + END_OF_HEAD.length
  if (bytes.length < from + length) return null
  return { status, head, body: bytes.toString('utf8', from, from + length), startedMs, endedMs: nowMs() }
}

export function headerOf(head: string, name: string): string | null {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(head)?.[1] ?? null
}

export function encodeRequest(request: {
  readonly method: string
  readonly path: string
  readonly token: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}): Buffer {
  const body = request.body === undefined ? '' : JSON.stringify(request.body)
  const type = request.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  const lines = [
    `${request.method} ${request.path} HTTP/1.1`,
    'Host: drill',
    `Authorization: Bearer ${request.token}`,
    ...(body === '' ? [] : [`Content-Type: ${type}`]),
    ...(body === '' && request.method === 'GET' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
    ...Object.entries(request.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
