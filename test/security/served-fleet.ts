/** Instances of the whole service in this process, each behind a server of its own, over one database and one cache. */

import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { type Composed, compose } from '../../src/composition-root.ts'
import { loadConfig } from '../../src/config.ts'
import { closeServer, createServer, listen } from '../../src/http/index.ts'
import { createLogger, createMetrics } from '../../src/telemetry/index.ts'
import { AUDIENCE, ISSUER, signToken, type TokenOptions, testKeys } from '../support/app.ts'
import { appOf } from '../support/app-of.ts'
import { observed } from '../support/observed.ts'
import { createHttpClient, type HttpClient } from './http-client.ts'

export interface ServedInstance extends Composed {
  readonly port: number
  readonly server: Server
  readonly client: HttpClient
}

export interface ServedFleet {
  readonly instances: readonly ServedInstance[]
  /** Signed once per subject and options, as a client would keep its token. */
  authorization(subject: string, options?: TokenOptions): Promise<string>
  close(): Promise<void>
}

export interface ServedFleetOptions {
  readonly databaseUrl: string
  /** `REDIS_SENTINELS` and `REDIS_MASTER_NAME`. */
  readonly redis: Readonly<Record<string, string>>
  readonly count: number
  readonly requestBudgetMs?: number
  readonly environment?: Readonly<Record<string, string>>
}

export async function serveFleet(options: ServedFleetOptions): Promise<ServedFleet> {
  const keys = await testKeys()
  const shared = {
    CACHE_PREFIX: `test:${randomBytes(4).toString('hex')}:`,
    CURSOR_SECRET: randomBytes(32).toString('hex'),
  }
  const config = loadConfig({
    NODE_ENV: 'test',
    DATABASE_URL: options.databaseUrl,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_JWKS_URL: 'http://127.0.0.1:2/jwks.json',
    ...options.redis,
    ...shared,
    ...options.environment,
  })

  async function serve(): Promise<ServedInstance> {
    const logger = createLogger({ level: 'silent' })
    const composed = compose(config, { logger, metrics: createMetrics() })
    await composed.started
    const app = appOf(composed, keys, {
      ...config.http,
      requestBudgetMs: options.requestBudgetMs ?? 5000,
    })
    // A drill judges what it sees itself.
    const server = createServer(process.env.VITEST === undefined ? app : observed(app))
    const port = await listen(server, { host: '127.0.0.1', port: 0 })
    return { ...composed, port, server, client: createHttpClient({ port }) }
  }

  const instances: ServedInstance[] = []
  for (let index = 0; index < options.count; index++) instances.push(await serve())
  const tokens = new Map<string, Promise<string>>()
  return {
    instances,
    authorization(subject, given = {}) {
      const key = JSON.stringify([subject, given])
      const token =
        tokens.get(key) ??
        signToken(keys, subject, { expiresAt: Math.floor(Date.now() / 1000) + 86_400, ...given }).then(
          (signed) => `Bearer ${signed}`,
        )
      tokens.set(key, token)
      return token
    },
    async close() {
      for (const { client, server, close } of instances) {
        client.close()
        server.closeAllConnections()
        await closeServer(server)
        await close()
      }
    },
  }
}
