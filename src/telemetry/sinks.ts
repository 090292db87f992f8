/** What the parts of the service report, as plain functions: none of them needs to know Prometheus. */
import type { LayerEvents } from '../cache/index.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface RedisSink {
  /** One command or script, from sending to its answer or its failure. */
  command(name: string, outcome: 'ok' | 'failed' | 'timeout', durationMs: number): void
  breaker(state: BreakerState): void
  /** A deletion after a commit that Redis did not take part in; the log covers it. */
  invalidationMissed(event: string): void
}

export interface OutageSink {
  /** An outage of the fleet has ended and this tier applied. */
  recovered(tier: string, durationMs: number): void
}

export interface DatabaseSink {
  statement(name: string, outcome: 'ok' | 'failed', durationMs: number): void
  /** A request turned away because the queue was full. */
  rejected(): void
}

export interface HttpSink {
  /**
   * @param route the template (`/resources/:id`), never the path: ids are no label
   * @returns what is told of each answer; asked for once per route
   */
  route(method: string, route: string): (status: number, durationMs: number) => void
}

/** Facts that are asked for when metrics are collected, rather than reported when they change. */
export interface Gauges {
  readonly followerLagMs?: () => number
  readonly followerTrusted?: () => boolean
  readonly databaseQueued?: () => number
  readonly databaseConnections?: () => { total: number; idle: number }
  /** How long Redis has been away as this instance sees it; 0 while it answers. */
  readonly redisOutageMs?: () => number
  readonly invalidationTagsHeld?: () => number
}

export interface Telemetry {
  readonly layers: Required<LayerEvents>
  readonly redis: RedisSink
  readonly outages: OutageSink
  readonly database: DatabaseSink
  readonly http: HttpSink
  /** Later calls add to what earlier ones gave. */
  gauges(gauges: Gauges): void
}
