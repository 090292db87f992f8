/**
 * The catalogue that follows the log. It advances in the step in which the log position does, by the states that the
 * same read of the log brought, so that it always is the catalogue at the position. What is too much for one read is
 * marked as behind and loaded beside; until it is there, lists are loaded by SQL.
 *
 * A bucket is in one of three states:
 *   current   it is what it was at the position; each read of the log brings it on. After the layer's life it is loaded
 *             anew, so that a change that nobody logged does not stay unseen for longer; until then it stays current.
 *   behind    nothing is known of it; a load is due.
 *   loading   it is being loaded at a snapshot of its own. States that reads of the log bring meanwhile are kept.
 *
 * current -> behind: the log names the whole bucket, the whole layer, or more resources than one read returns; or the
 *                    position was begun anew.
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

/** Buckets as they were loaded, from wherever. */
export interface LoadedBuckets {
  readonly stamp: Stamp
  readonly buckets: ReadonlyMap<number, CatalogueBucket>
}

/** Where buckets may be had without asking the database; each is what it was at the position when it is given. */
export interface CatalogueCheckpoint {
  /** Those of the buckets that it has and that are still valid, as they come. */
  load(numbers: readonly number[]): AsyncIterable<LoadedBuckets>
  /** Whether what was loaded is still what it was at the index's position. */
  holds(number: number, stamp: Stamp): boolean
}

export interface FollowedCatalogue extends Followed<ResourceState> {
  /** Whether all of it is what it was at the position. */
  isWhole(): boolean
  /** Starts loading what is behind, and goes on until closed. */
  start(follower: Pick<LogFollower, 'ready' | 'catchUp'>): void
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

interface Loading {
  /** Named as a whole since the load began: what it brings is worth nothing. */
  outdated: boolean
  readonly kept: Map<ResourceId, ResourceState>
}

const BUCKETS_PER_LOAD = 4
/** While one is put in its place, the database reads the other. */
const LOADS_AT_ONCE = 2
const RETRY_MS = 250
/** How often a catalogue that is whole is looked through for buckets whose life is over, in milliseconds. */
const AGED_EVERY_MS = 60_000
/** Between two loads of them, in milliseconds: each keeps the processor for about a quarter of that. */
const AGED_PAUSE_MS = 100
const WHOLE_LAYER = layerTag('resources')

export function createFollowedCatalogue(options: FollowedCatalogueOptions): FollowedCatalogue {
  const { catalogue, bucketCount, source, checkpoint, clock, events } = options
  const all = Array.from({ length: bucketCount }, (_, number) => number)
  const behind = new Set(all)
  const loading = new Map<number, Loading>()
  const loadedMs = new Map<number, number>()
  const closing = new AbortController()
  const closed = Promise.withResolvers<void>()
  let changedMs = clock.monotonicMs()
  /** Only the first load may be answered by the checkpoint: later ones follow a flush, or a log that says nothing of each. */
  let triesCheckpoint = true
  let work = Promise.withResolvers<void>()
  let whole = Promise.withResolvers<void>()
  let loop: Promise<void> = Promise.resolve()

  function markBehind(numbers: readonly number[]): void {
    if (numbers.length === 0) return
    if (behind.size === 0) whole = Promise.withResolvers()
    for (const number of numbers) {
      behind.add(number)
      const running = loading.get(number)
      if (running) running.outdated = true
    }
    work.resolve()
  }

  function place(state: ResourceState): void {
    const number = bucketOf(state.id)
    loading.get(number)?.kept.set(state.id, state)
    if (!behind.has(number)) lay(state)
  }

  function lay({ id, item }: ResourceState): void {
    if (item) catalogue.put(bucketOfItems([item]))
    else catalogue.remove(id)
  }

  /** In one step, once the position covers the load. */
  function install({ stamp, buckets }: LoadedBuckets, isValid: (number: number, stamp: Stamp) => boolean): void {
    for (const [number, bucket] of buckets) {
      const running = loading.get(number)
      loading.delete(number)
      if (!running || running.outdated || !isValid(number, stamp)) continue
      catalogue.replace(number, bucket)
      behind.delete(number)
      loadedMs.set(number, clock.monotonicMs())
      for (const state of running.kept.values()) lay(state)
    }
    if (behind.size === 0) whole.resolve()
  }

  function begin(numbers: readonly number[]): void {
    for (const number of numbers) loading.set(number, { outdated: false, kept: new Map() })
  }

  /** What is behind, and what has lived its life. */
  function due(): number[] {
    const bornMs = clock.monotonicMs() - options.ttlMs
    return behind.size > 0 ? [...behind] : all.filter((number) => (loadedMs.get(number) ?? 0) <= bornMs)
  }

  async function loadFromCheckpoint(follower: Pick<LogFollower, 'catchUp'>): Promise<void> {
    const numbers = [...behind]
    begin(numbers)
    try {
      for await (const loaded of checkpoint.load(numbers)) {
        await follower.catchUp(loaded.stamp)
        install(loaded, checkpoint.holds)
      }
    } finally {
      for (const number of numbers) loading.delete(number)
    }
  }

  async function loadDue(follower: Pick<LogFollower, 'catchUp'>): Promise<void> {
    for (let numbers = next(); numbers.length > 0; numbers = next()) {
      await loadSome(numbers, follower)
      // Readers have what is only old; they come first.
      if (behind.size === 0 && next().length > 0) await clock.sleep(AGED_PAUSE_MS, closing.signal).catch(() => {})
    }
  }

  /** None once closed. */
  function next(): number[] {
    if (closing.signal.aborted) return []
    return due()
      .filter((number) => !loading.has(number))
      .slice(0, BUCKETS_PER_LOAD)
  }

  async function loadSome(numbers: readonly number[], follower: Pick<LogFollower, 'catchUp'>): Promise<void> {
    for (const _ of numbers) events.miss?.('resources')
    begin(numbers)
    try {
      const startedMs = clock.monotonicMs()
      const { stamp, values } = await source.catalogueBuckets(numbers)
      events.loaded?.('resources', clock.monotonicMs() - startedMs)
      const buckets = new Map([...values].map(([number, items]) => [number, bucketOfItems(items)]))
      await follower.catchUp(stamp)
      if (options.index.position?.database === stamp.database) install({ stamp, buckets }, () => true)
    } finally {
      for (const number of numbers) loading.delete(number)
    }
  }

  async function bringUp(follower: Pick<LogFollower, 'ready' | 'catchUp'>): Promise<void> {
    // A log that was never read must not keep the process from ending.
    await Promise.race([follower.ready, closed.promise])
    while (!closing.signal.aborted) {
      if (due().length === 0) await firstOf(work.promise, AGED_EVERY_MS)
      work = Promise.withResolvers()
      try {
        if (triesCheckpoint) {
          triesCheckpoint = false
          await loadFromCheckpoint(follower)
        }
        const loads = await Promise.allSettled(Array.from({ length: LOADS_AT_ONCE }, () => loadDue(follower)))
        for (const load of loads) if (load.status === 'rejected') throw load.reason
      } catch (cause) {
        options.onFailed(cause)
        await clock.sleep(RETRY_MS, closing.signal).catch(() => {})
      }
    }
  }

  async function firstOf(news: Promise<void>, ms: number): Promise<void> {
    const over = new AbortController()
    const slept = clock.sleep(ms, AbortSignal.any([over.signal, closing.signal])).catch(() => {})
    await Promise.race([news, slept]).finally(() => over.abort())
  }

  return {
    isWhole: () => behind.size === 0,
    whole: () => whole.promise,
    quietMs: () => clock.monotonicMs() - changedMs,
    apply({ rows, changes }) {
      if (rows.length === 0) return
      const named = bucketsNamed(rows, { all, namesAreBuckets: changes === null })
      markBehind(named)
      try {
        for (const state of changes ?? []) place(state)
      } catch (cause) {
        // Some of it may be in and some not: nothing of the catalogue is known for sure.
        markBehind(all)
        options.onFailed(cause)
      }
      if (named.length > 0 || (changes?.length ?? 0) > 0) changedMs = clock.monotonicMs()
    },
    reset() {
      markBehind(all)
    },
    start(follower) {
      loop = bringUp(follower)
    },
    async close() {
      closing.abort()
      closed.resolve()
      work.resolve()
      await loop
    },
  }
}

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
