/**
 * The cache as a service embeds it: one table of layers, one reader for each, and mutations that name what goes stale.
 * Everything that keeps an answer true (stamps, trust, leases, single flight, fallback) is on by default.
 */
import { type CacheOptions, CacheOptionsError, refuseWrong, refuseWrongRules, warnOfLoss } from './cache-options.ts'
import { createReader, type PartsOf, type QueryOf, type Reader, type ReaderOptions } from './cache-reader.ts'
import { type CacheRule, type CacheRules, createCacheRules } from './cache-rules.ts'
import { type Clock, systemClock } from './clock.ts'
import { createEntryCodec } from './entry-codec.ts'
import { createInvalidationIndex, type InvalidationIndex, type RetentionClass } from './invalidation-index.ts'
import type { LayerRows } from './layers.ts'
import { createLogFollower, type LogFollower } from './log-follower.ts'
import { mutation } from './mutation.ts'
import { createMutationRunner } from './mutation-runner.ts'
import { tokenOf } from './mutation-token.ts'
import { createReadThrough } from './read-through.ts'
import type { Tag } from './tags.ts'

/** What `cache.mutate` resolves with, after the commit. */
export interface Mutated<Value> {
  readonly value: Value
  /** All tags that the rules named. */
  readonly named: readonly Tag[]
  /** A read that is given this sees the mutation, on every instance, whatever Redis does. */
  readonly token: string
}

/** A cache of the layers in `Rows`; `Tx` is a transaction of the adapter's, `Query` what loaders return. */
export interface Cache<Rows extends LayerRows, Tx, Query> extends CacheRules<Rows, Tx> {
  /** The one reader of a layer. @param load the statement for one entry: a single SELECT */
  reader<Name extends keyof Rows & string, Row, Value = readonly Readonly<Row>[]>(
    layer: Name,
    load: (...parts: PartsOf<Rows, Name>) => Query & QueryOf<Row>,
    options?: ReaderOptions<PartsOf<Rows, Name>, Readonly<Row>, Value>,
  ): Reader<PartsOf<Rows, Name>, Value>
  /**
   * Runs the work in one transaction of the adapter's; once it has committed, what the rules name is stale.
   * @param event what the log calls it
   * @throws what the work or the database throws; nothing was written then, unless the connection was lost during the
   * commit: it may have committed
   */
  mutate<Value>(
    event: string,
    rules: readonly CacheRule<Tx>[],
    work: (tx: Tx) => Promise<Value>,
  ): Promise<Mutated<Value>>
  /** Resolves when entries can be trusted for the first time; until then reads are answered by the database. */
  readonly ready: Promise<void>
  /** Trust in the log, how far behind it is (`lagMs`), how many tags are remembered, and the state of Redis. Never throws. */
  status(): Promise<Record<string, unknown>>
  /** Stops following the log and closes the connections; work in progress fails. */
  close(): Promise<void>
}

const REMEMBERED_TAGS_MAX = 200_000
const BOUND_MS = 5000

/**
 * Starts to follow the log at once and returns without waiting for Redis or PostgreSQL.
 * @throws CacheOptionsError for options that cannot work, with the remedy
 */
export function createCache<const Rows extends LayerRows, Tx, Query>(
  options: CacheOptions<Rows, Tx, Query>,
): Cache<Rows, Tx, Query> {
  refuseWrong(options)
  const { layers, log: database, clock = systemClock, events = {} } = options
  const entries = createEntryCodec(options.secret)
  // A tag may be carried by entries of any layer, so it is remembered as long as the longest of them lives.
  const longest: RetentionClass = layers.volatile.length < layers.names.length ? 'lasting' : 'volatile'
  const index = createInvalidationIndex({ retentionOf: () => longest, maxTags: REMEMBERED_TAGS_MAX })
  const { unitOfWork } = database
  const { retentionMs } = layers
  const follower = followerOf(options, { index, clock })
  const shared = options.redis(layers)
  const { store } = shared
  const reads = createReadThrough({ store, follower, clock, entries, events })
  const runner = createMutationRunner<Tx, null>({ unitOfWork, store, index, layers })
  const dependencies = { layers, database, reads, index, follower, clock, entries, events }
  const taken = new Set<string>()
  follower.start()
  database.prune(Math.max(retentionMs.volatile, retentionMs.lasting))

  function reader<Name extends keyof Rows & string, Row, Value>(
    name: Name,
    load: (...parts: PartsOf<Rows, Name>) => Query & QueryOf<Row>,
    readerOptions: ReaderOptions<PartsOf<Rows, Name>, Readonly<Row>, Value> = {},
  ): Reader<PartsOf<Rows, Name>, Value> {
    if (taken.has(name)) throw new CacheOptionsError(`${name} has a reader already: give each its own layer`)
    const declared = layers.row(name)
    taken.add(name)
    return createReader(dependencies, declared, load, readerOptions)
  }

  return {
    reader,
    ...createCacheRules<Rows, Tx>(layers),
    async mutate<Value>(event: string, rules: readonly CacheRule<Tx>[], work: (tx: Tx) => Promise<Value>) {
      refuseWrongRules(event, rules)
      const chain = rules.reduce((declared, rule) => declared.invalidates(rule), mutation<Tx, null>(event))
      const {
        value,
        database: where,
        xid,
        invalidation,
      } = await runner.run(
        chain.write((tx) => work(tx)),
        null,
        null,
      )
      return { value, named: invalidation.tags, token: tokenOf({ database: where, xid }) }
    },
    ready: follower.ready,
    async status() {
      return {
        trust: follower.trust(),
        lagMs: Math.round(follower.lagMs()),
        clock: { offsetMs: follower.time.offsetMs(), uncertaintyMs: follower.time.uncertaintyMs() },
        tags: index.size,
        store: (await shared.status?.()) ?? null,
      }
    },
    async close() {
      await follower.close()
      await shared.close()
      await database.close()
    },
  }
}

function followerOf<Rows extends LayerRows, Tx, Query>(
  { log: { log }, layers, pollMs = 250, graceMs = 30_000, ...options }: CacheOptions<Rows, Tx, Query>,
  { index, clock }: { readonly index: InvalidationIndex; readonly clock: Clock },
): LogFollower {
  return createLogFollower({
    log,
    index,
    clock,
    pollMs,
    boundMs: BOUND_MS,
    graceMs,
    retentionMs: layers.retentionMs,
    ...(options.clockBoundMs !== undefined && { clockBoundMs: options.clockBoundMs }),
    onTrustChange: options.onTrustChange ?? warnOfLoss,
  })
}
