/** The steps of every request, in this order: authenticate, count, authorise, parse, run, answer. */
import { createHash } from 'node:crypto'
import type { Request, RequestHandler, Response } from 'express'
import type { MutationContext, Portcullis, ReadContext } from '../domain/api.ts'
import type { HttpSink, Logger } from '../telemetry/index.ts'
import type { Authentication } from './authentication.ts'
import { refusesCachedAnswer } from './cache-control.ts'
import type { Caller } from './caller.ts'
import { createDeadlines, type Deadlines } from './deadlines.ts'
import { withoutRolesIfDisabled } from './policies.ts'
import { HttpError, PROBLEMS, parsed, problemOf, unknownParameters } from './problem.ts'
import { parseQueryString } from './query-string.ts'
import type { Counted, RateLimits } from './rate-limits.ts'
import type { RefusalLog } from './refusal-log.ts'
import type { Reply } from './reply.ts'
import type { ReplySender } from './reply-sender.ts'
import { type BodyReader, createBodyReader, hashInto, type ReadBody } from './request-body.ts'
import { type Route, takesIdempotencyKey } from './route.ts'
import type { Tickets } from './tickets.ts'

export interface PipelineDependencies {
  readonly portcullis: Portcullis
  readonly authentication: Authentication
  readonly tickets: Tickets
  readonly rateLimits: RateLimits
  readonly sender: ReplySender
  readonly metrics: HttpSink
  readonly logger: Logger
  readonly logRefusal: RefusalLog
  readonly requestBudgetMs: number
  readonly publicUrl?: string | undefined
  /** Whether answers carry `Server-Timing`. */
  readonly serverTiming: boolean
}

const NO_TERMS: ReadContext = Object.freeze({})
const NOTHING = Object.freeze({})
/** The caller of a route that needs no token; no policy ever sees it. */
const ANONYMOUS = Object.freeze({
  id: '',
  roles: [],
  isAdmin: false,
  isCacheAdmin: false,
  isReader: false,
  tokenId: '',
}) as unknown as Caller

/** @returns the handler of one route, for Express */
export function createRouteHandler(route: Route, dependencies: PipelineDependencies): RequestHandler {
  const pipeline = new RequestPipeline(route, dependencies)
  return function handleRoute(req, res) {
    return pipeline.handle(req, res)
  }
}

class RequestPipeline {
  readonly #route: Route
  readonly #dependencies: PipelineDependencies
  readonly #readBody: BodyReader | undefined
  readonly #deadlines: Deadlines
  readonly #answered: ReturnType<HttpSink['route']>
  readonly #isRepeatable: boolean
  readonly #quota: NonNullable<Route['quota']>
  /** Of a request without a query string, parsed once; undefined where a parameter is required. */
  readonly #queryDefaults: unknown

  constructor(route: Route, dependencies: PipelineDependencies) {
    this.#route = route
    this.#dependencies = dependencies
    this.#readBody = route.body === undefined ? undefined : createBodyReader(route)
    this.#deadlines = createDeadlines({ afterMs: route.deadlineMs ?? dependencies.requestBudgetMs })
    this.#answered = dependencies.metrics.route(route.method.toUpperCase(), route.path)
    this.#isRepeatable = takesIdempotencyKey(route)
    this.#quota = route.quota ?? (route.method === 'get' ? 'read' : 'write')
    this.#queryDefaults = route.query?.safeParse({}).data
  }

  async handle(req: Request, res: Response): Promise<void> {
    const { logRefusal, sender, serverTiming } = this.#dependencies
    const startedAtMs = performance.now()
    const deadline = this.#deadlines.start(startedAtMs, () => this.#fail(req, res, outOfTime(req, this.#readBody)))
    try {
      const reply = await this.#answer(req, res)
      if (reply.status === 503) logRefusal({ problem: 'not-ready', error: 'not ready', route: this.#route.path })
      sender.send(req, res, serverTiming ? timed(reply, performance.now() - startedAtMs) : reply)
    } catch (error) {
      this.#fail(req, res, error)
    } finally {
      this.#deadlines.end(deadline)
      this.#answered(res.statusCode, performance.now() - startedAtMs)
    }
  }

  async #answer(req: Request, res: Response): Promise<Reply> {
    const { portcullis, authentication, rateLimits, tickets, publicUrl } = this.#dependencies
    const route = this.#route
    const bearer = this.#knownCaller(req) ?? (await authentication.authenticate(req.headers.authorization, req.ip))
    if (route.policy.authenticated) {
      req.subject = bearer.id
      // Counted once the caller is known, and before anything is read for them.
      const counting = rateLimits.count(this.#quota, bearer.id)
      applyCount(counting instanceof Promise ? await counting : counting, res)
    }
    checkAccept(req, route)
    const params = route.params === undefined ? NOTHING : parsed(route.params, req.params, 'path')
    const terms = termsOf(req)
    if (route.policy.rolesDecide) route.policy.check?.(bearer, params, portcullis, terms)
    // The body is read before the database is asked: a slow sender takes no place in its queue, and permissions are
    // checked as they are when the body has arrived.
    const body = this.#readBody && (await this.#readBody(req, res))
    const caller = route.policy.usesRoles ? await withoutRolesIfDisabled(bearer, portcullis) : bearer
    if (terms.after !== undefined && route.method === 'get') await portcullis.reads.checkToken(terms)
    const checking = route.policy.check?.(caller, params, portcullis, terms)
    // An `await` of nothing would still take a turn of the microtask queue.
    const held = checking === undefined ? undefined : await checking
    const query = this.#queryOf(req)
    const given = route.body === undefined || route.readsBody ? undefined : parsed(route.body, body?.value, 'body')
    const idempotency = this.#isRepeatable && namesKey(req) ? await idempotencyOf(req, body) : undefined
    return route.handle(
      {
        params,
        query,
        body: route.readsBody ? await route.readsBody(body?.blocks ?? []) : given,
        caller,
        ...(held !== undefined && { held }),
        terms,
        ticket: () => tickets.issue(bearer),
        baseUrl: () => publicUrl ?? `${req.protocol}://${req.host}`,
        mutation: (reason) => mutationContext(req, caller, idempotency, reason),
        http: req,
      },
      portcullis,
    )
  }

  /** Undefined where a token has to be verified. */
  #knownCaller(req: Request): Caller | undefined {
    if (!this.#route.policy.authenticated) return ANONYMOUS
    return this.#dependencies.authentication.remembered(req.headers.authorization) ?? this.#ticketHolder(req)
  }

  #ticketHolder(req: Request): Caller | undefined {
    if (!this.#route.takesTickets || req.headers.authorization !== undefined) return undefined
    const { ticket } = parseQueryString(req.url)
    return ticket === undefined ? undefined : this.#dependencies.tickets.holderOf(ticket)
  }

  #queryOf(req: Request): unknown {
    if (this.#queryDefaults !== undefined && !req.url.includes('?')) return this.#queryDefaults
    const given = parseQueryString(req.url)
    return this.#route.query === undefined ? refuseQuery(given) : parsed(this.#route.query, given, 'query')
  }

  #fail(req: Request, res: Response, error: unknown): void {
    const { logger, logRefusal, sender } = this.#dependencies
    const { path: route } = this.#route
    const problem = problemOf(error)
    // Only faults get a line per request with the cause; an overload or an outage would fill the log.
    if (problem.code === 'internal') logger.error({ err: error, requestId: req.id, route }, 'request failed')
    else if (problem.status >= 500) logger.debug({ err: error, requestId: req.id, route }, 'request refused')
    if (problem.status === 503) logRefusal({ problem: problem.code, error, route })
    sender.sendProblem(req, res, problem)
  }
}

function applyCount(counted: Counted | undefined, res: Response): void {
  if (counted === undefined) return
  const { headers } = res.locals
  res.locals.headers = headers === undefined ? counted.headers : [...headers, ...counted.headers]
  if (counted.refusal) throw counted.refusal
}

/**
 * A body that is still arriving is the client's delay, not ours. The rest of it must no longer change anything, so the
 * connection ends with the answer.
 */
function outOfTime(req: Request, readBody: BodyReader | undefined): HttpError {
  if (readBody !== undefined && !req.complete)
    return new HttpError('request-timeout', 'The body did not arrive in time.', { headers: { Connection: 'close' } })
  return new HttpError('deadline-exceeded', PROBLEMS['deadline-exceeded'].title)
}

/** Nearly every client accepts anything, or JSON; only for the others does Express negotiate. */
function checkAccept(
  req: Request,
  { produces = 'application/json', alsoNamed = [], redirects = [], otherForms = NOTHING }: Route,
): void {
  const { accept } = req.headers
  if (accept === undefined || accept === '*/*' || accept === produces) return
  const forms = [produces, ...alsoNamed, ...redirects, ...Object.keys(otherForms)]
  // JSON has no charset parameter, yet many clients name one; UTF-8 is what they get.
  if (req.accepts(forms.flatMap((form) => [form, `${form};charset=utf-8`])) !== false) return
  throw new HttpError('not-acceptable', `This is available as ${forms.join(' and as ')}.`)
}

function refuseQuery(given: Readonly<Record<string, string>>): Readonly<Record<string, never>> {
  const unknown = Object.keys(given)
  if (unknown.length === 0) return NOTHING
  throw unknownParameters(unknown)
}

function termsOf(req: Request): ReadContext {
  const cacheControl = req.headers['cache-control']
  const token = req.headers['consistency-token']
  if (cacheControl === undefined && token === undefined) return NO_TERMS
  return {
    ...(cacheControl !== undefined && refusesCachedAnswer(cacheControl) && { bypass: true }),
    ...(typeof token === 'string' && { after: token }),
  }
}

function mutationContext(
  req: Request,
  caller: Caller,
  idempotency: MutationContext['idempotency'],
  reason: string | undefined,
): MutationContext {
  return {
    actor: caller.id,
    requestId: String(req.id),
    tokenId: caller.tokenId,
    ...(reason !== undefined && { reason }),
    ...(idempotency !== undefined && { idempotency }),
  }
}

const namesKey = (req: Request) => req.headers['idempotency-key'] !== undefined

async function idempotencyOf(req: Request, body: ReadBody | undefined): Promise<MutationContext['idempotency']> {
  const key = checkedKey(req.headers['idempotency-key'])
  return { key, fingerprint: await fingerprint(req, body?.blocks ?? []) }
}

function checkedKey(key: string | string[] | undefined): string {
  if (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key)) return key
  throw new HttpError('malformed-request', 'Idempotency-Key must be 1 to 255 visible ASCII characters.')
}

/** Two requests with one key are the same request only if method, URL and body are the same. */
async function fingerprint(req: Request, blocks: ReadBody['blocks']): Promise<string> {
  const hash = createHash('sha256').update(`${req.method} ${req.originalUrl}\n`)
  await hashInto(hash, blocks)
  return hash.digest('base64url')
}

function timed(reply: Reply, durationMs: number): Reply {
  return { ...reply, headers: [...(reply.headers ?? []), 'Server-Timing', `total;dur=${durationMs.toFixed(2)}`] }
}
