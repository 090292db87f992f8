/** Gauges whose source is read at collection; one without a source is not exported, rather than exported as 0. */
import { Gauge, type Registry } from 'prom-client'
import type { Gauges } from './sinks.ts'

export function registerGauges(registry: Registry): (more: Gauges) => void {
  let sources: Gauges = {}
  const gauge = (name: string, help: string, read: () => number | undefined) => {
    let registered = false
    return () => {
      if (registered || read() === undefined) return
      registered = true
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read() ?? 0)
        },
      })
    }
  }
  const all = [
    gauge('portcullis_follower_lag_seconds', 'Age of the log position', () => seconds(sources.followerLagMs?.())),
    gauge('portcullis_follower_trusted', '1 while the invalidation log is followed closely enough', () =>
      flag(sources.followerTrusted?.()),
    ),
    gauge('portcullis_database_clock_offset_seconds', "The database's clock less this machine's", () =>
      seconds(sources.databaseClock?.().offsetMs),
    ),
    gauge('portcullis_database_clock_uncertainty_seconds', 'How far from that its present may be', () =>
      seconds(sources.databaseClock?.().uncertaintyMs),
    ),
    gauge('portcullis_database_clock_bound_seconds', 'Less certain than this, it counts as unknown', () =>
      seconds(sources.databaseClockBoundMs?.()),
    ),
    gauge('portcullis_database_queued', 'Requests waiting in the queue for the database', () =>
      sources.databaseQueued?.(),
    ),
    gauge('portcullis_database_connections', 'Open connections', () => sources.databaseConnections?.().total),
    gauge('portcullis_database_connections_idle', 'Idle connections', () => sources.databaseConnections?.().idle),
    gauge('portcullis_redis_outage_seconds', 'How long this instance has had no answer from Redis', () =>
      seconds(sources.redisOutageMs?.()),
    ),
    gauge(
      'portcullis_access_ends_overdue_seconds',
      'How long ago the earliest end came that has not been announced in the change feed yet; readers are not affected',
      () => seconds(sources.endsOverdueMs?.()),
    ),
    gauge('portcullis_invalidation_tags', 'Tags held in the invalidation index', () =>
      sources.invalidationTagsHeld?.(),
    ),
  ]
  return (more) => {
    sources = { ...sources, ...more }
    for (const register of all) register()
  }
}

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000)
const flag = (value: boolean | undefined) => (value === undefined ? undefined : Number(value))
