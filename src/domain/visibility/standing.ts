/** What groups hold of resources at a time, and until when that stays so. */
import { earliest, type Present } from '../../cache/index.ts'
import type { Kept, Order } from './kept-resource.ts'

/** What is true at the latest that the present may be. */
export interface Merged<T> {
  readonly value: T
  /** When it stops being true by itself; null: it does not. Grants that end only take away: until the first does, nothing changes. */
  readonly until: number | null
  /** Something that it depends on ended between the earliest and the latest: whether it did is not known. */
  readonly isUnsettled: boolean
}

/** What some groups hold at a time, over the resources of one answer. */
export class Standing {
  readonly #orders: ReadonlySet<Order>
  readonly #at: Present
  #isUnsettled = false
  #until = Number.POSITIVE_INFINITY
  /** Of the resource last looked at: the latest end of the grants with the highest rank. */
  #lastsUntil = Number.POSITIVE_INFINITY
  /** The resources that were looked at and of which nothing is left, in their order. */
  readonly ended: Kept[] = []

  constructor(orders: readonly Order[], at: Present) {
    this.#orders = new Set(orders)
    this.#at = at
  }

  /** The highest rank that any of the groups holds it with; -1: none of them does. */
  rankOf(kept: Kept): number {
    const { ranks, ends } = kept.held
    this.#lastsUntil = Number.POSITIVE_INFINITY
    if (ends !== null) return this.#rankWithEnds(kept, ends)
    let highest = -1
    for (const [at, order] of kept.holders.entries())
      if (this.#orders.has(order)) highest = Math.max(highest, Number(ranks[at]))
    return highest
  }

  #rankWithEnds(kept: Kept, ends: readonly number[]): number {
    const { earliestMs, latestMs } = this.#at
    let highest = -1
    let lastsUntil = Number.NEGATIVE_INFINITY
    for (const [at, order] of kept.holders.entries()) {
      const end = ends[at] ?? 0
      if (!this.#orders.has(order) || end <= earliestMs) continue
      if (end <= latestMs) {
        this.#isUnsettled = true
        continue
      }
      const rank = Number(kept.held.ranks[at])
      if (rank > highest) lastsUntil = end
      else if (rank === highest) lastsUntil = Math.max(lastsUntil, end)
      highest = Math.max(highest, rank)
    }
    if (highest >= 0) this.#lastsUntil = lastsUntil
    else this.ended.push(kept)
    return highest
  }

  /** The resource last looked at is part of the answer. */
  keep(): void {
    this.#until = Math.min(this.#until, this.#lastsUntil)
  }

  merged<T>(value: T): Merged<T> {
    return { value, until: Number.isFinite(this.#until) ? this.#until : null, isUnsettled: this.#isUnsettled }
  }
}

/** When the first of them ends, in milliseconds since the epoch; null: none does. */
export function firstEndOf(all: readonly { readonly until: number | null }[]): number | null {
  return all.reduce<number | null>((first, { until }) => earliest(first, until), null)
}
