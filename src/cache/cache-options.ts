/**
 * The options of `createCache`. Options, tags and rules that cannot work are refused, and each message names the
 * remedy.
 */
import type { Clock } from './clock.ts'
import type { EntryStore } from './entry-store.ts'
import type { InvalidationLog } from './invalidation-log.ts'
import type { LayerEvents } from './layer.ts'
import type { LayerNames, LayerRows, Layers } from './layers.ts'
import type { Trust } from './log-trust.ts'
import type { UnitOfWork } from './mutation-runner.ts'
import type { Stamp } from './snapshot.ts'

/** The shared store behind its adapter, as `sentinelRedis(...)` makes it for a table of layers. */
export interface CacheStore {
  readonly store: EntryStore
  /** For `cache.status()`. */
  status?(): Promise<unknown>
  /** Closes its connections. */
  close(): Promise<void>
}

/** The database behind its adapter, as `postgresLog(...)` makes it. `Query` is what a loader returns. */
export interface CacheLog<Tx, Query> {
  readonly log: InvalidationLog
  readonly unitOfWork: UnitOfWork<Tx, null>
  /** Runs a loader's statement; its snapshot is taken in the same statement. */
  load(query: Query): Promise<{ readonly rows: readonly unknown[]; readonly stamp: Stamp }>
  /** Prunes the log from time to time, of rows that no entry can depend on, until it is closed. */
  prune(retentionMs: number): void
  /** Ends following and pruning. */
  close(): Promise<void>
}

/** The options of a cache; `layers`, `redis`, `log` and `secret` are required. */
export interface CacheOptions<Rows extends LayerRows, Tx, Query> {
  readonly layers: Layers<Rows>
  /** What `sentinelRedis(…)`, `singleRedis(…)` or `memoryRedis()` returns. */
  readonly redis: (layers: LayerNames) => CacheStore
  readonly log: CacheLog<Tx, Query>
  /** 32 characters or more, the same on all instances: entries made with another are misses. */
  readonly secret: string
  /** How often the log is read without being woken, in milliseconds. Default: 250. */
  readonly pollMs?: number
  /** How long hits are served while the database itself is unreachable, in milliseconds. Default: 30,000. */
  readonly graceMs?: number
  /** Told of hits, misses, loads and rejected entries, for metrics. */
  readonly events?: LayerEvents
  /**
   * Told when the log is followed, held for `graceMs`, or lost; while it is lost, the database answers every read.
   * Default: a warning of the process when it is lost.
   */
  readonly onTrustChange?: (trust: Trust, cause?: unknown) => void
  /**
   * The largest uncertainty of the database's clock, in milliseconds, at which entries with an end are stored and
   * served. Default: 250.
   */
  readonly clockBoundMs?: number
  readonly clock?: Clock
}

/** Options that cannot work; the message names the remedy. */
export class CacheOptionsError extends Error {
  readonly code = 'cache-options'
}

export function refuseWrong<Rows extends LayerRows, Tx, Query>({
  layers,
  redis,
  log,
  secret,
}: CacheOptions<Rows, Tx, Query>) {
  if (typeof layers?.keyOf !== 'function') throw new CacheOptionsError('layers: pass what defineLayers({ … }) returns')
  if (layers.names.length === 0) throw new CacheOptionsError('layers: declare one at least')
  if (typeof redis !== 'function') throw new CacheOptionsError('redis: pass what sentinelRedis({ … }) returns')
  if (typeof log?.load !== 'function') throw new CacheOptionsError('log: pass what postgresLog({ … }) returns')
  if (typeof secret !== 'string' || secret.length < 32)
    throw new CacheOptionsError(
      'secret: 32 characters or more, such as `openssl rand -base64 32` prints, from a secret store',
    )
}

/** No rule could ever name it, so entries that depend on it would never become stale. */
export function refuseUntyped(where: string, tags: readonly unknown[]): void {
  const wrong = tags.findIndex((each) => typeof each !== 'string' || each[1] !== ':')
  if (wrong < 0) return
  const got = typeof tags[wrong] === 'string' ? tags[wrong] : typeof tags[wrong]
  throw new CacheOptionsError(`${where}: a tag is made by what defineTag returns, such as ofGroup('gold'); got ${got}`)
}

export function refuseWrongRules(event: string, rules: unknown): void {
  if (!Array.isArray(rules) || !rules.every((rule) => typeof rule === 'function'))
    throw new CacheOptionsError(`${event}: pass a list of rules, such as [cache.entry('prices', 'gold')]`)
  if (rules.length === 0) throw new CacheOptionsError(`${event} names nothing that goes stale: give it a rule`)
}

/** A cache that leaves every answer to the database looks healthy from outside, and costs more than no cache. */
export function warnOfLoss(trust: Trust, cause: unknown): void {
  if (trust !== 'lost') return
  const reasons = [cause, (cause as Error | undefined)?.cause].flatMap((each) =>
    each instanceof Error ? [each.message] : [],
  )
  const message = `the log cannot be read, so the database answers every read: ${reasons.join(': ')}`
  process.emitWarning(message, { type: 'PortcullisCacheWarning' })
}
