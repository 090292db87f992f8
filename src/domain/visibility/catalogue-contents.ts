/**
 * What the catalogue holds: the resources by bucket and id, and for each group those that are granted to it, in order.
 *
 * Grants that end stay until they are in the way: what is held depends on the log alone.
 */
import type { Present } from '../../cache/index.ts'
import { bucketOf } from '../keys.ts'
import type { GroupId, Ref, ResourceId } from '../model.ts'
import type { BucketItem, CatalogueBucket } from './catalogue-bucket.ts'
import { firstFrom, GroupOrder } from './group-order.ts'
import { createStates, endAt, grantAt, idIn, Kept, type Order, type State } from './kept-resource.ts'

/** If one answer meets this many resources with no access left, they are removed from the lists of its groups. */
const IN_THE_WAY = 100
const NO_TEXTS = Buffer.alloc(0)

export class CatalogueContents {
  size = 0
  readonly #buckets = new Map<number, Map<ResourceId, Kept>>()
  readonly #orders = new Map<GroupId, Order>()
  readonly #stateOf = createStates((group) => this.#orderOf(group))

  replace(number: number, { items, texts }: CatalogueBucket): void {
    const before = this.#bucketNumbered(number)
    for (const kept of before.values()) {
      kept.current = false
      // Some lists keep it for a while, and with it, it would keep the texts of its whole bucket.
      kept.texts = NO_TEXTS
      for (const order of kept.holders) order.loosen()
      markEnds(kept, false)
    }
    const after = new Map<ResourceId, Kept>()
    for (const item of items) {
      const kept = new Kept(idIn(texts, item), this.#stateOf(item, texts))
      for (const order of kept.holders) order.append(kept)
      markEnds(kept, true)
      after.set(kept.id, kept)
    }
    this.#buckets.set(number, after)
    this.size += after.size - before.size
  }

  put({ items, texts }: CatalogueBucket): void {
    for (const item of items) {
      const id = idIn(texts, item)
      const bucket = this.#bucketNumbered(bucketOf(id))
      const known = bucket.get(id)
      const state = this.#stateOf(item, texts)
      if (known) change(known, state)
      else {
        bucket.set(id, inserted(id, state))
        this.size++
      }
    }
  }

  remove(id: ResourceId): void {
    const bucket = this.#buckets.get(bucketOf(id))
    const kept = bucket?.get(id)
    if (!kept) return
    for (const order of kept.holders) order.remove(kept)
    markEnds(kept, false)
    kept.current = false
    bucket?.delete(id)
    this.size--
  }

  bucket(number: number): CatalogueBucket {
    const all = [...(this.#buckets.get(number)?.values() ?? [])]
    let end = 0
    const items = all.map((kept): BucketItem => {
      const begin = end
      end += kept.end - kept.begin
      const grants = kept.holders.map(({ group }, at) => grantAt(kept, group, at))
      const permissionAt = begin + kept.permissionAt - kept.begin
      return { name: kept.name, kind: kept.kind, begin, permissionAt, end, grants }
    })
    return { items, texts: Buffer.concat(all.map((kept) => kept.texts.subarray(kept.begin, kept.end))) }
  }

  /** In the order in which they were asked for; a group that nothing is granted to any more is forgotten. */
  ordersOf(groups: readonly GroupId[]): Order[] {
    return groups.flatMap((group) => {
      const order = this.#orders.get(group)
      if (order && order.granted.length > 0) return [order]
      if (order) this.#orders.delete(group)
      return []
    })
  }

  /** By its id wherever it is granted, by its name only among what is granted to these groups. */
  find(orders: readonly Order[], ref: Ref<ResourceId>): Kept | undefined {
    if ('id' in ref) return this.#buckets.get(bucketOf(ref.id))?.get(ref.id)
    for (const { granted } of orders) {
      const found = granted[firstFrom(granted, { name: ref.name, id: '' })]
      if (found?.name === ref.name) return found
    }
    return undefined
  }

  #orderOf(group: GroupId): Order {
    const known = this.#orders.get(group)
    if (known) return known
    const order: Order = new GroupOrder(group)
    this.#orders.set(group, order)
    return order
  }

  #bucketNumbered(number: number): Map<ResourceId, Kept> {
    const known = this.#buckets.get(number)
    if (known) return known
    const empty = new Map<ResourceId, Kept>()
    this.#buckets.set(number, empty)
    return empty
  }
}

/** Takes what has ended out of the lists of the groups; each resource still knows its grants. */
export function forgetEnded(orders: readonly Order[], ended: readonly Kept[], { earliestMs }: Present): void {
  if (ended.length < IN_THE_WAY) return
  for (const order of orders) {
    const gone = ended.filter((kept) => endAt(kept, order) <= earliestMs)
    if (gone.length > 0) order.drop(gone)
  }
}

function inserted(id: ResourceId, state: State): Kept {
  const kept = new Kept(id, state)
  for (const order of kept.holders) order.insert(kept)
  markEnds(kept, true)
  return kept
}

function change(kept: Kept, state: State): void {
  const moved = kept.name !== state.name
  for (const order of kept.holders) if (moved || !state.holders.includes(order)) order.remove(kept)
  const before = moved ? [] : kept.holders
  // A resource whose grant ended may have been taken out of the list, and this may prolong the grant.
  const stays = (order: Order) => before.includes(order) && (kept.held.ends === null || order.has(kept))
  const holdersThatStay = new Set(state.holders.filter(stays))
  markEnds(kept, false)
  Object.assign(kept, state)
  for (const order of kept.holders) if (!holdersThatStay.has(order)) order.insert(kept)
  markEnds(kept, true)
}

/** Tells the groups which of the grants end, or that it is no longer theirs. */
function markEnds(kept: Kept, present: boolean): void {
  const { ends } = kept.held
  if (ends === null) return
  for (const [at, order] of kept.holders.entries()) order.mark(kept, present && ends[at] !== Number.POSITIVE_INFINITY)
}
