/** What this process holds of a value that is kept in buckets, and whether all of it may be used now. */
import type { Clock } from './clock.ts'
import type { InvalidationIndex } from './invalidation-index.ts'
import type { Stamp } from './snapshot.ts'
import type { Tag } from './tags.ts'

export interface HeldBucket {
  readonly fillId: string
  readonly stamp: Stamp
  readonly expiresAtMs: number
}

export interface BucketCopiesOptions<V> {
  readonly bucketCount: number
  readonly tagsOf: (bucket: number) => readonly Tag[]
  /** Called whenever this process holds another value for a bucket. */
  readonly onBucket: (bucket: number, value: V) => void
  readonly index: InvalidationIndex
  readonly clock: Clock
}

export interface BucketCopies<V> {
  /** The numbers of all buckets. */
  readonly all: readonly number[]
  fillIdOf(bucket: number): string | undefined
  servable(bucket: number): boolean
  /** Whether all copies may be used at the index's position, and for how many milliseconds more; null when not. */
  servableForMs(): number | null
  /** The same array while the stamps are the same. */
  stamps(): readonly Stamp[]
  hold(bucket: number, copy: HeldBucket, value: V): void
  drop(bucket: number): void
}

export function createBucketCopies<V>(options: BucketCopiesOptions<V>): BucketCopies<V> {
  const { tagsOf, index, clock } = options
  const all = Array.from({ length: options.bucketCount }, (_, bucket) => bucket)
  const held: (HeldBucket | undefined)[] = all.map(() => undefined)
  let judgedAt = -1
  let soonestExpiryMs = 0
  let latest: readonly Stamp[] = []

  function servable(bucket: number): boolean {
    const copy = held[bucket]
    if (!copy || copy.expiresAtMs <= clock.monotonicMs()) return false
    return index.judge(copy.stamp, tagsOf(bucket), 'lasting') === 'servable'
  }

  function servableForMs(): number | null {
    const revision = index.revision
    if (judgedAt !== revision) {
      if (!all.every(servable)) return null
      judgedAt = revision
      soonestExpiryMs = Math.min(...held.map((copy) => copy?.expiresAtMs ?? 0))
    }
    const leftMs = soonestExpiryMs - clock.monotonicMs()
    return leftMs > 0 ? leftMs : null
  }

  function stamps(): readonly Stamp[] {
    const copies = held.filter((copy) => copy !== undefined)
    const changed = copies.length !== latest.length || copies.some(({ stamp }, at) => stamp !== latest[at])
    if (changed) latest = copies.map(({ stamp }) => stamp)
    return latest
  }

  function hold(bucket: number, copy: HeldBucket, value: V): void {
    held[bucket] = copy
    judgedAt = -1
    options.onBucket(bucket, value)
  }

  function drop(bucket: number): void {
    held[bucket] = undefined
    judgedAt = -1
  }

  return { all, fillIdOf: (bucket) => held[bucket]?.fillId, servable, servableForMs, stamps, hold, drop }
}
