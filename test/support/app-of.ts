/** The application around a composed service, for callers whose tokens a test signs itself; its answers are not judged. */
import { createLocalJWKSet } from 'jose'
import type { Composed } from '../../src/composition-root.ts'
import { createCursorCodec } from '../../src/domain/cursor.ts'
import { createApp, createAuthentication, createTickets } from '../../src/http/index.ts'
import { createLogger, createMetrics, type Metrics } from '../../src/telemetry/index.ts'
import { AUDIENCE, ISSUER, type TestKeys } from './app.ts'

type RedeemCode = NonNullable<Parameters<typeof createApp>[0]['redeemCode']>
type ConsoleSignIn = NonNullable<Parameters<typeof createApp>[0]['consoleSignIn']>
type HttpOptions = Parameters<typeof createApp>[0]['http']

export const PLAIN_HTTP: HttpOptions = {
  requestBudgetMs: 5000,
  serverTiming: false,
  trustProxy: false,
  metricsPort: undefined,
}

export function appOf(
  service: Pick<Composed, 'portcullis' | 'health'> & {
    readonly metrics?: Metrics
    readonly redeemCode?: RedeemCode
    readonly consoleSignIn?: ConsoleSignIn
    /** By the keys of the test where absent. */
    readonly authentication?: ReturnType<typeof createAuthentication>
  },
  keys: TestKeys,
  http = PLAIN_HTTP,
) {
  return createApp({
    portcullis: service.portcullis,
    health: service.health,
    redeemCode: service.redeemCode,
    consoleSignIn: service.consoleSignIn,
    authentication:
      service.authentication ??
      createAuthentication({
        keys: createLocalJWKSet({ keys: [keys.publicJwk as { kty: string }] }),
        issuer: ISSUER,
        audience: AUDIENCE,
        algorithms: ['ES256'],
        rolesClaim: 'roles',
        nowMs: Date.now,
      }),
    tickets: createTickets({ codec: createCursorCodec('a-secret-of-the-tests'), nowMs: Date.now }),
    metrics: service.metrics ?? createMetrics(),
    logger: createLogger({ level: 'silent' }),
    http,
  })
}
