/**
 * The cache as a service embeds it: one table of layers, one reader for each, and mutations that name what goes stale.
 * Everything that keeps an answer true (stamps, trust, leases, single flight, fallback) is on by default.
 */
import { createHash } from 'node:crypto'
import timers from 'node:timers'
import type { Clock } from './clock.ts'
import { createCopies } from './copies.ts'
import { createEntryCodec } from './entry-codec.ts'
import type { EntryStore } from './entry-store.ts'
import { createInvalidationIndex, type RetentionClass } from './invalidation-index.ts'
import { createLayer, type LayerEvents, type LayerRead } from './layer.ts'
import type { LayerNames, LayerRows, Layers } from './layers.ts'
import { createLogFollower, type InvalidationLog, type Trust } from './log-follower.ts'
import { type Invalidation, mutation, NOTHING_INVALIDATED, type Rule } from './mutation.ts'
import { createMutationRunner, type UnitOfWork } from './mutation-runner.ts'
import { createReadThrough, earliest } from './read-through.ts'
import { type Committed, parseXid, type Stamp } from './snapshot.ts'
import { RequestWait } from './store-wait.ts'
import { type Tag, tag, tagKind } from './tags.ts'

/** The shared store behind its adapter, as `sentinelRedis(...)` makes it for a table of layers. */
export interface CacheStore {
  readonly store: EntryStore
  /** For `cache.status()`. */
  status?(): Promise<unknown>
  /** Ends its connections. */
  close(): Promise<void>
}

/** The database behind its adapter, as `postgresLog(...)` makes it. `Query` is what a loader returns. */
export interface CacheLog<Tx, Query> {
  readonly log: InvalidationLog
  readonly unitOfWork: UnitOfWork<Tx, null>
  /** Runs a loader's statement; its snapshot is taken in the same statement. */
  load(query: Query): Promise<{ readonly rows: readonly unknown[]; readonly stamp: Stamp }>
  /** Removes what no entry can depend on any more, from time to time, until it is closed. */
  prune(retentionMs: number): void
  /** Ends following and pruning. */
  close(): Promise<void>
}

/** What a cache is made of; `layers`, `redis`, `log` and `secret` are needed. */
export interface CacheOptions<Rows extends LayerRows, Tx, Query> {
  readonly layers: Layers<Rows>
  /** What `sentinelRedis(…)`, `singleRedis(…)` or `memoryRedis()` returns. */
  readonly redis: (layers: LayerNames) => CacheStore
  readonly log: CacheLog<Tx, Query>
  /** 32 characters or more, the same on all instances: entries made with another are misses. */
  readonly secret: string
  /** The longest that one read waits for the store, in milliseconds. Default: 100. */
  readonly storeBudgetMs?: number
  /** How often the log is read without being woken, in milliseconds. Default: 250. */
  readonly pollMs?: number
  /** How long hits go on while the database itself is unreachable, in milliseconds. Default: 30,000. */
  readonly graceMs?: number
  /** Told of hits, misses, loads and rejected entries, for metrics. */
  readonly events?: LayerEvents
  /**
   * Told when the log is followed, held for `graceMs`, or lost; while it is lost, the database answers every read.
   * Default: a warning of the process when it is lost.
   */
  readonly onTrustChange?: (trust: Trust, cause?: unknown) => void
  /** Entries that end by themselves are neither stored nor served while the database's clock is known less well. Default: 250. */
  readonly clockBoundMs?: number
  readonly clock?: Clock
}

/** What a mutation makes stale: asked inside its transaction, before the write and after it. */
export type CacheRule<Tx> = Rule<Tx, null>

/** What `cache.mutate` resolves with, after the commit. */
export interface Mutated<Value> {
  readonly value: Value
  /** The tags of all that the rules named. */
  readonly named: readonly Tag[]
  /** A read that is given this sees the mutation, on every instance, whatever Redis does. */
  readonly token: string
}

/** Reads entries of one layer. */
export interface Reader<Parts extends unknown[], Value> {
  /** @throws what the loader's statement throws, when it has to be asked */
  (...parts: Parts): Promise<Value>
  /**
   * Sees at least the mutation whose token it is given; loads from the database where this instance cannot know.
   * Without a token it is an ordinary read.
   */
  after(token: string | undefined, ...parts: Parts): Promise<Value>
  /** Loads from the database, around the cache. @throws what the loader's statement throws */
  fresh(...parts: Parts): Promise<Value>
  /** The same, as an entry would be: with its tags and the snapshot that it was read at. */
  loaded(...parts: Parts): Promise<{ readonly value: Value; readonly tags: readonly Tag[]; readonly stamp: Stamp }>
  readonly layer: string
}

/** What an entry depends on, and what readers get. */
export interface ReaderOptions<Parts extends unknown[], Row, Value> {
  /** What the entry depends on beside itself; a trigger or a rule that names one of them makes it stale. */
  readonly tags?: (...parts: Parts) => Tag | readonly Tag[]
  /** The same, found in each row that was loaded. */
  readonly tagsOfRow?: (row: Row) => Tag | readonly Tag[]
  /**
   * When each row stops being true by itself, by the database's clock: nothing of the entry is served from then on. The
   * loader's statement leaves out what has ended, `WHERE ends_at IS NULL OR ends_at > statement_timestamp()`.
   * Default: never.
   */
  readonly untilOfRow?: (row: Row) => Date | string | number | null
  /** What readers get; default: the rows. Rows are frozen, because all readers share them. */
  readonly map?: (rows: readonly Row[]) => Value
}

/** What a loader of rows returns. */
export interface QueryOf<Row> {
  /** Only in the types. */
  readonly row?: Row
}

type PartsOf<Rows extends LayerRows, Name extends keyof Rows> = Parameters<Rows[Name]['key']>

/** A cache of the layers in `Rows`; `Tx` is a transaction of the adapter's, `Query` what loaders return. */
export interface Cache<Rows extends LayerRows, Tx, Query> {
  /** The one reader of a layer. @param load the statement for one entry: a single SELECT */
  reader<Name extends keyof Rows & string, Row, Value = readonly Readonly<Row>[]>(
    layer: Name,
    load: (...parts: PartsOf<Rows, Name>) => Query & QueryOf<Row>,
    options?: ReaderOptions<PartsOf<Rows, Name>, Readonly<Row>, Value>,
  ): Reader<PartsOf<Rows, Name>, Value>
  /** One entry, and what is derived from its layer only where rules name it. */
  entry<Name extends keyof Rows & string>(layer: Name, ...parts: PartsOf<Rows, Name>): CacheRule<Tx>
  /** Entries found inside the transaction, before the write and after it. */
  entries<Name extends keyof Rows & string>(
    layer: Name,
    find: (tx: Tx) => Promise<readonly PartsOf<Rows, Name>[]>,
  ): CacheRule<Tx>
  /** Every entry with one of these tags. Other instances hear of it by the log, within milliseconds. */
  tagged(...tags: readonly Tag[]): CacheRule<Tx>
  /** Every entry of a layer, and of what is derived from it. */
  layer(name: keyof Rows & string): CacheRule<Tx>
  /**
   * Runs the work in one transaction of the adapter's; what the rules name is stale once it committed.
   * @param event what the log calls it
   * @throws what the work or the database throws; then nothing was written, except that a connection lost while
   * committing leaves that open
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
  /** Ends following and connections; what is in progress fails. */
  close(): Promise<void>
}

/** Options that cannot be right; the message has the remedy. */
export class CacheOptionsError extends Error {
  readonly code = 'cache-options'
}

const REMEMBERED_TAGS_MAX = 200_000
const TOKEN_WAIT_MS = 1000
const BOUND_MS = 5000
const WHOLE_LAYER = tagKind('l')
const ENTRY = tagKind('e')

/** Carried by every entry; invalidates what no other tag names. */
export const EVERYTHING: Tag = tag(WHOLE_LAYER, '*')

/** @throws CacheOptionsError for a letter that is taken, or is none */
export function defineTag(kind: string): (id: string | number) => Tag {
  if (!/^[a-z]$/.test(kind) || kind === WHOLE_LAYER || kind === ENTRY)
    throw new CacheOptionsError(`a tag is named by one letter from a to z, except e and l; got ${kind}`)
  return (id) => {
    if (id === undefined || (typeof id === 'object' && id !== null))
      throw new CacheOptionsError(`the tag ${kind} is of an id, which is text or a number; got ${typeof id}`)
    return tag(tagKind(kind), String(id))
  }
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: (ms, signal) => timers.promises.setTimeout(ms, undefined, { ref: true, ...(signal && { signal }) }),
}

/**
 * Starts to follow the log at once and returns without waiting for Redis or PostgreSQL.
 * @throws CacheOptionsError for options that cannot be right, with the remedy
 */
export function createCache<const Rows extends LayerRows, Tx, Query>(
  options: CacheOptions<Rows, Tx, Query>,
): Cache<Rows, Tx, Query> {
  refuseWrong(options)
  const { layers, log: database, clock = systemClock, events = {}, storeBudgetMs = 100, pollMs = 250 } = options
  const entries = createEntryCodec(options.secret)
  // A tag may be carried by entries of any layer, so it is remembered as long as the longest of them lives.
  const longest: RetentionClass = layers.volatile.length < layers.names.length ? 'lasting' : 'volatile'
  const index = createInvalidationIndex({ retentionOf: () => longest, maxTags: REMEMBERED_TAGS_MAX })
  const { log, unitOfWork } = database
  const { retentionMs } = layers
  const follower = createLogFollower({
    log,
    index,
    clock,
    pollMs,
    boundMs: BOUND_MS,
    graceMs: options.graceMs ?? 30_000,
    retentionMs,
    ...(options.clockBoundMs !== undefined && { clockBoundMs: options.clockBoundMs }),
    onTrustChange: options.onTrustChange ?? warnOfLoss,
  })
  const shared = options.redis(layers)
  const { store } = shared
  const reads = createReadThrough({ store, follower, clock, entries, events })
  const runner = createMutationRunner<Tx, null>({ unitOfWork, store, index, layers })
  const taken = new Set<string>()
  follower.start()
  database.prune(Math.max(retentionMs.volatile, retentionMs.lasting))

  function reader<Name extends keyof Rows & string, Row, Value>(
    name: Name,
    load: (...parts: PartsOf<Rows, Name>) => Query & QueryOf<Row>,
    {
      tags = () => [],
      tagsOfRow = () => [],
      untilOfRow = () => null,
      map,
    }: ReaderOptions<PartsOf<Rows, Name>, Readonly<Row>, Value> = {},
  ): Reader<PartsOf<Rows, Name>, Value> {
    if (taken.has(name)) throw new CacheOptionsError(`${name} has a reader already: give each its own layer`)
    const declared = layers.row(name)
    taken.add(name)
    const layer = createLayer<readonly Row[]>(
      {
        ...declared,
        // Another loader means another shape: during an upgrade, releases do not read each other's entries.
        shape: shapeOf(declared.shape, load.toString()),
        copies: createCopies({ maxBytes: declared.copiesMaxBytes }),
        codec: {
          encode: (rows) => ({ body: Buffer.from(JSON.stringify(rows)) }),
          decode: ({ body }) => frozen(JSON.parse(body.toString()) as Row[]),
        },
      },
      { index, follower, clock, entries, events },
    )
    const mapped = new WeakMap<readonly Row[], Value>()

    /** Once for each copy, not for each reader. */
    function mappedOf(rows: readonly Row[]): Value {
      if (!map) return rows as Value
      const known = mapped.get(rows)
      if (known !== undefined) return known
      const value = map(rows)
      mapped.set(rows, value)
      return value
    }

    async function loaded(parts: PartsOf<Rows, Name>) {
      const { rows, stamp } = await database.load(load(...parts))
      const own = rows as readonly Row[]
      const named = [tags(...parts), ...own.map((row) => tagsOfRow(row))].flat()
      refuseUntyped(`the reader of ${name}`, named)
      const until = earliestOf(own.map((row) => untilOfRow(row)))
      return { value: frozen(own), stamp, until, tags: [...new Set([...tagsOf(name, parts), ...named])] }
    }

    async function read(...parts: PartsOf<Rows, Name>): Promise<Value> {
      const wanted = { layer, key: layers.keyOf(name, ...parts), load: () => loaded(parts) }
      const found: LayerRead<readonly Row[]> = await reads.read(wanted, new RequestWait(storeBudgetMs))
      return mappedOf(found.value)
    }

    const fresh = async (...parts: PartsOf<Rows, Name>) => mappedOf((await loaded(parts)).value)
    return Object.assign(read, {
      layer: name,
      fresh,
      async loaded(...parts: PartsOf<Rows, Name>) {
        const { value, tags, stamp } = await loaded(parts)
        return { value: mappedOf(value), tags, stamp }
      },
      async after(token: string | undefined, ...parts: PartsOf<Rows, Name>) {
        if (token === undefined) return read(...parts)
        const committed = committedIn(token)
        return committed && (await follower.waitFor(committed, TOKEN_WAIT_MS)) ? read(...parts) : fresh(...parts)
      },
    })
  }

  function tagsOf<Name extends keyof Rows & string>(name: Name, parts: PartsOf<Rows, Name>): Tag[] {
    return [tag(ENTRY, layers.keyOf(name, ...parts)), tag(WHOLE_LAYER, name), EVERYTHING]
  }

  function namingEntries<Name extends keyof Rows & string>(
    name: Name,
    found: readonly PartsOf<Rows, Name>[],
  ): Invalidation {
    if (!found.every(Array.isArray))
      throw new CacheOptionsError(`entries of ${name} are lists of their parts, such as [['gold'], ['silver']]`)
    const keys = found.map((parts) => ({ layer: name, key: layers.keyOf(name, ...parts) }))
    return { ...NOTHING_INVALIDATED, keys, tags: keys.map(({ key }) => tag(ENTRY, key)) }
  }

  return {
    reader,
    entry: (name, ...parts) => {
      const named = namingEntries(name, [parts])
      return () => named
    },
    entries: (name, find) => async (tx) => namingEntries(name, await find(tx)),
    tagged(...tags) {
      refuseUntyped('tagged', tags)
      return () => ({ ...NOTHING_INVALIDATED, tags })
    },
    layer(name) {
      const closure = layers.closureOf(name)
      return () => ({ tags: closure.map((each) => tag(WHOLE_LAYER, each)), keys: [], layers: closure })
    },
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

function refuseWrong<Rows extends LayerRows, Tx, Query>({ layers, redis, log, secret }: CacheOptions<Rows, Tx, Query>) {
  if (typeof layers?.keyOf !== 'function') throw new CacheOptionsError('layers: pass what defineLayers({ … }) returns')
  if (layers.names.length === 0) throw new CacheOptionsError('layers: declare one at least')
  if (typeof redis !== 'function') throw new CacheOptionsError('redis: pass what sentinelRedis({ … }) returns')
  if (typeof log?.load !== 'function') throw new CacheOptionsError('log: pass what postgresLog({ … }) returns')
  if (typeof secret !== 'string' || secret.length < 32)
    throw new CacheOptionsError(
      'secret: 32 characters or more, such as `openssl rand -base64 32` prints, from a secret store',
    )
}

/** Nothing would ever name it, so what depends on it would never go stale. */
function refuseUntyped(where: string, tags: readonly unknown[]): void {
  const wrong = tags.findIndex((each) => typeof each !== 'string' || each[1] !== ':')
  if (wrong < 0) return
  const got = typeof tags[wrong] === 'string' ? tags[wrong] : typeof tags[wrong]
  throw new CacheOptionsError(`${where}: a tag is made by what defineTag returns, such as ofGroup('gold'); got ${got}`)
}

function refuseWrongRules(event: string, rules: unknown): void {
  if (!Array.isArray(rules) || !rules.every((rule) => typeof rule === 'function'))
    throw new CacheOptionsError(`${event}: pass a list of rules, such as [cache.entry('prices', 'gold')]`)
  if (rules.length === 0) throw new CacheOptionsError(`${event} names nothing that goes stale: give it a rule`)
}

/** A cache that the database answers for looks well from outside, and costs more than none. */
function warnOfLoss(trust: Trust, cause: unknown): void {
  if (trust !== 'lost') return
  const reasons = [cause, (cause as Error | undefined)?.cause].flatMap((each) =>
    each instanceof Error ? [each.message] : [],
  )
  const message = `the log cannot be read, so the database answers every read: ${reasons.join(': ')}`
  process.emitWarning(message, { type: 'PortcullisCacheWarning' })
}

/** In milliseconds since the epoch. @throws CacheOptionsError for what is no instant: served for ever, it would be a leak */
function earliestOf(ends: readonly (Date | string | number | null)[]): number | null {
  let first: number | null = null
  for (const end of ends) {
    if (end === null) continue
    const ms = new Date(end).getTime()
    if (Number.isNaN(ms)) throw new CacheOptionsError(`untilOfRow: ${end} is no instant`)
    first = earliest(first, ms)
  }
  return first
}

/** A number for the layer's own version and the text of its loader. */
function shapeOf(version: number, loader: string): number {
  return createHash('sha256').update(`${version} ${loader}`).digest().readUInt32BE(0)
}

function tokenOf({ database, xid }: Committed): string {
  return Buffer.from(`${xid} ${database}`).toString('base64url')
}

/** Null for a foreign token, which costs the reader no more than a load. */
export function committedIn(token: string): Committed | null {
  const [xid, database] = Buffer.from(token, 'base64url').toString().split(' ')
  try {
    return xid && database ? { database, xid: parseXid(xid) } : null
  } catch {
    return null
  }
}

function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const each of Object.values(value)) frozen(each)
  return Object.freeze(value)
}
