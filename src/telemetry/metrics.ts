/** The sinks as Prometheus metrics: base units, `_total` on counters, no user or resource in any label. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, type RegistryContentType } from 'prom-client'
import about from '../../package.json' with { type: 'json' }
import type { HitFrom, LayerEvents, LayerName, Rejection } from '../cache/index.ts'
import { createDurationHistogram } from './duration-histogram.ts'
import { registerGauges } from './gauges.ts'
import type { BreakerState, LayerCounts, Telemetry } from './sinks.ts'

export interface Metrics extends Telemetry {
  /** The text exposition and its media type. */
  render(): Promise<{ body: string; contentType: string }>
}

const REQUEST_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const CALLS_OF_USERS = /^\/(resources|users|me|groups|access)\b/
const COMMAND_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const VISIBLE_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const BREAKER_VALUES: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 }

export interface MetricsOptions {
  /** Of the request in progress: its latency is kept as an exemplar, which only the OpenMetrics format can carry. */
  readonly traceId?: (() => string | undefined) | undefined
}

export function createMetrics({ traceId }: MetricsOptions = {}): Metrics {
  const registers = [new Registry()] as const
  const [registry] = registers
  // The declared type fixes the format at construction.
  if (traceId) (registry as Registry<RegistryContentType>).setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'portcullis_build_info',
    help: 'Always 1; which version runs, and on which Node',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version: about.version, node: process.versions.node }, 1)

  const gauges = registerGauges(registry)
  return {
    layers: layerSink(registry),
    redis: redisSink(registry),
    outages: outageSink(registry),
    database: databaseSink(registry),
    http: httpSink(registry, traceId),
    gauges,
    render: async () => ({ body: await registry.metrics(), contentType: registry.contentType }),
  }
}

function layerSink(registry: Registry): Telemetry['layers'] {
  const registers = [registry]
  const histogram = (name: string, help: string) =>
    new Histogram({ name, help, labelNames: ['layer'], buckets: REQUEST_BUCKETS_S, registers })
  const loads = histogram('portcullis_cache_load_seconds', 'Loads from the source of truth')
  const waits = histogram('portcullis_cache_lease_wait_seconds', "Waits for another holder's load")
  const counters = new LayerCounters({
    loaded: (layer, ms) => loads.observe({ layer }, ms / 1000),
    leaseWaited: (layer, ms) => waits.observe({ layer }, ms / 1000),
  })
  exportCounts(registry, counters)
  return counters
}

/** Counts are kept here and passed on at collection: the library looks up its labels at every increment. */
class LayerCounters {
  readonly all = new Map<LayerName, LayerCounts>()
  readonly leaseWaited: (layer: LayerName, ms: number) => void
  readonly #observeLoad: (layer: LayerName, ms: number) => void

  constructor(durations: Pick<Required<LayerEvents>, 'loaded' | 'leaseWaited'>) {
    this.leaseWaited = durations.leaseWaited
    this.#observeLoad = durations.loaded
  }

  counts(layer: LayerName): LayerCounts {
    return structuredClone(this.#countsOf(layer))
  }

  hit(layer: LayerName, from: HitFrom): void {
    const counts = this.#countsOf(layer)
    counts.hits++
    if (from === 'replica') counts.replicaHits++
    else if (from === 'memory') counts.memoryHits++
  }

  miss(layer: LayerName): void {
    this.#countsOf(layer).misses++
  }

  rejected(layer: LayerName, reason: Rejection): void {
    const { rejections } = this.#countsOf(layer)
    rejections[reason] = (rejections[reason] ?? 0) + 1
  }

  loaded(layer: LayerName, ms: number): void {
    this.#countsOf(layer).loads++
    this.#observeLoad(layer, ms)
  }

  fillRefused(layer: LayerName): void {
    this.#countsOf(layer).fillsRefused++
  }

  #countsOf(layer: LayerName): LayerCounts {
    const known = this.all.get(layer)
    if (known) return known
    const counts = { hits: 0, replicaHits: 0, memoryHits: 0, misses: 0, loads: 0, fillsRefused: 0, rejections: {} }
    this.all.set(layer, counts)
    return counts
  }
}

type Labelled = readonly [labels: Readonly<Record<string, string>>, count: number]

function exportCounts(registry: Registry, { all }: LayerCounters): void {
  function counter(name: string, help: string, label: string[], of: (counts: LayerCounts) => Labelled[]): void {
    new Counter({
      name,
      help,
      labelNames: ['layer', ...label],
      registers: [registry],
      collect() {
        this.reset()
        for (const [layer, counts] of all)
          for (const [labels, count] of of(counts)) this.inc({ layer, ...labels }, count)
      },
    })
  }

  counter('portcullis_cache_requests_total', 'Reads of a cache layer by outcome', ['outcome'], ({ hits, misses }) => [
    [{ outcome: 'hit' }, hits],
    [{ outcome: 'miss' }, misses],
  ])
  counter(
    'portcullis_cache_replica_hits_total',
    'Hits that came from a replica while the master was unreachable',
    [],
    ({ replicaHits }) => [[{}, replicaHits]],
  )
  counter(
    'portcullis_cache_rejections_total',
    'Entries that were present but not served, by reason',
    ['reason'],
    ({ rejections }) => Object.entries(rejections).map(([reason, count]) => [{ reason }, count]),
  )
  counter(
    'portcullis_cache_fills_refused_total',
    'Loads whose result was not stored because the lease had ended: something was invalidated meanwhile',
    [],
    ({ fillsRefused }) => [[{}, fillsRefused]],
  )
}

function redisSink(registry: Registry): Telemetry['redis'] {
  const registers = [registry]
  const commands = new Histogram({
    name: 'portcullis_redis_command_seconds',
    help: 'Redis commands by outcome',
    labelNames: ['command', 'outcome'],
    buckets: COMMAND_BUCKETS_S,
    registers,
  })
  const state = new Gauge({
    name: 'portcullis_redis_breaker_state',
    help: '0 closed, 1 half-open, 2 open',
    registers,
  })
  const changes = new Counter({
    name: 'portcullis_redis_breaker_changes_total',
    help: 'Changes of the breaker by the state it went to',
    labelNames: ['state'],
    registers,
  })
  const errors = new Counter({
    name: 'portcullis_redis_errors_total',
    help: 'Failures of connections to Redis and the Sentinels, and of commands that were refused, by reason',
    labelNames: ['connection', 'reason'],
    registers,
  })
  const missed = new Counter({
    name: 'portcullis_redis_invalidations_missed_total',
    help: 'Deletions after a commit that did not reach Redis; the log covers them',
    labelNames: ['event'],
    registers,
  })
  const expires = new Gauge({
    name: 'portcullis_redis_certificate_expires_timestamp_seconds',
    help: 'End of the validity of the certificate that a Redis or a Sentinel showed last',
    labelNames: ['server'],
    registers,
  })
  return {
    certificate: (server, validUntilMs) => expires.set({ server }, validUntilMs / 1000),
    command: (command, outcome, durationMs) => commands.observe({ command, outcome }, durationMs / 1000),
    breaker: (to) => {
      state.set(BREAKER_VALUES[to])
      changes.inc({ state: to })
    },
    error: (connection, reason) => errors.inc({ connection, reason }),
    invalidationMissed: (event) => missed.inc({ event }),
  }
}

function outageSink(registry: Registry): Telemetry['outages'] {
  const registers = [registry]
  const ended = new Counter({
    name: 'portcullis_redis_outages_total',
    help: 'Outages of the fleet that have ended, by the tier of recovery',
    labelNames: ['tier'],
    registers,
  })
  const seconds = new Counter({
    name: 'portcullis_redis_outage_seconds_total',
    help: 'Summed length of the outages that have ended',
    registers,
  })
  return {
    recovered: (tier, durationMs) => {
      ended.inc({ tier })
      seconds.inc(durationMs / 1000)
    },
  }
}

function databaseSink(registry: Registry): Telemetry['database'] {
  const registers = [registry]
  const statements = new Histogram({
    name: 'portcullis_database_statement_seconds',
    help: 'Statements by name (of a prepared one; otherwise the first word) and outcome, without the wait in the queue',
    labelNames: ['statement', 'outcome'],
    buckets: REQUEST_BUCKETS_S,
    registers,
  })
  const rejected = new Counter({
    name: 'portcullis_database_rejected_total',
    help: 'Requests turned away because the queue for the database was full',
    registers,
  })
  const retentionFailures = new Counter({
    name: 'portcullis_log_retention_failures_total',
    help: 'Failed runs of the job that prunes the invalidation log',
    registers,
  })
  const ended = new Counter({
    name: 'portcullis_access_ended_total',
    help: 'Memberships and grants whose end has come and that this instance has removed',
    labelNames: ['what'],
    registers,
  })
  const endingFailures = new Counter({
    name: 'portcullis_access_ending_failures_total',
    help: 'Failed runs of the job that announces and removes ended access',
    registers,
  })
  const visible = createDurationHistogram({
    name: 'portcullis_invalidation_visible_seconds',
    help: 'From the writing of an invalidation, just before its commit, until this instance has read it, by the clock of PostgreSQL',
    bucketsS: VISIBLE_BUCKETS_S,
    registry,
  })
  return {
    invalidationVisible: visible.series({}),
    statement: (statement, outcome, durationMs) => statements.observe({ statement, outcome }, durationMs / 1000),
    rejected: () => rejected.inc(),
    retentionFailed: () => retentionFailures.inc(),
    accessEnded(memberships, grants) {
      ended.inc({ what: 'membership' }, memberships)
      ended.inc({ what: 'grant' }, grants)
    },
    endingFailed: () => endingFailures.inc(),
  }
}

function httpSink(registry: Registry, traceId: MetricsOptions['traceId']): Telemetry['http'] {
  const requests = createDurationHistogram({
    name: 'portcullis_http_request_duration_seconds',
    help: 'Requests by route template and status',
    bucketsS: REQUEST_BUCKETS_S,
    registry,
    exemplar: traceId,
  })
  return {
    durations: () => requests.counts(({ route }) => CALLS_OF_USERS.test(String(route))),
    route(method, route) {
      const byStatus = new Map<number, (durationMs: number) => void>()
      return (status, durationMs) => {
        let observe = byStatus.get(status)
        if (observe === undefined) {
          observe = requests.series({ method, route, status })
          byStatus.set(status, observe)
        }
        observe(durationMs)
      }
    },
  }
}
