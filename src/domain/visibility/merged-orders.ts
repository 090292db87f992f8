/** Merges several orders into one without repetition, from a position on, and only as far as it is read. */
import type { Position } from '../source.ts'
import { firstAfter, firstFrom, type GroupOrder, type Placed } from './group-order.ts'
import { comparePositions } from './resource-page.ts'

interface Cursor<Resource> {
  readonly granted: readonly Resource[]
  at: number
}

/** Where to begin: strictly after the one, and not before the other. */
export interface Start {
  readonly after?: Position | undefined
  readonly from?: Position | undefined
}

/** A resource that several of the orders hold comes once. The orders must not change before the last one was taken. */
export function* merged<Resource extends Placed>(
  orders: readonly GroupOrder<Resource>[],
  start: Start,
): Generator<Resource> {
  const heap = orders
    .map(({ granted }): Cursor<Resource> => ({ granted, at: beginning(granted, start) }))
    .filter(({ granted, at }) => at < granted.length)
  const [only] = heap
  if (heap.length === 1 && only) {
    for (let { at } = only; at < only.granted.length; at++) yield only.granted[at] as Resource
    return
  }
  for (let parent = (heap.length >>> 1) - 1; parent >= 0; parent--) sink(heap, parent)
  let last: Resource | undefined
  for (let [first] = heap; first; [first] = heap) {
    const resource = first.granted[first.at] as Resource
    if (resource !== last) yield resource
    last = resource
    advance(heap, first)
  }
}

function beginning(granted: readonly Position[], { after, from }: Start): number {
  return Math.max(after ? firstAfter(granted, after) : 0, from ? firstFrom(granted, from) : 0)
}

/** The least cursor takes its next resource, or leaves when it has none. */
function advance<Resource extends Placed>(heap: Cursor<Resource>[], first: Cursor<Resource>): void {
  first.at++
  if (first.at >= first.granted.length) {
    const moved = heap.pop()
    if (!moved || moved === first) return
    heap[0] = moved
  }
  sink(heap, 0)
}

function sink<Resource extends Placed>(heap: Cursor<Resource>[], from: number): void {
  for (let parent = from; ; ) {
    const left = 2 * parent + 1
    let least = parent
    if (isBefore(heap[left], heap[least])) least = left
    if (isBefore(heap[left + 1], heap[least])) least = left + 1
    if (least === parent) return
    const [upper, lower] = [heap[parent], heap[least]]
    if (!upper || !lower) return
    heap[parent] = lower
    heap[least] = upper
    parent = least
  }
}

function isBefore<Resource extends Placed>(
  one: Cursor<Resource> | undefined,
  other: Cursor<Resource> | undefined,
): boolean {
  const [a, b] = [one?.granted[one.at], other?.granted[other.at]]
  return a !== undefined && b !== undefined && comparePositions(a, b) < 0
}
