/**
 * In-process copies of entries, bounded by bytes, least recently used out first. They save moving and parsing bytes,
 * not asking: the layer compares a copy's fill id with the shared store, in a round trip it makes anyway.
 */
import type { Entry } from './entry-codec.ts'
import type { EntryKey } from './entry-store.ts'

export interface Copies<V> {
  get(key: EntryKey): Copy<V> | undefined
  set(key: EntryKey, copy: Copy<V>): void
  delete(key: EntryKey): void
  readonly bytes: number
}

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
  const held = new Map<EntryKey, Copy<V>>()
  let bytes = 0

  function remove(key: EntryKey): void {
    const copy = held.get(key)
    if (!copy) return
    held.delete(key)
    bytes -= copy.bytes + OVERHEAD_BYTES
  }

  return {
    get(key) {
      const copy = held.get(key)
      if (!copy) return undefined
      held.delete(key)
      held.set(key, copy)
      return copy
    },
    set(key, copy) {
      remove(key)
      held.set(key, copy)
      bytes += copy.bytes + OVERHEAD_BYTES
      for (const oldest of held.keys()) {
        if (bytes <= maxBytes) break
        remove(oldest)
      }
    },
    delete: remove,
    get bytes() {
      return bytes
    },
  }
}
