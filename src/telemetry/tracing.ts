/**
 * Traces by OpenTelemetry: from a request over groups, list, lease, fill, log and SQL to the answer. Without an OTLP
 * endpoint in the environment, none of this is loaded and nothing is wrapped. With one, the libraries are wrapped
 * before anything imports them, so this module must be evaluated first. The variables are OpenTelemetry's own
 * (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER …).
 *
 * What is sampled is decided when a request arrives, before the instrumentation sees it: the instrumentation gives each
 * request and response methods of their own, sampled or not, and V8 then loses the shapes that docs/adr/0013 keeps.
 * That costs more than a hit.
 */
import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import about from '../../package.json' with { type: 'json' }
import type { HttpSink } from './sinks.ts'
import { createSpanExporter } from './span-exporter.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Tracing {
  /** The same object with a span `<name> <method>` around each call of these methods that belongs to a sampled request. */
  traced<Target extends object>(name: string, target: Target, methods: readonly (keyof Target & string)[]): Target
  /** The same sink; each answer gives the request's span its route. */
  routes(sink: HttpSink): HttpSink
  /** Of the request in progress, where it is sampled: for log lines, problem documents and exemplars. */
  traceId(): string | undefined
  /** Called when spans can no longer be sent, with the reason, and when they can be again, without. */
  onSendingChange(report: (failure: Error | undefined) => void): void
  /** Sends the waiting spans. */
  close(): Promise<void>
}

/** Traces only work that belongs to a trace in progress: no polls in the background, and no probes. */
const ONLY_IN_REQUESTS = { requireParentSpan: true }
const PROBES = /^\/(livez|readyz|metrics)(\?|$)/
/** W3C Trace Context, 3.2: the trace's id and the flags; `ff` is not a version. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-([\da-f]{2})(-|$)/

export function isTracingWanted(environment: Environment): boolean {
  const endpoint = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || environment.OTEL_EXPORTER_OTLP_ENDPOINT
  return Boolean(endpoint) && environment.OTEL_SDK_DISABLED !== 'true' && environment.OTEL_TRACES_EXPORTER !== 'none'
}

/** Undefined unless the environment asks for it. */
export function startTracing(environment: Environment): Tracing | undefined {
  return isTracingWanted(environment) ? start(environment) : undefined
}

function start(environment: Environment): Tracing {
  // Loaded only here, and at once: an import would have to wait for those whose libraries are to be wrapped.
  const require = createRequire(import.meta.url)
  const api = require('@opentelemetry/api') as typeof import('@opentelemetry/api')
  const sdk = require('@opentelemetry/sdk-trace') as typeof import('@opentelemetry/sdk-trace')
  const core = require('@opentelemetry/core') as typeof import('@opentelemetry/core')
  const contexts = require('@opentelemetry/context-async-hooks') as typeof import('@opentelemetry/context-async-hooks')
  const resources = require('@opentelemetry/resources') as typeof import('@opentelemetry/resources')
  const { JsonTraceSerializer } =
    require('@opentelemetry/otlp-transformer') as typeof import('@opentelemetry/otlp-transformer')

  const own = resources.resourceFromAttributes({ 'service.name': 'portcullis', 'service.version': about.version })
  const given = resources.detectResources({
    detectors: [resources.serviceNameEnvDetector, resources.resourceAttributesEnvDetector],
  })
  const sending = watched(createSpanExporter((spans) => JsonTraceSerializer.serializeRequest([...spans])))
  const provider = new sdk.TracerProvider({
    resource: resources.defaultResource().merge(own).merge(given),
    // Only sampled requests get this far.
    sampler: new sdk.AlwaysOnSampler(),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: sending.exporter, ...batchesOf(environment) })],
  })
  api.trace.setGlobalTracerProvider(provider)
  class ContextManager extends contexts.AsyncLocalStorageContextManager {
    /** Node calls listeners in the context in which the request is worked on; methods of their own would cost the shapes. */
    override bind<Target>(context: import('@opentelemetry/api').Context, target: Target): Target {
      return target instanceof EventEmitter ? target : super.bind(context, target)
    }
  }
  const manager = new ContextManager().enable()
  api.context.setGlobalContextManager(manager)
  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator())
  for (const instrumentation of instrumentations(require)) instrumentation.setTracerProvider(provider)
  // Wrapped as they are loaded; later imports get the wrapped ones.
  for (const library of ['node:http', 'ioredis', 'pg']) require(library)
  sampleAtServers(require, samplingOf(environment, api, sdk))

  return new RequestTracing({ api, manager, provider, onSendingChange: sending.onChange })
}

interface RequestTracingOptions extends Pick<Tracing, 'onSendingChange'> {
  readonly api: Api
  readonly manager: import('@opentelemetry/api').ContextManager
  readonly provider: import('@opentelemetry/sdk-trace').TracerProvider
}

class RequestTracing implements Tracing {
  readonly onSendingChange: Tracing['onSendingChange']
  readonly #options: RequestTracingOptions
  readonly #tracer: import('@opentelemetry/api').Tracer

  constructor(options: RequestTracingOptions) {
    this.#options = options
    this.onSendingChange = options.onSendingChange
    this.#tracer = options.provider.getTracer('portcullis', about.version)
  }

  traced<Target extends object>(name: string, target: Target, methods: readonly (keyof Target & string)[]): Target {
    const wrapped = methods.map((method) => {
      const original = target[method] as (...args: unknown[]) => unknown
      const call = (...args: unknown[]) => {
        if (this.#active() === undefined) return original.apply(target, args)
        return this.#inSpan(`${name} ${method}`, () => original.apply(target, args))
      }
      return [method, call] as const
    })
    return Object.assign(Object.create(target), Object.fromEntries(wrapped))
  }

  routes(sink: HttpSink): HttpSink {
    return {
      ...sink,
      route: (method, route) => {
        const answered = sink.route(method, route)
        return (status, durationMs) => {
          this.#active()?.updateName(`${method} ${route}`).setAttribute('http.route', route)
          answered(status, durationMs)
        }
      },
    }
  }

  readonly traceId = (): string | undefined => this.#active()?.spanContext().traceId

  close(): Promise<void> {
    return this.#options.provider.shutdown()
  }

  /** The span of the request in progress. Asked several times in each request, so not through the interface, which looks up the manager each time. */
  #active(): Span | undefined {
    const { api, manager } = this.#options
    const context = manager.active()
    if (context === api.ROOT_CONTEXT) return undefined
    const span = api.trace.getSpan(context)
    return span?.isRecording() ? span : undefined
  }

  #inSpan(name: string, run: () => unknown): unknown {
    return this.#tracer.startActiveSpan(name, (span) => {
      const failed = (error: unknown) => {
        span.setStatus({ code: this.#options.api.SpanStatusCode.ERROR, message: String(error) })
        span.end()
        throw error
      }
      const ended = <Result>(result: Result): Result => {
        span.end()
        return result
      }
      try {
        const result = run()
        return result instanceof Promise ? result.then(ended, failed) : ended(result)
      } catch (error) {
        return failed(error)
      }
    })
  }
}

type Span = import('@opentelemetry/api').Span

function instrumentations(require: NodeJS.Require) {
  const http = require('@opentelemetry/instrumentation-http') as typeof import('@opentelemetry/instrumentation-http')
  const undici =
    require('@opentelemetry/instrumentation-undici') as typeof import('@opentelemetry/instrumentation-undici')
  const pg = require('@opentelemetry/instrumentation-pg') as typeof import('@opentelemetry/instrumentation-pg')
  const redis =
    require('@opentelemetry/instrumentation-ioredis') as typeof import('@opentelemetry/instrumentation-ioredis')
  return [
    new http.HttpInstrumentation({
      requireParentforOutgoingSpans: true,
      // As in the log: filters and cursors are the caller's business, and a ticket is a credential.
      startIncomingSpanHook: () => ({ 'url.query': undefined }),
    }),
    new undici.UndiciInstrumentation({ requireParentforSpans: true }),
    // By the semantic conventions: a summary where there is one, else the operation and what it is for.
    new pg.PgInstrumentation({
      ...ONLY_IN_REQUESTS,
      requestHook(span, { connection, query: { name, text } }) {
        if (name) span.setAttribute('db.query.summary', name)
        span.updateName(name || `${/\w+/.exec(text)?.[0].toUpperCase()} ${connection.database}`)
      },
    }),
    // By default the text is the command with all keys and values, whole entries among them.
    new redis.IORedisInstrumentation({ ...ONLY_IN_REQUESTS, dbStatementSerializer: (command) => command }),
  ]
}

/** Requests that are not sampled pass by the instrumentation. */
function sampleAtServers(require: NodeJS.Require, isSampled: (request: IncomingMessage) => boolean): void {
  const { prototype } = (require('node:http') as typeof import('node:http')).Server
  const instrumented = prototype.emit
  prototype.emit = function emit(this: Server, event: string, ...args: unknown[]) {
    if (event === 'connection') readAddresses(args[0] as Socket)
    const passesBy = event === 'request' && !isSampled(args[0] as IncomingMessage)
    return (passesBy ? EventEmitter.prototype.emit : instrumented).call(this, event, ...args)
  }
}

/**
 * The instrumentation reads them for a sampled request, and Node then adds them to the socket: sockets of two shapes cost all
 * requests, sampled or not, more than the traces do. Read at once they belong to every socket.
 */
const readAddresses = ({ remoteAddress, localAddress }: Socket) => [remoteAddress, localAddress]

type Api = typeof import('@opentelemetry/api')
type Sdk = typeof import('@opentelemetry/sdk-trace')

/** OTEL_TRACES_SAMPLER with the names and the default of the specification, for requests. */
function samplingOf(environment: Environment, api: Api, sdk: Sdk): (request: IncomingMessage) => boolean {
  const name = environment.OTEL_TRACES_SAMPLER || 'parentbased_always_on'
  const ratios = { always_on: 1, always_off: 0, traceidratio: Number(environment.OTEL_TRACES_SAMPLER_ARG || 1) }
  const ratio = ratios[name.replace(/^parentbased_/, '') as keyof typeof ratios]
  if (ratio === undefined || !(ratio >= 0 && ratio <= 1))
    throw new Error('OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG: not a sampler, or not a ratio from 0 to 1')
  const isParentBased = name.startsWith('parentbased_')
  const byId = new sdk.TraceIdRatioBasedSampler(ratio)

  return ({ url = '', headers: { traceparent } }) => {
    const parent = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null
    // A trace that begins here has any id.
    if (parent === null) return Math.random() < ratio && !PROBES.test(url)
    const [, traceId = '', flags = ''] = parent
    if (PROBES.test(url)) return false
    if (isParentBased) return (Number.parseInt(flags, 16) & 1) === 1
    return byId.shouldSample(api.ROOT_CONTEXT, traceId).decision === sdk.SamplingDecision.RECORD_AND_SAMPLED
  }
}

/** The SDK takes these by argument only. */
const BATCHES = {
  scheduledDelayMillis: 'OTEL_BSP_SCHEDULE_DELAY',
  exportTimeoutMillis: 'OTEL_BSP_EXPORT_TIMEOUT',
  maxQueueSize: 'OTEL_BSP_MAX_QUEUE_SIZE',
  maxExportBatchSize: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
} as const

function batchesOf(environment: Environment): Partial<Record<keyof typeof BATCHES, number>> {
  const given = Object.entries(BATCHES).map(([option, name]) => [option, Number(environment[name] || Number.NaN)])
  return Object.fromEntries(given.filter(([, value]) => Number(value) > 0))
}

type Exporter = Pick<import('@opentelemetry/sdk-trace').SpanExporter, 'export' | 'shutdown'>

/** The same exporter, which reports when it begins to fail or succeeds again. */
function watched(inner: Exporter) {
  let report: (failure: Error | undefined) => void = () => {}
  let fails = false
  const exporter: Exporter = {
    export(spans, done) {
      inner.export(spans, (result) => {
        const { error } = result
        if (fails !== (error !== undefined)) report(error)
        fails = error !== undefined
        done(result)
      })
    },
    shutdown: () => inner.shutdown(),
  }
  return {
    exporter,
    onChange(to: typeof report) {
      report = to
    },
  }
}
