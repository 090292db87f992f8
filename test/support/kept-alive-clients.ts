/** Clients that keep their one connection, pause between requests, and go where the endpoint then is when they connect again. */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface KeptAliveClients {
  /** Answers with 200. */
  readonly answered: number
  /** Connections made. */
  readonly connections: number
  /** Everything else: other statuses, and the codes of errors. */
  readonly failures: readonly string[]
  /** Resolves when each has its last answer. */
  stop(): Promise<void>
}

export function startClients({
  count,
  pauseMs,
  endpoint,
  path,
  headers,
}: {
  readonly count: number
  /** Asked before each request. */
  readonly pauseMs: () => number
  /** The port that a new connection gets. */
  readonly endpoint: () => number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}): KeptAliveClients {
  const failures: string[] = []
  let answered = 0
  let connections = 0
  let running = true
  const clients = Array.from({ length: count }, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    let port: number | undefined
    while (running) {
      await sleep(pauseMs())
      if (port === undefined || Object.keys(agent.freeSockets).length === 0) {
        port = endpoint()
        connections++
      }
      try {
        const status = await ask({ agent, host: '127.0.0.1', port, path, headers })
        if (status === 200) answered++
        else failures.push(`status ${status}`)
      } catch (error) {
        failures.push(String((error as NodeJS.ErrnoException).code ?? error))
      }
    }
    agent.destroy()
  })
  return {
    get answered() {
      return answered
    },
    get connections() {
      return connections
    },
    failures,
    async stop() {
      running = false
      await Promise.all(clients)
    },
  }
}

function ask(options: http.RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = http.get(options, (answer) => {
      answer.resume()
      answer.once('error', reject)
      answer.once('end', () => resolve(answer.statusCode))
    })
    request.once('error', reject)
  })
}
