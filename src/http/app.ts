/** The Express application: registers every route from its declaration, and answers requests that match none. */
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import type { Portcullis } from '../domain/api.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { createAccessLog } from './access-log.ts'
import type { Authentication } from './authentication.ts'
import { plainForwardedFor } from './client-address.ts'
import { createCors } from './cors.ts'
import { HttpError, PROBLEMS, problemOf } from './problem.ts'
import { NO_LIMITS, type RateLimits } from './rate-limits.ts'
import { createRefusalLog } from './refusal-log.ts'
import { createReplySender, type ReplySender } from './reply-sender.ts'
import { createRouteHandler, type PipelineDependencies } from './request-pipeline.ts'
import type { Route } from './route.ts'
import { accessMetadata, accessMetadataBelow } from './routes/access-metadata.ts'
import {
  type ConsoleSignIn,
  configurationRoute,
  consolePage,
  consoleParts,
  type RedeemCode,
  signInRoute,
} from './routes/console.ts'
import { documentationRoutes } from './routes/documentation.ts'
import { type Health, healthRoutes, metricsRoute } from './routes/health.ts'
import { apiRoutes } from './routes/index.ts'
import { UNSUPPORTED } from './scim/errors.ts'
import { securityHeaders } from './security-headers.ts'
import type { Tickets } from './tickets.ts'

export interface AppDependencies {
  readonly portcullis: Portcullis
  readonly health: Health
  readonly authentication: Authentication
  readonly tickets: Tickets
  /** Signs in to the console of the local stack; absent everywhere else. */
  readonly redeemCode?: RedeemCode | undefined
  /** Signs in to the console by OpenID Connect; absent: by a token that is pasted. */
  readonly consoleSignIn?: ConsoleSignIn | undefined
  /** No limits where absent. */
  readonly rateLimits?: RateLimits
  readonly metrics: Metrics
  readonly logger: Logger
  /** The trace of the request in progress; absent if tracing is off. */
  readonly traceId?: (() => string | undefined) | undefined
  readonly http: {
    readonly requestBudgetMs: number
    readonly serverTiming: boolean
    readonly trustProxy: number | string | false
    /** Where clients reach the service; where absent, the origin of each request. */
    readonly publicUrl?: string | undefined
    /** Origins whose pages may call the API; none where absent. */
    readonly corsOrigins?: readonly string[]
    /** A separate port for the metrics; where absent, the API's port serves them too. */
    readonly metricsPort: number | undefined
  }
}

export function createApp(dependencies: AppDependencies): Express {
  const { health, metrics, http, redeemCode, consoleSignIn } = dependencies
  const probes = [...healthRoutes(health), ...(http.metricsPort === undefined ? [metricsRoute(metrics)] : [])]
  const signIn = redeemCode === undefined ? [] : [signInRoute(redeemCode)]
  const described = [...apiRoutes, accessMetadata, ...probes, consolePage, configurationRoute(consoleSignIn), ...signIn]
  const undescribed = [...accessMetadataBelow(http.publicUrl), ...documentationRoutes(described), ...consoleParts()]
  return appOf([...described, ...undescribed], dependencies, UNSUPPORTED)
}

const issuerOrigin = ({ consoleSignIn }: AppDependencies) =>
  consoleSignIn === undefined ? [] : [new URL(consoleSignIn.issuer).origin]

/** The metrics port serves metrics and probes, and nothing that needs a token. */
export function createMetricsApp(dependencies: AppDependencies): Express {
  return appOf([metricsRoute(dependencies.metrics), ...healthRoutes(dependencies.health)], dependencies)
}

/** @param unsupported paths of calls that a protocol makes optional: 501, not 404 */
function appOf(routes: readonly Route[], dependencies: AppDependencies, unsupported: readonly string[] = []): Express {
  const { portcullis, authentication, tickets, rateLimits = NO_LIMITS, metrics, logger, traceId, http } = dependencies
  const sender = createReplySender({ securityHeaders: securityHeaders(...issuerOrigin(dependencies)), traceId })
  const pipeline: PipelineDependencies = {
    ...http,
    portcullis,
    authentication,
    tickets,
    rateLimits,
    sender,
    metrics: metrics.http,
    logger,
    logRefusal: createRefusalLog(logger),
  }

  const app = express()
  // Ids are compared exactly, so paths are too; the query is parsed by the pipeline, strictly.
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false)
  app.set('trust proxy', http.trustProxy)

  app.use(createAccessLog(logger))
  if (http.trustProxy !== false) app.use(plainForwardedFor)
  if (http.corsOrigins !== undefined && http.corsOrigins.length > 0) app.use(createCors(http.corsOrigins, sender))
  for (const route of routes) register(app, route, pipeline)
  refuseOtherMethods(app, routes, sender)
  app.all([...unsupported], (req, res) =>
    sender.sendProblem(req, res, problemOf(new HttpError('not-implemented', PROBLEMS['not-implemented'].title))),
  )
  app.use((req: Request, res: Response) => {
    if (req.method === 'OPTIONS' && req.url === '*')
      sender.send(req, res, { status: 204, headers: ['Allow', allowed(routes)] })
    else sender.sendProblem(req, res, problemOf(noSuchRoute(req)))
  })
  // Four parameters make this Express's error handler, for failures before a route is reached (decoding the path).
  app.use((error: unknown, req: Request, res: Response, _next: NextFunction) =>
    sender.sendProblem(req, res, problemOf(error)),
  )
  return app
}

/** A name or a user's id with a slash that a proxy in front has decoded looks like a longer path. Without a hint the cause is hard to guess. */
const MAY_BE_DECODED = /\/name(:|%3a)[^/]*\/|^\/(scim\/v2\/)?users\/[^/]+\/|\/members\/[^/]+\//i

function noSuchRoute({ path }: Request): HttpError {
  const hint = MAY_BE_DECODED.test(path)
    ? ' A slash in a name or an id must arrive as %2F; a proxy that decodes paths turns it into one of the path. Let it pass them on unchanged; groups and resources also have uuids.'
    : ''
  return new HttpError('no-such-route', `There is no such call; /openapi.json lists all of them.${hint}`)
}

function register(app: Express, route: Route, pipeline: PipelineDependencies): void {
  // A cast could hide a missing policy: then the process must not start with an open route.
  if (route.policy === undefined) throw new Error(`${route.method.toUpperCase()} ${route.path} has no policy`)
  app[route.method](route.path, createRouteHandler(route, pipeline))
}

function refuseOtherMethods(app: Express, routes: readonly Route[], sender: ReplySender): void {
  for (const [path, group] of Map.groupBy(routes, (route) => route.path)) {
    const allow = allowed(group)
    app.all(path, (req, res) => {
      if (req.method === 'OPTIONS') sender.send(req, res, { status: 204, headers: ['Allow', allow] })
      else
        sender.sendProblem(
          req,
          res,
          problemOf(new HttpError('method-not-allowed', `Allowed here: ${allow}.`, { headers: { Allow: allow } })),
        )
    })
  }
}

/** The `Allow` header of these routes; for `OPTIONS *`, of the whole server (RFC 9110, 9.3.7). */
function allowed(routes: readonly Route[]): string {
  const methods = new Set(routes.map((route) => route.method.toUpperCase()))
  return [...methods, ...(methods.has('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ')
}
