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
import type { CacheAdministration, FlushOutcome, FlushScope, Mutated, MutationContext, Page } from './api.ts'
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
  return new AdministrationOfCache(options)
}

class AdministrationOfCache implements CacheAdministration {
  readonly invalidations: AdministrationOptions['readInvalidations']
  readonly #options: AdministrationOptions

  constructor(options: AdministrationOptions) {
    this.#options = options
    this.invalidations = options.readInvalidations
  }

  async status(): Promise<JsonObject> {
    const { index, follower } = this.#options
    const { position } = index
    const log = {
      trust: follower.trust(),
      lagMs: finite(follower.lagMs()),
      clock: describeClock(follower.time),
      position: position && { database: position.database, snapshot: formatSnapshot(position.snapshot) },
      rememberedTags: index.size,
    }
    const parts = Object.entries(this.#options.parts).map(async ([name, part]) => [name, await part()] as const)
    return { log, ...Object.fromEntries(await Promise.all(parts)) }
  }

  flush(
    scope: FlushScope,
    { reason, dryRun }: { reason: string; dryRun: boolean },
    context: MutationContext,
  ): Promise<Mutated<FlushOutcome>> {
    const explained = { ...context, reason }
    return dryRun ? this.#showFlush(scope, explained) : this.#flush(scope, explained)
  }

  async userEntries(id: UserId): Promise<JsonObject> {
    try {
      const layers = LAYERS.closureOf('user-groups')
      const entries = await Promise.all(layers.map((layer) => this.#entry(LAYERS.keyOf(layer, id), layer)))
      return { user: id, store: 'available', entries }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      return { user: id, store: 'unavailable', detail: error.detail, entries: [] }
    }
  }

  async #showFlush(scope: FlushScope, context: MutationContext): Promise<Mutated<FlushOutcome>> {
    const { unitOfWork, heldEntries } = this.#options
    const shown = await unitOfWork.run(context, async (tx) => ({
      ...(await scopeOfFlush(tx, scope)),
      ...(await unitOfWork.identify(tx)),
    }))
    const outcome = this.#outcomeOf(scope, shown, { dryRun: true, store: 'untouched' })
    const entries = await heldEntries({ layers: shown.layers, keys: keysOf(shown) })
    return { value: { ...outcome, entries }, consistencyToken: encodeConsistencyToken(shown) }
  }

  async #flush(scope: FlushScope, context: MutationContext): Promise<Mutated<FlushOutcome>> {
    const done = await this.#options.runner.run(flushCache, scope, context)
    // Nothing of it can be served any more; the memory is freed in the background.
    const { layers } = done.invalidation
    if (layers.length > 0) void this.#options.store.sweep(layers).catch(() => {})
    const store = done.store === 'invalidated' ? 'flushed' : done.store
    const value = this.#outcomeOf(scope, done.invalidation, { dryRun: false, store })
    return { value, consistencyToken: encodeConsistencyToken(done) }
  }

  #outcomeOf(scope: FlushScope, invalidation: Invalidation, how: Pick<FlushOutcome, 'dryRun' | 'store'>): FlushOutcome {
    const { layers } = invalidation
    const named = layers.length > 0 ? null : keysOf(invalidation).map((key) => this.#options.prefix + key)
    return { scope: scope.scope, ...how, keys: named, layers }
  }

  async #entry(key: EntryKey, layer: LayerName): Promise<JsonObject> {
    const { store, entries, follower, prefix } = this.#options
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
