/**
 * A large value kept in buckets, so that one change reloads one bucket. A small manifest under the layer's own key
 * names the fill of each bucket; every invalidation removes the manifest with the bucket, so one comparison of the
 * manifest's fill id proves all copies in this process current.
 */
import { type BucketCopiesOptions, createBucketCopies } from './bucket-copies.ts'
import { type Entry, type EntryCodec, newFillId } from './entry-codec.ts'
import {
  type EntryKey,
  type EntryStore,
  type Fill,
  type LayerName,
  type Lease,
  StoreUnavailableError,
} from './entry-store.ts'
import type { LayerEvents } from './layer.ts'
import { createSingleFlight, type Seal, type Shareable } from './single-flight.ts'
import type { Stamp } from './snapshot.ts'
import { type RequestWait, SharedWait } from './store-wait.ts'

export interface PartitionedLayerOptions<V> extends BucketCopiesOptions<V> {
  readonly name: LayerName
  readonly manifestKey: EntryKey
  readonly bucketKey: (bucket: number) => EntryKey
  /** Reads these buckets from the source of truth, all with one stamp; an empty bucket has a value too. */
  readonly load: (buckets: readonly number[]) => Promise<{ stamp: Stamp; values: ReadonlyMap<number, V> }>
  readonly encode: (value: V) => Buffer
  readonly decode: (body: Buffer) => V
  readonly entries: EntryCodec
  readonly ttlMs: number
  readonly leaseMs: number
  readonly store: EntryStore
  readonly events: LayerEvents
}

export interface PartitionedLayer {
  /**
   * Brings this process's copies up to what the store, or the source of truth, holds now.
   * @param wait what the request may still wait for the store. When that is used up, or the refresh takes longer for
   *   another reason, it goes on without the request, and nobody else waits for it in vain.
   * @throws StoreUnavailableError when the shared store cannot be asked, or not within that; `refreshing`: it is well, but
   *   not yet filled
   */
  refresh(wait?: RequestWait): Promise<{ readonly outcome: 'hit' | 'stored' | 'not-stored' }>
  /** Whether all copies may be used at the index's position, and for how many milliseconds more; null when not. */
  servableForMs(): number | null
  /** The stamps of all copies; the position must cover each before anything is derived. The same array while they are the same. */
  stamps(): readonly Stamp[]
}

type Refreshed = { readonly outcome: 'hit' | 'stored' | 'not-stored' } & Shareable

const BUCKETS_PER_LOAD = 16
const FIRST_WAIT_MS = 4
const LONGEST_WAIT_MS = 64
/**
 * How long a reader waits for another holder, in milliseconds. A live holder may need longer for a large value, so its
 * lease lasts longer; but a reader who waited for a dead one until then would outlive its own request.
 */
const PATIENCE_MS = 2000
/**
 * How long a reader waits for a refresh, loads included, in milliseconds: long enough that a thousand who come at once
 * share one load on a busy machine, too short for the whole of a large catalogue, where one statement answers him.
 */
const REFRESH_PATIENCE_MS = 1000

export function createPartitionedLayer<V>(options: PartitionedLayerOptions<V>): PartitionedLayer {
  const { name, manifestKey, bucketCount, bucketKey, tagsOf, entries, store, index, clock, events } = options
  const copies = createBucketCopies(options)
  const { all, servable, servableForMs } = copies
  const sharedTags = tagsOf(0).filter((each) => all.every((bucket) => tagsOf(bucket).includes(each)))
  const flights = createSingleFlight<Refreshed>()
  const storeWait = new SharedWait()
  let manifestFillId: string | undefined
  let manifestFrom: 'master' | 'replica' = 'master'
  /** Somebody had no more patience for the refresh under way: who comes until it is over does not begin to wait. */
  let waitedInVain = false
  /** Until then a lease that is taken was waited for in vain already: nobody else waits for a holder that may be dead. */
  let impatientUntilMs = Number.NEGATIVE_INFINITY

  /** Uses the manifest if it is there: equal to ours, or naming fills that can be fetched. */
  async function followManifest(): Promise<boolean> {
    const request = { key: manifestKey, layer: name, ...(manifestFillId && { knownFillId: manifestFillId }) }
    const [answer] = await store.read([request], storeWait)
    manifestFrom = answer && 'replica' in answer ? 'replica' : 'master'
    if (answer?.kind === 'same') return servableForMs() !== null
    if (answer?.kind === 'flushed' || answer?.kind === 'too-large') events.rejected?.(name, answer.kind)
    const manifest = answer?.kind === 'found' ? entries.decode(manifestKey, answer.bytes) : null
    if (!manifest || !adopt(manifest)) return false
    const outdated = namedFills(manifest).flatMap((fillId, bucket) =>
      copies.fillIdOf(bucket) === fillId ? [] : [bucket],
    )
    await fetchBuckets(outdated)
    if (servableForMs() === null) return false
    manifestFillId = manifest.fillId
    return true
  }

  function adopt(manifest: Entry): boolean {
    const verdict = index.judge(manifest.stamp, manifest.tags, 'lasting')
    if (verdict !== 'servable') events.rejected?.(name, verdict)
    return verdict === 'servable' && namedFills(manifest).length === bucketCount
  }

  /** Reads buckets from the store into this process; what is absent, damaged or outdated stays as it was. */
  async function fetchBuckets(buckets: readonly number[]): Promise<void> {
    if (buckets.length === 0) return
    const answers = await store.read(
      buckets.map((bucket) => {
        const known = copies.fillIdOf(bucket)
        return { key: bucketKey(bucket), layer: name, ...(known && { knownFillId: known }) }
      }),
      storeWait,
    )
    for (const [position, bucket] of buckets.entries()) {
      const answer = answers[position]
      if (answer?.kind === 'found') admit(bucket, answer.bytes, answer.ttlMs)
      else if (answer?.kind === 'too-large') events.rejected?.(name, 'too-large')
      if (answer?.kind !== 'found' && answer?.kind !== 'same') copies.drop(bucket)
    }
  }

  function admit(bucket: number, bytes: Buffer, ttlMs: number): void {
    copies.drop(bucket)
    const entry = entries.decode(bucketKey(bucket), bytes)
    if (!entry) {
      events.rejected?.(name, 'damaged')
      return
    }
    const verdict = index.judge(entry.stamp, tagsOf(bucket), 'lasting')
    if (verdict !== 'servable') {
      events.rejected?.(name, verdict)
      return
    }
    const { fillId, stamp } = entry
    try {
      copies.hold(bucket, { fillId, stamp, expiresAtMs: clock.monotonicMs() + ttlMs }, options.decode(entry.body))
    } catch {
      events.rejected?.(name, 'damaged')
    }
  }

  async function takeManifestLease(seal: Seal): Promise<Lease | 'followed' | null> {
    const startedMs = clock.monotonicMs()
    const patienceMs = startedMs < impatientUntilMs ? 0 : Math.min(options.leaseMs, PATIENCE_MS)
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      const [lease] = await store.takeLeases([{ key: manifestKey, layer: name, leaseMs: options.leaseMs }], storeWait)
      const waitedMs = clock.monotonicMs() - startedMs
      if (waitMs > FIRST_WAIT_MS) events.leaseWaited?.(name, waitedMs)
      if (lease) return lease
      if (waitedMs >= patienceMs) {
        if (patienceMs > 0) impatientUntilMs = startedMs + options.leaseMs
        return null
      }
      await clock.sleep(waitMs)
      seal()
      if (await followManifest()) return 'followed'
    }
  }

  async function rebuild(seal: Seal): Promise<Refreshed> {
    const lease = await takeManifestLease(seal)
    if (lease === 'followed') return refreshed('hit')
    let stored = false
    try {
      await fetchBuckets(all)
      const complete = await loadBuckets(all.filter((bucket) => !servable(bucket)))
      seal()
      if (lease && complete) stored = await fillManifest(lease)
    } finally {
      if (lease && !stored) await store.releaseLease(manifestKey, lease).catch(() => {})
    }
    return refreshed(stored ? 'stored' : 'not-stored')
  }

  /** Some at a time: all that is loaded, encoded and sent at once would take several times the memory it needs for good. */
  async function loadBuckets(buckets: readonly number[]): Promise<boolean> {
    let complete = true
    for (let from = 0; from < buckets.length; from += BUCKETS_PER_LOAD)
      complete = (await loadSome(buckets.slice(from, from + BUCKETS_PER_LOAD))) && complete
    return complete
  }

  /** Loads from the source of truth under the leases that are free; true when every bucket was stored. */
  async function loadSome(buckets: readonly number[]): Promise<boolean> {
    const keys = buckets.map(bucketKey)
    const wanted = keys.map((key) => ({ key, layer: name, leaseMs: options.leaseMs }))
    const leases = await store.takeLeases(wanted, storeWait)
    const startedMs = clock.monotonicMs()
    const { stamp, values } = await options.load(buckets)
    events.loaded?.(name, clock.monotonicMs() - startedMs)
    const fills: Fill[] = []
    for (const [position, bucket] of buckets.entries()) {
      const value = values.get(bucket)
      if (value === undefined) throw new Error(`the loader left out bucket ${bucket}`)
      const fillId = newFillId()
      copies.hold(bucket, { fillId, stamp, expiresAtMs: clock.monotonicMs() + options.ttlMs }, value)
      const lease = leases[position]
      if (lease) fills.push(bucketFill(bucket, fillId, stamp, value, lease))
    }
    const accepted = await store.fill(fills, storeWait)
    const refused = accepted.filter((each) => !each).length
    if (refused > 0) events.fillRefused?.(name)
    return refused === 0 && fills.length === buckets.length
  }

  function bucketFill(bucket: number, fillId: string, stamp: Stamp, value: V, lease: Lease): Fill {
    const entry = {
      fillId,
      stamp,
      tags: tagsOf(bucket),
      loadedAt: clock.wallMs(),
      meta: {},
      body: options.encode(value),
    }
    const bytes = entries.encode(bucketKey(bucket), entry, lease)
    return { key: bucketKey(bucket), layer: name, lease, fillId, bytes, ttlMs: options.ttlMs }
  }

  async function fillManifest(lease: Lease): Promise<boolean> {
    const leftMs = servableForMs()
    const position = index.position
    if (leftMs === null || !position) return false
    const fillId = newFillId()
    const body = Buffer.from(JSON.stringify(all.map(copies.fillIdOf)))
    const bytes = entries.encode(
      manifestKey,
      { fillId, stamp: position, tags: sharedTags, loadedAt: clock.wallMs(), meta: {}, body },
      lease,
    )
    const ttlMs = Math.max(1, Math.floor(leftMs))
    const [accepted] = await store.fill([{ key: manifestKey, layer: name, lease, fillId, bytes, ttlMs }], storeWait)
    if (accepted) manifestFillId = fillId
    return accepted === true
  }

  function refreshed(outcome: Refreshed['outcome']): Refreshed {
    return { outcome, shareable: () => outcome !== 'not-stored' && servableForMs() !== null }
  }

  /** A refresh is for everybody and may take long; who has waited for the store long enough does without it. */
  async function whilePatient(refreshing: Promise<Refreshed>, wait: RequestWait): Promise<Refreshed> {
    const over = new AbortController()
    const startedMs = clock.monotonicMs()
    storeWait.join(wait, startedMs)
    try {
      return await Promise.race([refreshing, impatience(wait, startedMs + REFRESH_PATIENCE_MS, over.signal)])
    } finally {
      over.abort()
      storeWait.leave(wait, clock.monotonicMs())
    }
  }

  async function impatience(wait: RequestWait, untilMs: number, over: AbortSignal): Promise<never> {
    const left = (nowMs = clock.monotonicMs()) => Math.min(wait.leftMs(nowMs), untilMs - nowMs)
    for (let leftMs = left(); leftMs > 0; leftMs = left()) await clock.sleep(leftMs, over)
    // When this process itself stood still, what it waits for is there already: one more turn finds it.
    await clock.sleep(1, over)
    waitedInVain = true
    throw new StoreUnavailableError(wait.leftMs(clock.monotonicMs()) > 0 ? 'refreshing' : 'redis-timeout')
  }

  async function followOrRebuild(seal: Seal): Promise<Refreshed> {
    waitedInVain = false
    seal()
    return (await followManifest()) ? refreshed('hit') : rebuild(seal)
  }

  return {
    servableForMs,
    stamps: copies.stamps,
    async refresh(wait) {
      if (wait && waitedInVain && flights.size > 0) throw new StoreUnavailableError('refreshing')
      const refreshing = flights.run(manifestKey, followOrRebuild)
      const { outcome } = await (wait === undefined ? refreshing : whilePatient(refreshing, wait))
      if (outcome === 'hit') events.hit?.(name, manifestFrom)
      else events.miss?.(name)
      return { outcome }
    },
  }
}

function namedFills(manifest: Entry): readonly unknown[] {
  try {
    const fills: unknown = JSON.parse(manifest.body.toString())
    return Array.isArray(fills) ? fills : []
  } catch {
    return []
  }
}
