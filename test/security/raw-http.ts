/** Bytes on a socket, as slowly and as wrongly as wanted; what comes back until the other side is done. */
import net from 'node:net'

export interface RawExchange {
  readonly socket: net.Socket
  /** The status of the first answer; null when the connection ended without one. */
  readonly status: Promise<number | null>
  /** All that came, once the connection is closed. */
  readonly closed: Promise<string>
}

export function openRaw(port: number, first: string | Buffer = ''): RawExchange {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  let received = ''
  socket.on('error', () => {})
  if (first.length > 0) socket.write(first)
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(received)))
  const status = new Promise<number | null>((resolve) => {
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const found = /^HTTP\/1\.1 (\d{3})/.exec(received)?.[1]
      if (found !== undefined) resolve(Number(found))
    })
    socket.on('close', () => resolve(null))
  })
  return { socket, status, closed }
}

/** One byte of a request after the other, for as long as somebody listens. */
export function drip({ socket }: RawExchange, everyMs: number): void {
  const timer = setInterval(() => (socket.writable ? socket.write('x') : clearInterval(timer)), everyMs)
  socket.on('close', () => clearInterval(timer))
}

export const SLOW_HEADERS = 'GET /livez HTTP/1.1\r\nHost: test\r\nX-Slow: '

/** A request whose announced body never comes. */
export const slowBodyOf = (head: string) =>
  `${head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name":"`

export function slowBody(authorization: string, announced = 1000): string {
  return `POST /groups HTTP/1.1\r\nHost: test\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: ${announced}\r\n\r\n{"name":"`
}
