/**
 * A client that sends what it is told to, also what no library would, and reads the answer as it is. Its connections are
 * kept alive, without the cost of `fetch`: corpora are thousands of requests.
 */
import http from 'node:http'

export interface Sent {
  readonly method: string
  /** Percent-encoded, with its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** A GET where it names no method. */
export type ToSend = Omit<Sent, 'method'> & { readonly method?: string }

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** Names and values alternating, as they came. */
  readonly rawHeaders: readonly string[]
  /** Of a stream that does not end, only what came with its headers. */
  readonly text: string
}

export interface HttpClient {
  send(sent: ToSend): Promise<Answer>
  close(): void
}

/** How long to listen to a stream of events before hanging up. */
const STREAM_MS = 20
/** Longer than any deadline of the service: no answer by then is a fault of its own. */
const SILENT_MS = 20_000

export function createHttpClient({ port, connections = 64 }: { port: number; connections?: number }): HttpClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections })
  return {
    send: ({ method = 'GET', path, headers, body }) =>
      new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
        const request = http.request(
          { agent, host: '127.0.0.1', port, method, path, headers: { ...length, ...headers } },
          (response) => {
            const chunks: Buffer[] = []
            const answer = () =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                rawHeaders: response.rawHeaders,
                text: Buffer.concat(chunks).toString(),
              })
            response.on('data', (chunk: Buffer) => chunks.push(chunk))
            response.on('end', answer)
            response.on('error', reject)
            if (response.headers['content-type']?.startsWith('text/event-stream'))
              setTimeout(() => {
                answer()
                response.destroy()
              }, STREAM_MS)
          },
        )
        request.setTimeout(SILENT_MS, () => request.destroy(new Error(`no answer in ${SILENT_MS} ms`)))
        request.on('error', (cause) =>
          reject(new Error(`${method} ${path.slice(0, 200)}: ${cause.message}`, { cause })),
        )
        request.end(body)
      }),
    close: () => agent.destroy(),
  }
}
