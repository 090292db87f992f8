/**
 * Why Redis and the Sentinels fail: the last error of each connection and of each command, with the address. Reported
 * once per change: a wrong password fails twice a second, for hours.
 */
import { reasonOf } from './failure.ts'

export type ConnectionError = {
  /** `master`, `replica`, `sentinel`, or `command read`. */
  readonly connection: string
  /** Where it leads; null until known. */
  readonly address: string | null
  /** A stable word, for metrics. */
  readonly reason: string
  readonly message: string
}

export interface ConnectionErrors {
  failed(connection: string, address: string | null, error: Error): void
  /** It works. Cheap while nothing fails. */
  well(connection: string, address: string | null): void
  /** What fails now; JSON-ready. */
  current(): readonly (ConnectionError & { readonly since: string; readonly lastAt: string })[]
}

export interface ConnectionErrorEvents {
  /** Each failure. */
  failed?(connection: string, reason: string): void
  /** The first of its reason, or the first after a while. */
  changed?(error: ConnectionError): void
  /** A connection that had failed is well. */
  recovered?(connection: string, address: string | null): void
}

/** An error that comes and goes more often than this is reported once. */
const QUIET_MS = 60_000
/** Reasons and addresses are few; if there are many, the oldest are forgotten. */
const REMEMBERED_MAX = 100

export function createConnectionErrors(
  events: ConnectionErrorEvents = {},
  nowMs: () => number = () => performance.now(),
): ConnectionErrors {
  const failing = new Map<string, ConnectionError & { readonly since: string; readonly lastAt: string }>()
  const saidAtMs = new Map<string, number>()

  function isNews(key: string): boolean {
    const earlierMs = saidAtMs.get(key)
    saidAtMs.delete(key)
    saidAtMs.set(key, nowMs())
    const [oldest] = saidAtMs.keys()
    if (saidAtMs.size > REMEMBERED_MAX && oldest !== undefined) saidAtMs.delete(oldest)
    return earlierMs === undefined || nowMs() - earlierMs > QUIET_MS
  }

  return {
    failed(connection, address, error) {
      const reason = reasonOf(error)
      const place = placeOf(connection, address)
      const lastAt = new Date().toISOString()
      const earlier = failing.get(place)
      const since = earlier?.reason === reason ? earlier.since : lastAt
      failing.set(place, { connection, address, reason, message: error.message, since, lastAt })
      events.failed?.(connection, reason)
      if (isNews(`${place} ${reason}`)) events.changed?.({ connection, address, reason, message: error.message })
    },
    well(connection, address) {
      if (failing.size > 0 && failing.delete(placeOf(connection, address))) events.recovered?.(connection, address)
    },
    current: () => [...failing.values()],
  }
}

/** The master may move and stay the master; each Sentinel is a connection of its own. */
const placeOf = (connection: string, address: string | null) =>
  connection === 'sentinel' ? `${connection} ${address}` : connection
