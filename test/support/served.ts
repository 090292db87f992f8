/** The application behind a real server on a free port; and a lean client. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'
import { onTestFinished } from 'vitest'
import { closeServer, createServer } from '../../src/http/server.ts'

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

export interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
}

export interface Client {
  /** Over kept-alive connections and without the cost of `fetch`: corpora are thousands of requests. */
  send(sent: Sent): Promise<Answer>
  close(): void
}

export function clientOf(port: number): Client {
  const agent = new http.Agent({ keepAlive: true })
  return { send: (sent) => exchange(agent, port, sent), close: () => agent.destroy() }
}

export interface Served extends Pick<Client, 'send'> {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** Closed with the test that asked for it. */
export async function served(app: Express): Promise<Served> {
  const serving = await serve(app)
  onTestFinished(serving.close)
  return serving
}

/** For a whole file; the caller closes it. */
export async function serve(app: Express): Promise<Served> {
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = clientOf(port)
  const close = async () => {
    client.close()
    server.closeAllConnections()
    await closeServer(server)
  }
  return { url: `http://127.0.0.1:${port}`, port, send: client.send, close }
}

function exchange(agent: http.Agent, port: number, { method = 'GET', path, headers, body }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = http.request(
      { agent, host: '127.0.0.1', port, method, path, headers: { ...headers, ...length } },
      (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('end', () =>
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString() }),
        )
        res.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
