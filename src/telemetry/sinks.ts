/** The reports of the service's parts, as plain functions: no part needs to know Prometheus. */

import type { LayerEvents, LayerName } from '../cache/index.ts'
import type { DurationCounts } from './duration-histogram.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface RedisSink {
  /** One command or script, from sending to its answer or its failure. */
  command(name: string, outcome: 'ok' | 'failed' | 'timeout', durationMs: number): void
  breaker(state: BreakerState): void
  /** A connection (`master`, `sentinel`), or a command (`command read`), failed for this reason. */
  error(connection: string, reason: string): void
  /** A server showed a certificate that is valid until then, in milliseconds since 1970. */
  certificate(server: string, validUntilMs: number): void
  /** A deletion after a commit that did not reach Redis; the log covers it. */
  invalidationMissed(event: string): void
}

export interface OutageSink {
  /** An outage of the fleet has ended, and this tier of recovery applied. */
  recovered(tier: string, durationMs: number): void
}

export interface DatabaseSink {
  statement(name: string, outcome: 'ok' | 'failed', durationMs: number): void
  /** A request was turned away because the queue was full. */
  rejected(): void
  /** An invalidation is seen by this instance, this long after it was written. */
  invalidationVisible(ageMs: number): void
  /** A run of the job that prunes the log has failed. */
  retentionFailed(): void
  /** Rows whose end has come are removed. */
  accessEnded(memberships: number, grants: number): void
  /** A run of the job that removes them has failed. */
  endingFailed(): void
}

export interface HttpSink {
  /**
   * @param route the template (`/resources/:id`), never the path: ids must not become labels
   * @returns what to call for each answer; called once per route
   */
  route(method: string, route: string): (status: number, durationMs: number) => void
  /** How long the calls of users took: those that neither administer nor watch. */
  durations(): DurationCounts
}

/** Values that are read when metrics are collected, rather than reported when they change. */
export interface Gauges {
  readonly followerLagMs?: () => number
  readonly followerTrusted?: () => boolean
  /** The database's clock less this machine's wall clock, and how far the present may be from that; NaN, Infinity: unknown. */
  readonly databaseClock?: () => { offsetMs: number; uncertaintyMs: number }
  /** If the uncertainty exceeds this, it counts as unknown. */
  readonly databaseClockBoundMs?: () => number
  readonly databaseQueued?: () => number
  readonly databaseConnections?: () => { total: number; idle: number }
  /** How long this instance has had no answer from Redis; 0 while it answers. */
  readonly redisOutageMs?: () => number
  readonly invalidationTagsHeld?: () => number
  /** How long ago the earliest end came that is still to be announced; 0 where there is none. */
  readonly endsOverdueMs?: () => number
}

/** Since this instance started, for administrators who have no metrics at hand. */
export type LayerCounts = {
  hits: number
  /** Of the hits, those that came from a replica, and those from this process alone. */
  replicaHits: number
  memoryHits: number
  misses: number
  loads: number
  fillsRefused: number
  /** By the reason why an entry was not served. */
  readonly rejections: Record<string, number>
}

export interface LayerSink extends Required<LayerEvents> {
  counts(layer: LayerName): LayerCounts
}

export interface Telemetry {
  readonly layers: LayerSink
  readonly redis: RedisSink
  readonly outages: OutageSink
  readonly database: DatabaseSink
  readonly http: HttpSink
  /** Later calls add to earlier ones. */
  gauges(gauges: Gauges): void
}
