/** One request at a time, timed. */
import { Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  readonly ms: number
  readonly cacheStatus: string
  /** Of a change: what a read presents that must see it. */
  readonly consistencyToken: string
  readonly body: string
}

export interface Client {
  ask(method: string, path: string, headers: Readonly<Record<string, string>>, body?: unknown): Promise<Answer>
  close(): void
}

/** One connection, kept open: what is timed is the answer, not the handshake. */
export function createClient(url: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return {
    ask: (method, path, headers, body) =>
      new Promise((resolve, reject) => {
        const sent = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
        const startedMs = performance.now()
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
        const more = sent && { 'content-type': type, 'content-length': String(sent.length) }
        const asking = request(url + path, { method, agent, headers: { ...headers, ...more } }, (answer) => {
          const chunks: Buffer[] = []
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 0,
              ms: performance.now() - startedMs,
              consistencyToken: String(answer.headers['consistency-token'] ?? ''),
              cacheStatus: String(answer.headers['cache-status'] ?? ''),
              body: Buffer.concat(chunks).toString(),
            }),
          )
        })
        asking.on('error', reject)
        asking.end(sent)
      }),
    close: () => agent.destroy(),
  }
}
