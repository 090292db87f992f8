/**
 * The catalogue in the shared store, for instances that start: they take what still holds and load the rest. Mutations
 * remove `resources:all` with the buckets that they change; when things are quiet, one instance at a time stores
 * what is missing again. No reader waits for any of this.
 */
import {
  type Clock,
  type EntryCodec,
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type Fill,
  type InvalidationIndex,
  type LayerEvents,
  type Lease,
  newFillId,
  type Rejection,
  type Stamp,
  StoreUnavailableError,
  type Tag,
} from '../../cache/index.ts'
import { bucketTag, catalogueBucketKey, catalogueKey, layerTag } from '../keys.ts'
import type { Catalogue } from './catalogue.ts'
import { decodeBucket, encodeBucket } from './catalogue-bucket.ts'
import type { CatalogueCheckpoint, FollowedCatalogue, LoadedBucket } from './followed-catalogue.ts'

export interface CheckpointStore extends CatalogueCheckpoint {
  /** Stores what is missing if the catalogue is whole and has been quiet. Never throws what only concerns the store. */
  save(followed: Pick<FollowedCatalogue, 'isWhole' | 'quietMs'>): Promise<'saved' | 'not-now'>
}

export interface CheckpointOptions {
  readonly store: EntryStore
  readonly entries: EntryCodec
  readonly index: InvalidationIndex
  readonly clock: Clock
  readonly catalogue: Catalogue
  readonly bucketCount: number
  readonly layer: { readonly ttlMs: number; readonly leaseMs: number; readonly shape: number }
  readonly events: LayerEvents
}

/** A catalogue that changed more recently is likely to change again before anybody starts from it. */
const QUIET_MS = 2000
/** Read, or leased and sent, at once: a catalogue that lies in memory twice leaves a process larger for good. */
const BUCKETS_AT_ONCE = 16
const LAYER = 'resources' as const

/** @returns a checkpoint that knows of no fill yet */
export function createCatalogueCheckpoint(options: CheckpointOptions): CheckpointStore {
  return new BucketCheckpoint(options)
}

/** The store holds an entry for each bucket, and under `resources:all` a manifest that names the fills of all of them. */
class BucketCheckpoint implements CheckpointStore {
  readonly #options: CheckpointOptions
  /** The fills of buckets that this instance stored or read, as far as it knows. */
  readonly #fillIds = new Map<number, string>()
  #manifestFillId = ''

  constructor(options: CheckpointOptions) {
    this.#options = options
  }

  /** The next ones are on their way while some are decoded. */
  async *load(numbers: readonly number[]): AsyncGenerator<LoadedBucket> {
    let ahead = this.#read(numbers.slice(0, BUCKETS_AT_ONCE))
    for (let from = 0; from < numbers.length; from += BUCKETS_AT_ONCE) {
      const [some, found] = [numbers.slice(from, from + BUCKETS_AT_ONCE), await ahead]
      ahead = this.#read(numbers.slice(from + BUCKETS_AT_ONCE, from + 2 * BUCKETS_AT_ONCE))
      // Whether that fails is asked when its turn comes, if it comes.
      ahead.catch(() => {})
      for (const [at, number] of some.entries()) {
        const loaded = this.#loadedFrom(number, found[at])
        if (loaded) yield loaded
      }
    }
  }

  holds(number: number, stamp: Stamp): boolean {
    return this.#options.index.judge(stamp, tagsOf(number), 'lasting') === 'servable'
  }

  async save(followed: Pick<FollowedCatalogue, 'isWhole' | 'quietMs'>): Promise<'saved' | 'not-now'> {
    const { store, layer } = this.#options
    const isQuiet = () => followed.isWhole() && followed.quietMs() >= QUIET_MS
    try {
      if (!isQuiet() || (await this.#isComplete())) return 'not-now'
      const [lease] = await store.takeLeases([{ key: catalogueKey, layer: LAYER, leaseMs: layer.leaseMs }])
      if (!lease) return 'not-now'
      const saved = await this.#saveUnder(lease, isQuiet)
      if (!saved) await store.releaseLease(catalogueKey, lease)
      return saved ? 'saved' : 'not-now'
    } catch (error) {
      return survive(error, 'not-now')
    }
  }

  /** Nothing where the store cannot be asked. */
  async #read(numbers: readonly number[]): Promise<readonly EntryRead[]> {
    if (numbers.length === 0) return []
    const requests = numbers.map((number) => ({ key: catalogueBucketKey(number), layer: LAYER }))
    return this.#options.store.read(requests).catch((error: unknown) => survive(error, []))
  }

  #loadedFrom(number: number, answer: EntryRead | undefined): LoadedBucket | null {
    if (answer?.kind === 'flushed' || answer?.kind === 'too-large') return this.#rejected(answer.kind)
    const loaded = answer?.kind === 'found' ? this.#decoded(number, answer.bytes) : null
    if (loaded) this.#options.events.hit?.(LAYER, 'master')
    return loaded
  }

  /** Null for what is damaged, of another shape, or outdated. */
  #decoded(number: number, bytes: Buffer): LoadedBucket | null {
    const { entries, index, layer } = this.#options
    const entry = entries.decode(catalogueBucketKey(number), bytes)
    if (!entry) return this.#rejected('damaged')
    if (entry.shape !== layer.shape) return this.#rejected('other-shape')
    const verdict = index.judge(entry.stamp, tagsOf(number), 'lasting')
    if (verdict !== 'servable') return this.#rejected(verdict)
    try {
      const bucket = decodeBucket(entry.body)
      this.#fillIds.set(number, entry.fillId)
      return { number, stamp: entry.stamp, bucket }
    } catch {
      return this.#rejected('damaged')
    }
  }

  #rejected(why: Rejection): null {
    this.#options.events.rejected?.(LAYER, why)
    return null
  }

  async #isComplete(): Promise<boolean> {
    const { store, entries, index, layer } = this.#options
    const [manifest] = await store.read([{ key: catalogueKey, layer: LAYER, knownFillId: this.#manifestFillId }])
    if (manifest?.kind !== 'found') return manifest?.kind === 'same'
    const entry = entries.decode(catalogueKey, manifest.bytes)
    return entry?.shape === layer.shape && index.judge(entry.stamp, entry.tags, 'lasting') === 'servable'
  }

  async #saveUnder(lease: Lease, isQuiet: () => boolean): Promise<boolean> {
    const all = Array.from({ length: this.#options.bucketCount }, (_, number) => number)
    const missing = await this.#missingOf(all)
    for (let from = 0; from < missing.length; from += BUCKETS_AT_ONCE) {
      if (!isQuiet() || !(await this.#saveSome(missing.slice(from, from + BUCKETS_AT_ONCE), isQuiet))) return false
    }
    const body = Buffer.from(JSON.stringify(all.map((number) => this.#fillIds.get(number))))
    const filled = isQuiet() && this.#fillOf(catalogueKey, lease, { tags: [layerTag(LAYER)], body })
    if (!filled) return false
    const [accepted] = await this.#options.store.fill([filled.fill])
    if (accepted) this.#manifestFillId = filled.fillId
    return accepted === true
  }

  /** Those that the store does not hold in the state that this instance knows. */
  async #missingOf(numbers: readonly number[]): Promise<readonly number[]> {
    const known = numbers.filter((number) => this.#fillIds.has(number))
    const requests = known.map((number) => ({
      key: catalogueBucketKey(number),
      layer: LAYER,
      knownFillId: this.#fillIds.get(number) ?? '',
    }))
    const answers = requests.length === 0 ? [] : await this.#options.store.read(requests)
    const current = new Set(known.filter((_, at) => answers[at]?.kind === 'same'))
    return numbers.filter((number) => !current.has(number))
  }

  async #saveSome(numbers: readonly number[], isQuiet: () => boolean): Promise<boolean> {
    const { store, catalogue, layer } = this.#options
    const keys = numbers.map(catalogueBucketKey)
    const leases = await store.takeLeases(keys.map((key) => ({ key, layer: LAYER, leaseMs: layer.leaseMs })))
    const filled: { number: number; fill: Fill; fillId: string }[] = []
    for (const [at, number] of numbers.entries()) {
      const [key, lease] = [keys[at], leases[at]]
      if (!key || !lease || !isQuiet()) return false
      // Under the lease: what changes from here on takes it away. Bucket and stamp are of one step.
      const made = this.#fillOf(key, lease, { tags: tagsOf(number), body: encodeBucket(catalogue.bucket(number)) })
      if (made) filled.push({ number, ...made })
      // Readers get their turn in between.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const accepted = filled.length === 0 ? [] : await store.fill(filled.map(({ fill }) => fill))
    for (const [at, { number, fillId }] of filled.entries()) if (accepted[at]) this.#fillIds.set(number, fillId)
    return filled.length === numbers.length && accepted.every(Boolean)
  }

  /** Stamped with the position: the catalogue is what it was there. */
  #fillOf(
    key: EntryKey,
    lease: Lease,
    { tags, body }: { readonly tags: readonly Tag[]; readonly body: Buffer },
  ): { fill: Fill; fillId: string } | null {
    const { index, clock, entries, layer } = this.#options
    const stamp = index.position
    if (!stamp) return null
    const fillId = newFillId()
    const entry = { fillId, shape: layer.shape, stamp, tags, until: null, loadedAt: clock.wallMs(), meta: {}, body }
    return { fillId, fill: { key, layer: LAYER, lease, bytes: entries.encode(key, entry, lease), ttlMs: layer.ttlMs } }
  }
}

function tagsOf(number: number): readonly Tag[] {
  return [bucketTag(number), layerTag(LAYER)]
}

function survive<T>(error: unknown, otherwise: T): T {
  if (error instanceof StoreUnavailableError) return otherwise
  throw error
}
