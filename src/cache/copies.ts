/**
 * Entries as this process holds them, bounded by bytes. While the shared store answers, they save moving and parsing
 * bytes: each use still compares the copy's fill id with the store. Without the store they are served by the judgement
 * alone, behind a barrier, for the rest of their life.
 */
import { type BoundedMemory, createBoundedMemory } from './bounded-memory.ts'
import type { Entry } from './entry-codec.ts'
import type { EntryKey } from './entry-store.ts'

export type Copies<V> = BoundedMemory<EntryKey, Copy<V>>

export interface Copy<V> {
  readonly entry: Omit<Entry, 'body'>
  readonly value: V
  /** Length of the entry in the store, in bytes; the value takes about as much memory. */
  readonly bytes: number
  /** When its life is over, by the monotonic clock. */
  readonly expiresAtMs: number
  /** The index revision at which it was last found servable; the same revision needs no second judgement. */
  judgedAt: number
}

/** The cost of an entry besides its bytes: map slot, header, decoded tags. */
const OVERHEAD_BYTES = 512

export function createCopies<V>({ maxBytes }: { readonly maxBytes: number }): Copies<V> {
  return createBoundedMemory({ maxBytes, bytesOf: ({ bytes }) => bytes + OVERHEAD_BYTES })
}
