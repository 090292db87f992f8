/**
 * The catalogue that follows the log. It advances in the step in which the log position does, by the states that the
 * same read of the log brought, so that it always is the catalogue at the position. What is too much for one read is
 * marked as behind and loaded beside; until it is there, lists are loaded by SQL.
 *
 * A bucket is in one of three states:
 *   current   it is what it was at the position; each read of the log brings it on. After the layer's life it is loaded
 *             again, so that a change that nobody logged does not stay unseen for longer; until then it stays current.
 *   behind    nothing is known of it; a load is due.
 *   loading   it is being loaded at a snapshot of its own. States that reads of the log bring meanwhile are kept.
 *
 * current -> behind: the log names the whole bucket, the whole layer, or more resources than one read returns; or the
 *                    position was reset.
 * behind -> loading: a load begins.
 * loading -> current: the position covers the load's snapshot; the kept states are laid over what was loaded. Each of
 *                    them is newer: whatever changed after the load began is named by a read of the log after that.
 * loading -> behind: the load failed, or the bucket was named as a whole meanwhile.
 */
import type {
  Clock,
  Followed,
  InvalidationIndex,
  LayerEvents,
  LogBatch,
  LogFollower,
  Stamp,
  Tag,
} from '../../cache/index.ts'
import { bucketIn, bucketOf, isResourceTag, layerTag } from '../keys.ts'
import type { ResourceId } from '../model.ts'
import type { CatalogueSource, ResourceState } from '../source.ts'
import type { Catalogue } from './catalogue.ts'
import { bucketOfItems, type CatalogueBucket } from './catalogue-bucket.ts'

/** A bucket as it was loaded, from wherever. */
export interface LoadedBucket {
  readonly number: number
  readonly stamp: Stamp
  readonly bucket: CatalogueBucket
}

/** A source of buckets other than the database; each bucket has its state at the position. */
export interface CatalogueCheckpoint {
  /** Those of the buckets that it has and that are still valid, as they come. */
  load(numbers: readonly number[]): AsyncIterable<LoadedBucket>
  /** Whether what was loaded is still what it was at the index's position. */
  holds(number: number, stamp: Stamp): boolean
}

type Follower = Pick<LogFollower, 'ready' | 'catchUp'>

export interface FollowedCatalogue extends Followed<ResourceState> {
  /** Whether all of it is what it was at the position. */
  isWhole(): boolean
  /** Starts loading the buckets that are behind, and continues until closed. */
  start(follower: Follower): void
  /** Resolves when it is whole; a promise for each call. */
  whole(): Promise<void>
  /** Milliseconds since a resource last changed, by the monotonic clock. */
  quietMs(): number
  close(): Promise<void>
}

export interface FollowedCatalogueOptions {
  readonly catalogue: Catalogue
  readonly bucketCount: number
  /** The layer's life, in milliseconds. */
  readonly ttlMs: number
  readonly source: CatalogueSource
  readonly checkpoint: CatalogueCheckpoint
  readonly index: InvalidationIndex
  readonly clock: Clock
  readonly events: LayerEvents
  readonly onFailed: (cause: unknown) => void
}

/** A bucket in one load. Each load has its own, because another may begin before the first has installed all its buckets. */
interface Loading {
  /** Named as a whole since the load began: the result is useless. */
  outdated: boolean
  readonly kept: Map<ResourceId, ResourceState>
}
type Begun = ReadonlyMap<number, Loading>

const BUCKETS_PER_LOAD = 4
/** While one is put in its place, the database reads the other. */
const LOADS_AT_ONCE = 2
const RETRY_MS = 250
/** How often a catalogue that is whole is looked through for buckets whose life is over, in milliseconds. */
const AGED_EVERY_MS = 60_000
/** Between two loads of them, in milliseconds: each keeps the processor for about a quarter of that. */
const AGED_PAUSE_MS = 100
const WHOLE_LAYER = layerTag('resources')

/** @returns a catalogue of which nothing is known; it is loaded once started */
export function createFollowedCatalogue(options: FollowedCatalogueOptions): FollowedCatalogue {
  return new LoadingCatalogue(options)
}

class LoadingCatalogue implements FollowedCatalogue {
  readonly #options: FollowedCatalogueOptions
  readonly #all: readonly number[]
  readonly #behind: Set<number>
  readonly #loading = new Map<number, Loading>()
  readonly #loadedMs = new Map<number, number>()
  readonly #closing = new AbortController()
  readonly #closed = Promise.withResolvers<void>()
  #changedMs: number
  /** Only the first load may be answered by the checkpoint: later ones follow a flush, or a log that says nothing of each. */
  #triesCheckpoint = true
  #work = Promise.withResolvers<void>()
  #whole = Promise.withResolvers<void>()
  #loop: Promise<void> = Promise.resolve()

  constructor(options: FollowedCatalogueOptions) {
    this.#options = options
    this.#all = Array.from({ length: options.bucketCount }, (_, number) => number)
    this.#behind = new Set(this.#all)
    this.#changedMs = options.clock.monotonicMs()
  }

  isWhole(): boolean {
    return this.#behind.size === 0
  }

  whole(): Promise<void> {
    return this.#whole.promise
  }

  quietMs(): number {
    return this.#options.clock.monotonicMs() - this.#changedMs
  }

  apply({ rows, changes }: LogBatch<ResourceState>): void {
    if (rows.length === 0) return
    const named = bucketsNamed(rows, { all: this.#all, namesAreBuckets: changes === null })
    this.#markBehind(named)
    try {
      for (const state of changes ?? []) this.#place(state)
    } catch (cause) {
      // Some states may be installed and some not: the whole catalogue is in doubt.
      this.#markBehind(this.#all)
      this.#options.onFailed(cause)
    }
    if (named.length > 0 || (changes?.length ?? 0) > 0) this.#changedMs = this.#options.clock.monotonicMs()
  }

  reset(): void {
    this.#markBehind(this.#all)
  }

  start(follower: Follower): void {
    this.#loop = this.#bringUp(follower)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#closed.resolve()
    this.#work.resolve()
    await this.#loop
  }

  #markBehind(numbers: readonly number[]): void {
    if (numbers.length === 0) return
    if (this.isWhole()) this.#whole = Promise.withResolvers()
    for (const number of numbers) {
      this.#behind.add(number)
      const running = this.#loading.get(number)
      if (running) running.outdated = true
    }
    this.#work.resolve()
  }

  #place(state: ResourceState): void {
    const number = bucketOf(state.id)
    this.#loading.get(number)?.kept.set(state.id, state)
    if (!this.#behind.has(number)) this.#lay(state)
  }

  #lay({ id, item }: ResourceState): void {
    if (item) this.#options.catalogue.put(bucketOfItems([item]))
    else this.#options.catalogue.remove(id)
  }

  async #bringUp(follower: Follower): Promise<void> {
    // A log that was never read must not keep the process from ending.
    await Promise.race([follower.ready, this.#closed.promise])
    while (!this.#closing.signal.aborted) {
      if (this.#due().length === 0) await this.#firstOf(this.#work.promise, AGED_EVERY_MS)
      this.#work = Promise.withResolvers()
      try {
        await this.#loadAll(follower)
      } catch (cause) {
        this.#options.onFailed(cause)
        await this.#sleep(RETRY_MS)
      }
    }
  }

  async #loadAll(follower: Follower): Promise<void> {
    if (this.#triesCheckpoint) {
      this.#triesCheckpoint = false
      await this.#loadFromCheckpoint(follower)
    }
    const loads = await Promise.allSettled(Array.from({ length: LOADS_AT_ONCE }, () => this.#loadDue(follower)))
    for (const load of loads) if (load.status === 'rejected') throw load.reason
  }

  async #loadFromCheckpoint(follower: Follower): Promise<void> {
    const { checkpoint } = this.#options
    const numbers = [...this.#behind]
    const begun = this.#begin(numbers)
    try {
      for await (const loaded of checkpoint.load(numbers)) {
        await follower.catchUp(loaded.stamp)
        if (checkpoint.holds(loaded.number, loaded.stamp)) this.#install(loaded, begun)
        await readersTurn()
      }
    } finally {
      for (const number of numbers) this.#end(number, begun)
    }
  }

  async #loadDue(follower: Follower): Promise<void> {
    for (let numbers = this.#next(); numbers.length > 0; numbers = this.#next()) {
      await this.#loadSome(numbers, follower)
      // Readers can use an old bucket, so they come first.
      if (this.isWhole() && this.#next().length > 0) await this.#sleep(AGED_PAUSE_MS)
    }
  }

  async #loadSome(numbers: readonly number[], follower: Follower): Promise<void> {
    const { clock, events, index, source } = this.#options
    for (const _ of numbers) events.miss?.('resources')
    const begun = this.#begin(numbers)
    try {
      const startedMs = clock.monotonicMs()
      const { stamp, values } = await source.catalogueBuckets(numbers)
      events.loaded?.('resources', clock.monotonicMs() - startedMs)
      await follower.catchUp(stamp)
      for (const [number, items] of values) {
        const bucket = bucketOfItems(items)
        if (index.position?.database === stamp.database) this.#install({ number, bucket }, begun)
        await readersTurn()
      }
    } finally {
      for (const number of numbers) this.#end(number, begun)
    }
  }

  #begin(numbers: readonly number[]): Begun {
    const begun = new Map(numbers.map((number): [number, Loading] => [number, { outdated: false, kept: new Map() }]))
    for (const [number, loading] of begun) this.#loading.set(number, loading)
    return begun
  }

  /** @returns the load of that bucket; undefined if it has ended. Another load may have begun since: that one goes on. */
  #end(number: number, begun: Begun): Loading | undefined {
    const loading = this.#loading.get(number)
    if (!loading || loading !== begun.get(number)) return undefined
    this.#loading.delete(number)
    return loading
  }

  /** In one step, once the position covers the load. */
  #install({ number, bucket }: Pick<LoadedBucket, 'number' | 'bucket'>, begun: Begun): void {
    const loading = this.#end(number, begun)
    if (!loading || loading.outdated) return
    this.#options.catalogue.replace(number, bucket)
    this.#behind.delete(number)
    this.#loadedMs.set(number, this.#options.clock.monotonicMs())
    for (const state of loading.kept.values()) this.#lay(state)
    if (this.isWhole()) this.#whole.resolve()
  }

  /** None once closed. */
  #next(): number[] {
    if (this.#closing.signal.aborted) return []
    return this.#due()
      .filter((number) => !this.#loading.has(number))
      .slice(0, BUCKETS_PER_LOAD)
  }

  /** Buckets that are behind, and buckets whose life is over. */
  #due(): number[] {
    if (this.#behind.size > 0) return [...this.#behind]
    const bornMs = this.#options.clock.monotonicMs() - this.#options.ttlMs
    return this.#all.filter((number) => (this.#loadedMs.get(number) ?? 0) <= bornMs)
  }

  async #firstOf(news: Promise<void>, ms: number): Promise<void> {
    const over = new AbortController()
    const slept = this.#options.clock.sleep(ms, AbortSignal.any([over.signal, this.#closing.signal])).catch(() => {})
    await Promise.race([news, slept]).finally(() => over.abort())
  }

  /** Until then, or until closed. */
  async #sleep(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#closing.signal).catch(() => {})
  }
}

/** A bucket takes a few milliseconds of the process; requests that came meanwhile are answered before the next. */
const readersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * The buckets of which the rows say no more than that they changed. A row that names resources names all that it
 * changed; its buckets are there for others.
 */
function bucketsNamed(
  rows: LogBatch['rows'],
  { all, namesAreBuckets }: { readonly all: readonly number[]; readonly namesAreBuckets: boolean },
): readonly number[] {
  const named = new Set<number>()
  for (const { tags } of rows) {
    if (tags.includes(WHOLE_LAYER)) return all
    if (!namesAreBuckets && tags.some(isResourceTag)) continue
    for (const number of bucketsIn(tags)) named.add(number)
  }
  return [...named]
}

function bucketsIn(tags: readonly Tag[]): number[] {
  return tags.flatMap((tag) => bucketIn(tag) ?? [])
}
