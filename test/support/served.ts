/** The application behind a real server on a free port, with a client. */
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'
import { onTestFinished } from 'vitest'
import { closeServer, createServer } from '../../src/http/server.ts'
import { createHttpClient, type HttpClient } from '../security/http-client.ts'

export interface Served extends Pick<HttpClient, 'send'> {
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
  const client = createHttpClient({ port })
  const close = async () => {
    client.close()
    server.closeAllConnections()
    await closeServer(server)
  }
  return { url: `http://127.0.0.1:${port}`, port, send: client.send, close }
}
