/** The port to the shared store: entries with leases and generations. Every implementation passes the same contract suite. */

import type { StoreWait } from './store-wait.ts'

/** Where an entry lives: `resources:all`, `user:groups:{alice}`; without the configured prefix. */
export type EntryKey = string & { readonly __brand: 'EntryKey' }

/** The scope of a generation: one per layer, replaced by a flush of that layer. The service's own table types the names. */
export type LayerName = string

/** What a miss holds while it loads; without it nothing can be stored. */
export interface Lease {
  readonly token: string
  readonly generation: string
}

/**
 * Nothing larger is sent, so no reader waits for another program's value under one of our keys. The largest entry is a
 * 256th of the catalogue: with 200,000 resources of the largest allowed attributes, 13 million bytes.
 */
export const LARGEST_ENTRY_BYTES = 16 * 1024 * 1024

/** An entry as it was filled. */
export interface FoundEntry {
  readonly kind: 'found'
  readonly bytes: Buffer
  /** What is left of its life by the store's own clock. */
  readonly ttlMs: number
}

export type EntryRead =
  | FoundEntry
  /** The entry is the fill that the caller holds; no bytes were sent. */
  | { readonly kind: 'same'; readonly ttlMs: number }
  | { readonly kind: 'absent' }
  /** Present, but filled under a generation that a flush has replaced. */
  | { readonly kind: 'flushed' }
  /** Larger than {@link LARGEST_ENTRY_BYTES}. */
  | { readonly kind: 'too-large' }

export interface ReadRequest {
  readonly key: EntryKey
  readonly layer: LayerName
  /** The fill id of a copy the caller holds; when it is still current the answer is `same`. */
  readonly knownFillId?: string
}

export interface OpenRequest {
  readonly key: EntryKey
  readonly layer: LayerName
  /** How long a dead holder can delay others, in milliseconds. */
  readonly leaseMs: number
  /** The fill that the caller has judged and must not use: an entry of this fill counts as absent. */
  readonly refusedFillId?: string
}

/** What `open` found, or the lease it took instead. */
export type Opened =
  | FoundEntry
  | {
      readonly kind: 'leased'
      readonly lease: Lease
      /** An entry was there that cannot be used: why. */
      readonly instead?: 'flushed' | 'too-large' | 'damaged'
    }
  /** Nothing that can be used, and another holder has the lease. */
  | { readonly kind: 'busy' }

export interface LeaseRequest {
  readonly key: EntryKey
  readonly layer: LayerName
  readonly leaseMs: number
}

export interface Fill {
  readonly key: EntryKey
  readonly layer: LayerName
  readonly lease: Lease
  /** The encoded entry; it starts with the fixed prefix described in `entry-codec.ts`. */
  readonly bytes: Buffer
  readonly ttlMs: number
}

/** Thrown by every method when the store cannot answer in time, whatever the cause. */
export class StoreUnavailableError extends Error {
  readonly code = 'store-unavailable'
  /** A short stable word for `Cache-Status` and metrics: `redis-unavailable`, `redis-timeout`, `breaker-open`. */
  readonly detail: string
  constructor(detail: string, options?: ErrorOptions) {
    super(`the shared cache store is unavailable (${detail})`, options)
    this.name = 'StoreUnavailableError'
    this.detail = detail
  }
}

/**
 * All methods throw {@link StoreUnavailableError} and nothing else when the store is down, hung, refusing or garbled.
 * All are safe to run late (after a client-side timeout): a late fill is refused because its lease is gone, a late
 * lease merely expires, a late invalidation only removes what can be loaded again.
 * A caller that passes a {@link StoreWait} waits for no command longer than what is left of it. An invalidation takes
 * none: while the store is healthy it must be carried out, however long the request has waited.
 */
export interface EntryStore {
  /** The remaining life of the entry in milliseconds if it still is this fill; null if it must be opened. */
  leftOf(known: Required<ReadRequest>, wait?: StoreWait): Promise<number | null>
  /**
   * The entries of one read in one round trip, the target first and then what it is derived from: the entry where it is
   * there, else a lease on it where it is free. The next is asked about only where the one before was leased.
   */
  open(requests: readonly OpenRequest[], wait?: StoreWait): Promise<Opened[]>
  /** Stores each entry whose lease is still held under the generation it was taken in, and ends the lease; false where refused. */
  fill(fills: readonly Fill[], wait?: StoreWait): Promise<boolean[]>
  /** Ends a lease that is still the caller's own (a failed load frees it); never another holder's. */
  releaseLease(key: EntryKey, lease: Lease, wait?: StoreWait): Promise<void>
  /** Reads without taking leases, several in one round trip; answers in the same order. */
  read(requests: readonly ReadRequest[]): Promise<EntryRead[]>
  /** Takes the leases that are free; null where another holder has it. */
  takeLeases(requests: readonly LeaseRequest[]): Promise<(Lease | null)[]>
  /** The same entry as a replica has it, while the master is away; null where there is no replica to ask. */
  readReplica?(request: ReadRequest, wait?: StoreWait): Promise<EntryRead> | null
  /**
   * Removes entries and their leases. Keys are removed in the order given, atomically per chunk (an input never after
   * what was derived from it, so callers list inputs first). Returns how many entries were present.
   */
  invalidate(keys: readonly EntryKey[]): Promise<number>
  /** Replaces the generations of the layers at once: every entry and lease of an older one stops counting immediately. */
  replaceGenerations(layers: readonly LayerName[]): Promise<void>
  /**
   * Physically removes a layer's entries and leases of older generations, by SCAN and UNLINK inside the prefix. Returns
   * how many keys went.
   */
  sweep(layers: readonly LayerName[]): Promise<number>
  /** What is stored under the key, for administrators: bytes and remaining life, or null. Ignores generations. */
  inspect(key: EntryKey, layer: LayerName): Promise<{ bytes: Buffer; ttlMs: number; currentGeneration: boolean } | null>
}
