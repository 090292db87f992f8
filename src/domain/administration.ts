/** What administrators see of the cache and do to it. */
import {
  type DatabaseClock,
  type EntryCodec,
  type EntryKey,
  type EntryStore,
  formatSnapshot,
  type Invalidation,
  type InvalidationIndex,
  type LogFollower,
  type MutationRunner,
  StoreUnavailableError,
  type UnitOfWork,
} from '../cache/index.ts'
import type { CacheAdministration, FlushOutcome, FlushScope, MutationContext, Page } from './api.ts'
import { encodeConsistencyToken } from './consistency-token.ts'
import { flushCache, scopeOfFlush } from './flush.ts'
import { LAYERS, type LayerName } from './layers.ts'
import type { JsonObject, UserId } from './model.ts'
import type { Transaction } from './transaction.ts'

export interface AdministrationOptions {
  readonly runner: MutationRunner<Transaction, MutationContext>
  readonly unitOfWork: UnitOfWork<Transaction, MutationContext>
  readonly store: EntryStore
  readonly entries: EntryCodec
  readonly index: InvalidationIndex
  readonly follower: LogFollower
  readonly heldEntries: (named: Pick<Invalidation, 'layers'> & { keys: readonly EntryKey[] }) => Promise<number | null>
  /** The prefix of all keys, so that administrators see the names that Redis knows. */
  readonly prefix: string
  /** The other parts of the state, each under its name: breaker, outages, topology, counters. */
  readonly parts: Readonly<Record<string, () => JsonObject | Promise<JsonObject>>>
  readonly readInvalidations: (query: { after?: string; limit: number }) => Promise<Page<JsonObject>>
}

export function createAdministration(options: AdministrationOptions): CacheAdministration {
  const { runner, unitOfWork, store, entries, index, follower, prefix } = options

  async function dryRun(scope: FlushScope, context: MutationContext) {
    return unitOfWork.run(context, async (tx) => {
      return { ...(await scopeOfFlush(tx, scope)), ...(await unitOfWork.identify(tx)) }
    })
  }

  function outcomeOf(
    scope: FlushScope,
    invalidation: Invalidation,
    how: Pick<FlushOutcome, 'dryRun' | 'store'>,
  ): FlushOutcome {
    const { layers } = invalidation
    const named = layers.length > 0 ? null : keysOf(invalidation).map((key) => prefix + key)
    return { scope: scope.scope, ...how, keys: named, layers }
  }

  async function entry(key: EntryKey, layer: LayerName): Promise<JsonObject> {
    const found = await store.inspect(key, layer)
    if (!found) return { key: prefix + key, present: false }
    const decoded = entries.decode(key, found.bytes)
    const present = {
      key: prefix + key,
      present: true,
      bytes: found.bytes.length,
      ttlSeconds: Math.ceil(found.ttlMs / 1000),
    }
    if (!decoded) return { ...present, wouldBeServed: false, why: 'damaged' }
    const judged = follower.judge(decoded, 'volatile')
    const verdict = found.currentGeneration ? judged : 'flushed'
    return {
      ...present,
      loadedAt: new Date(decoded.loadedAt).toISOString(),
      stamp: { database: decoded.stamp.database, snapshot: formatSnapshot(decoded.stamp.snapshot) },
      dependsOn: decoded.tags,
      ...(decoded.until !== null && { until: new Date(decoded.until).toISOString() }),
      wouldBeServed: verdict === 'servable',
      ...(verdict !== 'servable' && { why: verdict }),
    }
  }

  return {
    async status() {
      const position = index.position
      const log = {
        trust: follower.trust(),
        lagMs: finite(follower.lagMs()),
        clock: describeClock(follower.time),
        position: position && { database: position.database, snapshot: formatSnapshot(position.snapshot) },
        rememberedTags: index.size,
      }
      const parts = await Promise.all(
        Object.entries(options.parts).map(async ([name, part]) => [name, await part()] as const),
      )
      return { log, ...Object.fromEntries(parts) }
    },

    async flush(scope, { reason, dryRun: onlyShow }, context) {
      const explained = { ...context, reason }
      if (onlyShow) {
        const shown = await dryRun(scope, explained)
        return {
          value: {
            ...outcomeOf(scope, shown, { dryRun: true, store: 'untouched' }),
            entries: await options.heldEntries({ layers: shown.layers, keys: keysOf(shown) }),
          },
          consistencyToken: encodeConsistencyToken(shown),
        }
      }
      const done = await runner.run(flushCache, scope, explained)
      // Nothing of it can be served any more; the memory is freed in the background.
      if (done.invalidation.layers.length > 0) void store.sweep(done.invalidation.layers).catch(() => {})
      const how = done.store === 'invalidated' ? 'flushed' : done.store
      return {
        value: outcomeOf(scope, done.invalidation, { dryRun: false, store: how }),
        consistencyToken: encodeConsistencyToken(done),
      }
    },

    async userEntries(id: UserId) {
      try {
        const layers = LAYERS.closureOf('user-groups')
        const entries = await Promise.all(layers.map((layer) => entry(LAYERS.keyOf(layer, id), layer)))
        return { user: id, store: 'available', entries }
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error
        return { user: id, store: 'unavailable', detail: error.detail, entries: [] }
      }
    },

    invalidations: options.readInvalidations,
  }
}

function keysOf({ keys, lists = [] }: Pick<Invalidation, 'keys' | 'lists'>): EntryKey[] {
  return [...keys.map(({ key }) => key), ...lists.flatMap((list) => [...list.keys()])]
}

/** The database's clock as this instance knows it; null until it does. */
export function describeClock(time: Pick<DatabaseClock, 'offsetMs' | 'uncertaintyMs' | 'jumps'>) {
  return { offsetMs: tenths(time.offsetMs()), uncertaintyMs: tenths(time.uncertaintyMs()), jumps: time.jumps }
}

function tenths(ms: number): number | null {
  return Number.isFinite(ms) ? Math.round(ms * 10) / 10 : null
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? Math.round(ms) : null
}
