/**
 * HTTP/1.1 on a raw socket, one request at a time, so that making the load costs less than answering it. A connection
 * that the server closed while it was idle is opened again; one that is lost with a request on it answers with status 0.
 */
import { connect, type Socket } from 'node:net'

export interface Connection {
  /**
   * @param request a whole request as it goes on the wire
   * @param onAnswer gets the status and the head of the answer, once its last byte is here
   */
  ask(request: Buffer, onAnswer: (status: number, head: Buffer) => void): void
  close(): void
}

const NO_HEAD = Buffer.alloc(0)
/** So that a server that refuses connections is not asked in a tight loop. */
const LOST_AFTER_MS = 5

export function openConnection(port: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let socket = open()
    let waiting: ((status: number, head: Buffer) => void) | null = null
    socket.once('error', reject)
    socket.once('connect', () => resolve({ ask, close: () => socket.destroy() }))

    function open(): Socket {
      const opened = connect({ port, host: '127.0.0.1', noDelay: true })
      readAnswers(opened, answered)
      opened.on('error', () => {})
      opened.on('close', () => {
        if (waiting !== null) setTimeout(answered, LOST_AFTER_MS, 0, NO_HEAD)
      })
      return opened
    }

    function ask(request: Buffer, onAnswer: (status: number, head: Buffer) => void): void {
      waiting = onAnswer
      if (socket.destroyed || socket.readableEnded) socket = open()
      socket.write(request)
    }

    function answered(status: number, head: Buffer): void {
      const done = waiting
      waiting = null
      done?.(status, head)
    }
  })
}

const HEADER_END = Buffer.from('\r\n\r\n')
/** As every server here writes it. */
const LENGTH = Buffer.from('Content-Length: ')
const STATUS_AT = 'HTTP/1.1 '.length

/** Reads no more than it must: the status, the length, and how many bytes are still to come. */
function readAnswers(socket: Socket, onAnswer: (status: number, head: Buffer) => void): void {
  let begun: Buffer | null = null
  let head: Buffer = NO_HEAD
  let missing = 0
  let status = 0
  socket.on('data', (chunk: Buffer) => {
    if (missing > 0) {
      missing -= chunk.length
      if (missing <= 0) onAnswer(status, head)
      return
    }
    const bytes: Buffer = begun === null ? chunk : Buffer.concat([begun, chunk])
    const end = bytes.indexOf(HEADER_END)
    begun = end === -1 ? bytes : null
    if (end === -1) return
    head = bytes.subarray(0, end + 2)
    status = numberAt(head, STATUS_AT)
    const lengthAt = head.indexOf(LENGTH)
    missing =
      (lengthAt === -1 ? 0 : numberAt(head, lengthAt + LENGTH.length)) - (bytes.length - end - HEADER_END.length)
    if (missing <= 0) onAnswer(status, head)
  })
}

function numberAt(bytes: Buffer, at: number): number {
  let value = 0
  for (let digit = (bytes[at] ?? 0) - 48; digit >= 0 && digit <= 9; digit = (bytes[++at] ?? 0) - 48)
    value = value * 10 + digit
  return value
}

const CACHE_STATUS = Buffer.from('Cache-Status: portcullis; ')

/** `hit`, `fwd=miss; stored`, `fwd=bypass; detail=…`: how an answer came about, without its time to live. */
export function cacheStatusOf(head: Buffer): string {
  const at = head.indexOf(CACHE_STATUS)
  if (at === -1) return ''
  const text = head.toString('latin1', at + CACHE_STATUS.length, head.indexOf('\r\n', at))
  return text.replace(/; ttl=\d+/, '')
}

export interface WireRequest {
  readonly method?: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
}

/** The whole request as it goes on the wire. */
export function onTheWire({ method = 'GET', path, headers, body }: WireRequest, port: string): string {
  const text = body === undefined ? '' : JSON.stringify(body)
  const about =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers, ...about }).map(
    ([header, value]) => `${header}: ${value}\r\n`,
  )
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`
}
