/**
 * Entries as this process holds them, bounded by bytes. While the shared store answers, they save moving and parsing
 * bytes: each use still compares the copy's fill id with the store. Without the store they are served by the judgement
 * alone, behind a barrier, for the rest of their life.
 *
 * The copies in use are kept by second chance instead of a list in order of use (CLOCK, Corbató 1968): a hit sets a flag
 * and moves nothing. A map whose entries move at every hit makes a new table every few hits, and each table that has
 * grown old keeps the next alive for the garbage collector: that cost a fifth of the hot path.
 */
import type { Entry } from './entry-codec.ts'
import type { EntryKey } from './entry-store.ts'

export interface Copies<V> {
  get(key: EntryKey): Copy<V> | undefined
  set(key: EntryKey, copy: Copy<V>): void
  delete(key: EntryKey): void
  /** What all copies together cost. */
  readonly bytes: number
}

export interface Copy<V> {
  readonly entry: Omit<Entry, 'body'>
  readonly value: V
  /** Length of the entry in the store, in bytes; the value takes about as much memory. */
  readonly bytes: number
  /** When it expires, by the monotonic clock. */
  readonly expiresAtMs: number
  /** The index revision at which it was last found servable; the same revision needs no second judgement. */
  judgedAt: number
}

interface Slot<V> {
  readonly copy: Copy<V>
  usedAgain: boolean
}

/** The cost of an entry besides its bytes: map slot, header, decoded tags. */
const OVERHEAD_BYTES = 512

export function createCopies<V>({ maxBytes }: { readonly maxBytes: number }): Copies<V> {
  const slots = new Map<EntryKey, Slot<V>>()
  let bytes = 0

  function remove(key: EntryKey): void {
    const slot = slots.get(key)
    if (!slot) return
    slots.delete(key)
    bytes -= costOf(slot.copy)
  }

  /** Oldest first. A copy used since the last sweep gets a second chance at the end of the queue. */
  function makeRoom(): void {
    for (const [key, slot] of slots) {
      if (bytes <= maxBytes) return
      if (!slot.usedAgain) {
        remove(key)
        continue
      }
      slot.usedAgain = false
      slots.delete(key)
      slots.set(key, slot)
    }
  }

  return {
    get(key) {
      const slot = slots.get(key)
      if (!slot) return undefined
      slot.usedAgain = true
      return slot.copy
    },
    set(key, copy) {
      remove(key)
      slots.set(key, { copy, usedAgain: false })
      bytes += costOf(copy)
      makeRoom()
    },
    delete: remove,
    get bytes() {
      return bytes
    },
  }
}

const costOf = ({ bytes }: Copy<unknown>) => bytes + OVERHEAD_BYTES
