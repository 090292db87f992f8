/** Starts the process: configuration, wiring, listening; and ends it without dropping a request. */
// First, and for its effect: it wraps libraries that the others import.
import './telemetry/process-tracing.ts'
import type { Server } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { systemClock } from './cache/index.ts'
import { compose } from './composition-root.ts'
import { type Config, ConfigError, loadConfig } from './config.ts'
import { createCursorCodec } from './domain/cursor.ts'
import {
  closeServer,
  createApp,
  createAuthentication,
  createMetricsApp,
  createRateLimits,
  createServer,
  createTickets,
  fileKeys,
  type Health,
  hostAndPort,
  listen,
  redeemFrom,
  remoteKeys,
  stopKeepingAlive,
  type VerificationKeys,
} from './http/index.ts'
import { createLogger, createMetrics, type Logger, type Metrics } from './telemetry/index.ts'
import { tracing } from './telemetry/process-tracing.ts'

/** From the signal to the last request answered; beyond it the process ends anyway. */
const CLOSE_WITHIN_MS = 25_000

/** For supervisors: 78 is `EX_CONFIG`; a restart will not help. */
const EXIT_FAILED = 1
const EXIT_CONFIG = 78

await start().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(error instanceof ConfigError ? EXIT_CONFIG : EXIT_FAILED)
})

async function start(): Promise<void> {
  const config = loadConfig()
  const logger = createLogger({ level: config.logLevel, traceId: tracing?.traceId })
  const metrics = createMetrics({ traceId: tracing?.traceId })
  const domain = compose(config, { logger, metrics, tracing })
  const state = { isClosing: false }
  const health: Health = {
    ready: () => !state.isClosing && domain.health.ready(),
    verbose: () => domain.health.verbose(),
  }
  const dependencies = applicationOf(config, { logger, metrics, domain, health })
  const server = createServer(createApp(dependencies))
  const metricsServer = config.http.metricsPort === undefined ? undefined : createServer(createMetricsApp(dependencies))
  tracing?.onSendingChange((failure) => {
    if (failure) logger.warn({ err: failure }, 'traces cannot be sent')
    else logger.info('traces are sent again')
  })
  closeWithGrace(
    { delay: CLOSE_WITHIN_MS + config.http.shutdownDelayMs, logger: graceLogger(logger) },
    async ({ err, signal }) => {
      if (err) logger.fatal({ err }, 'ending after an unhandled error')
      else logger.info({ signal }, 'shutting down')
      state.isClosing = true
      stopKeepingAlive(server)
      // Load balancers learn from the probe that it is shutting down, before connections are refused.
      if (!err) await delay(config.http.shutdownDelayMs)
      // Streams do not end by themselves, and the server waits for its connections.
      domain.portcullis.changes.close()
      await closeServer(server)
      await domain.close()
      if (metricsServer !== undefined) await closeServer(metricsServer)
      await tracing?.close().catch((error: unknown) => logger.info({ err: error }, 'the last spans could not be sent'))
    },
  )
  try {
    // It listens before the database is up: probes get an answer, and requests are told to retry.
    const port = await listenOn({ server, metricsServer }, config)
    const url = `http://${hostAndPort(config.http.host, port)}`
    logger.info({ url, metricsPort: config.http.metricsPort, pid: process.pid }, 'listening')
    await domain.started
  } catch (error) {
    await Promise.all([closeServer(server), metricsServer && closeServer(metricsServer)])
    await domain.close()
    throw error
  }
}

interface Composed {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly domain: ReturnType<typeof compose>
  readonly health: Health
}

function applicationOf(config: Config, { logger, metrics, domain, health }: Composed) {
  const { consoleSignInFile, consoleSignIn, rateLimits: limits } = config
  return {
    portcullis: domain.portcullis,
    health,
    authentication: authenticationOf(config, logger),
    tickets: createTickets({ codec: createCursorCodec(config.cursorSecret), nowMs: Date.now }),
    redeemCode: consoleSignInFile === undefined ? undefined : redeemFrom(consoleSignInFile),
    consoleSignIn,
    rateLimits: createRateLimits({ limits, shared: domain.sharedCounter, nowMs: systemClock.monotonicMs }),
    metrics: tracing === undefined ? metrics : { ...metrics, http: tracing.routes(metrics.http) },
    traceId: tracing?.traceId,
    logger,
    http: config.http,
  }
}

interface Servers {
  readonly server: Server
  readonly metricsServer: Server | undefined
}

/** @returns the port of the API */
async function listenOn({ server, metricsServer }: Servers, { http }: Config): Promise<number> {
  const port = await listen(server, http)
  const { host, metricsPort = 0 } = http
  if (metricsServer !== undefined) await listen(metricsServer, { host, port: metricsPort, portName: 'METRICS_PORT' })
  return port
}

function authenticationOf({ jwt }: Config, logger: Logger) {
  const otherIssuers = jwt.otherIssuers.map((issuer) => ({ ...issuer, keys: keysOf(issuer, logger) }))
  return createAuthentication({ ...jwt, keys: keysOf(jwt, logger), otherIssuers, nowMs: Date.now })
}

interface KeySource {
  readonly issuer: string
  readonly jwksUrl?: string | undefined
  readonly publicKeyFile?: string | undefined
}

function keysOf({ issuer, jwksUrl, publicKeyFile }: KeySource, logger: Logger): VerificationKeys {
  if (publicKeyFile !== undefined) return fileKeys(publicKeyFile)
  const from = jwksUrl === undefined ? { issuer } : { url: jwksUrl }
  const keys = remoteKeys({
    from,
    nowMs: Date.now,
    reports: {
      unavailable: (reason) => logger.warn({ ...from, reason }, 'the key set cannot be fetched'),
      availableAgain: () => logger.info(from, 'the key set can be fetched again'),
      unusable: (unusable) => logger.warn({ ...from, keys: unusable }, 'keys of the key set are ignored'),
      allUsable: () => logger.info(from, 'no key of the key set is ignored any more'),
    },
  })
  // Fetched at once: a wrong address is in the log before the first token arrives.
  keys.renew?.().catch(() => {})
  return keys
}

/** The library passes an error and a word around it; both belong in one structured line. */
function graceLogger(logger: Logger) {
  return { error: (message: unknown, ...rest: unknown[]) => logger.error({ details: rest }, String(message)) }
}
