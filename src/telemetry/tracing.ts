/**
 * Traces by OpenTelemetry: from a request over groups, list, lease, fill, log and SQL to the answer. Without an OTLP endpoint in
 * the environment nothing of it is loaded, and nothing is wrapped. With one, the libraries are wrapped before anything imports them,
 * so this module must be evaluated first. The variables are OpenTelemetry's own (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER …).
 */
import { createRequire } from 'node:module'
import about from '../../package.json' with { type: 'json' }
import type { HttpSink } from './sinks.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Tracing {
  /** The same object with a span `<name> <method>` around each call of these methods that belongs to a sampled request. */
  traced<Target extends object>(name: string, target: Target, methods: readonly (keyof Target & string)[]): Target
  /** The same sink; each answer gives the request's span its route. */
  routes(sink: HttpSink): HttpSink
  /** Of the request in progress, where it is sampled: for log lines, problem documents and exemplars. */
  traceId(): string | undefined
  /** Sends what waits to be sent. */
  close(): Promise<void>
}

/** What belongs to a trace in progress, never a poll in the background, and never what a probe asks. */
const ONLY_IN_REQUESTS = { requireParentSpan: true }
const PROBES = /^\/(livez|readyz|metrics)(\?|$)/

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
  const otlp =
    require('@opentelemetry/exporter-trace-otlp-http') as typeof import('@opentelemetry/exporter-trace-otlp-http')

  const own = resources.resourceFromAttributes({ 'service.name': 'portcullis', 'service.version': about.version })
  const given = resources.detectResources({
    detectors: [resources.serviceNameEnvDetector, resources.resourceAttributesEnvDetector],
  })
  const provider = new sdk.TracerProvider({
    resource: resources.defaultResource().merge(own).merge(given),
    sampler: samplerOf(environment, sdk),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new otlp.OTLPTraceExporter() })],
  })
  api.trace.setGlobalTracerProvider(provider)
  api.context.setGlobalContextManager(new contexts.AsyncLocalStorageContextManager().enable())
  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator())
  for (const instrumentation of instrumentations(require)) instrumentation.setTracerProvider(provider)
  // Wrapped as they are loaded; everybody who imports them afterwards gets these.
  for (const library of ['node:http', 'ioredis', 'pg']) require(library)

  const tracer = provider.getTracer('portcullis', about.version)
  const active = () => {
    const span = api.trace.getActiveSpan()
    return span?.isRecording() ? span : undefined
  }

  return {
    traced(name, target, methods) {
      const wrapped = methods.map((method) => {
        const original = target[method] as (...args: unknown[]) => unknown
        const call = (...args: unknown[]) => {
          if (active() === undefined) return original.apply(target, args)
          return tracer.startActiveSpan(`${name} ${method}`, (span) => {
            const failed = (error: unknown) => {
              span.setStatus({ code: api.SpanStatusCode.ERROR, message: String(error) })
              span.end()
              throw error
            }
            const ended = <Result>(result: Result): Result => {
              span.end()
              return result
            }
            try {
              const result = original.apply(target, args)
              return result instanceof Promise ? result.then(ended, failed) : ended(result)
            } catch (error) {
              return failed(error)
            }
          })
        }
        return [method, call] as const
      })
      return Object.assign(Object.create(target), Object.fromEntries(wrapped))
    },
    routes(sink) {
      return {
        ...sink,
        route(method, route) {
          const answered = sink.route(method, route)
          return (status, durationMs) => {
            active()?.updateName(`${method} ${route}`).setAttribute('http.route', route)
            answered(status, durationMs)
          }
        },
      }
    },
    traceId: () => active()?.spanContext().traceId,
    close: () => provider.shutdown(),
  }
}

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
      ignoreIncomingRequestHook: ({ url = '' }) => PROBES.test(url),
    }),
    new undici.UndiciInstrumentation({ requireParentforSpans: true }),
    new pg.PgInstrumentation(ONLY_IN_REQUESTS),
    new redis.IORedisInstrumentation(ONLY_IN_REQUESTS),
  ]
}

type Sdk = typeof import('@opentelemetry/sdk-trace')

/** OTEL_TRACES_SAMPLER with the names and the default of the specification. */
function samplerOf(environment: Environment, sdk: Sdk) {
  const name = environment.OTEL_TRACES_SAMPLER || 'parentbased_always_on'
  const ratio = Number(environment.OTEL_TRACES_SAMPLER_ARG || 1)
  const roots = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(ratio),
  }
  const root = roots[name.replace(/^parentbased_/, '') as keyof typeof roots]
  if (root === undefined || !(ratio >= 0 && ratio <= 1))
    throw new Error('OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG: not a sampler, or not a ratio from 0 to 1')
  return name.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root: root() }) : root()
}
