/**
 * A map bounded by bytes that keeps what is used. Second chance instead of a list in order of use (CLOCK, Corbató 1968):
 * a hit sets a flag and moves nothing. A map whose entries move at every hit makes a new table every few hits, and each
 * table that has grown old keeps the next alive for the garbage collector: that cost a fifth of the hot path.
 */
export interface BoundedMemory<Key, Value> {
  get(key: Key): Value | undefined
  set(key: Key, value: Value): void
  delete(key: Key): void
  readonly bytes: number
}

export interface BoundedMemoryOptions<Value> {
  readonly maxBytes: number
  /** The cost of a value, in bytes; always the same for one value. */
  readonly bytesOf: (value: Value) => number
}

interface Slot<Value> {
  readonly value: Value
  usedAgain: boolean
}

export function createBoundedMemory<Key, Value>(options: BoundedMemoryOptions<Value>): BoundedMemory<Key, Value> {
  const { maxBytes, bytesOf } = options
  const held = new Map<Key, Slot<Value>>()
  let bytes = 0

  function remove(key: Key): void {
    const slot = held.get(key)
    if (!slot) return
    held.delete(key)
    bytes -= bytesOf(slot.value)
  }

  /** Oldest first. An entry used since the last sweep gets a second chance at the end of the line. */
  function makeRoom(): void {
    for (const [key, slot] of held) {
      if (bytes <= maxBytes) return
      if (!slot.usedAgain) {
        remove(key)
        continue
      }
      slot.usedAgain = false
      held.delete(key)
      held.set(key, slot)
    }
  }

  return {
    get(key) {
      const slot = held.get(key)
      if (!slot) return undefined
      slot.usedAgain = true
      return slot.value
    },
    set(key, value) {
      remove(key)
      held.set(key, { value, usedAgain: false })
      bytes += bytesOf(value)
      makeRoom()
    },
    delete: remove,
    get bytes() {
      return bytes
    },
  }
}
