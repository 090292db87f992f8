/**
 * In-process copies of entries, bounded by bytes. They save moving and parsing bytes, not asking: the layer compares a
 * copy's fill id with the shared store, in a round trip it makes anyway.
 */
import { type BoundedMemory, createBoundedMemory } from './bounded-memory.ts'
import type { Entry } from './entry-codec.ts'
import type { EntryKey } from './entry-store.ts'

export type Copies<V> = BoundedMemory<EntryKey, Copy<V>>

export interface Copy<V> {
  readonly entry: Entry
  readonly value: V
  /** Length of the entry in the store, in bytes; what the value takes in memory is of that order. */
  readonly bytes: number
  /** The index revision at which it was last found servable; the same revision needs no second judgement. */
  judgedAt: number
}

/** What an entry costs beside its bytes: map slot, header, decoded tags. */
const OVERHEAD_BYTES = 512

export function createCopies<V>({ maxBytes }: { readonly maxBytes: number }): Copies<V> {
  return createBoundedMemory({ maxBytes, bytesOf: ({ bytes }) => bytes + OVERHEAD_BYTES })
}
