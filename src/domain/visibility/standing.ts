/** The permissions that groups hold on resources at a time, and until when they hold. */
import { earliest, type Present } from '../../cache/index.ts'
import type { Kept, Order } from './kept-resource.ts'

/** What is true at the latest that the present may be. */
export interface Merged<T> {
  readonly value: T
  /** When it ends; null: never. Ends only remove access: until the first one, nothing changes. */
  readonly until: number | null
  /** An input ends between the earliest and the latest possible present: whether it has ended is unknown. */
  readonly isUnsettled: boolean
}

/** Of a resource that is granted to many more groups, each group is looked for; else each holder. */
const HOLDERS_PER_GROUP = 8

/** What some groups hold at a time, over the resources of one answer. */
export class Standing {
  readonly #orders: ReadonlySet<Order>
  readonly #at: Present
  #isUnsettled = false
  #until = Number.POSITIVE_INFINITY
  /** Of the resource last looked at: the highest rank, and the latest end of the grants that have it. */
  #highest = -1
  #lastsUntil = Number.POSITIVE_INFINITY
  /** The resources that were looked at and of which nothing is left, in their order. */
  readonly ended: Kept[] = []

  constructor(orders: readonly Order[], at: Present) {
    this.#orders = new Set(orders)
    this.#at = at
  }

  /** The highest rank that any of the groups holds it with; -1: none of them does. */
  rankOf(kept: Kept): number {
    const { holders } = kept
    this.#highest = -1
    this.#lastsUntil = Number.POSITIVE_INFINITY
    if (this.#orders.size * HOLDERS_PER_GROUP < holders.length)
      for (const order of this.#orders) this.#weigh(kept, holders.indexOf(order))
    else for (const [at, order] of holders.entries()) if (this.#orders.has(order)) this.#weigh(kept, at)
    if (this.#highest < 0) this.ended.push(kept)
    return this.#highest
  }

  /** One grant of it, by its place; -1: there is none. */
  #weigh({ held: { ranks, ends } }: Kept, at: number): void {
    if (at < 0) return
    const { earliestMs, latestMs } = this.#at
    const end = ends?.[at] ?? Number.POSITIVE_INFINITY
    if (end <= earliestMs) return
    if (end <= latestMs && end !== Number.POSITIVE_INFINITY) {
      this.#isUnsettled = true
      return
    }
    const rank = Number(ranks[at])
    if (rank > this.#highest) this.#lastsUntil = end
    else if (rank === this.#highest) this.#lastsUntil = Math.max(this.#lastsUntil, end)
    this.#highest = Math.max(this.#highest, rank)
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
