/**
 * The catalogue of this process: all resources, found by id and listed by group, so that a page costs the page,
 * however much its reader may see. Of each resource it keeps the JSON that goes out and the few things needed to find,
 * order and filter it, not a parsed object; the JSON of a bucket lies in one buffer, which the garbage collector need
 * not walk through.
 *
 * Grants that end stay in it until they are in the way: what it holds depends on the log alone, and what it answers on
 * the time that it is asked for.
 */
import type { Present } from '../../cache/index.ts'
import type { ResourceName } from '../api.ts'
import { bucketOf } from '../keys.ts'
import { type GroupId, PERMISSIONS, type Permission, type Ref, type ResourceId } from '../model.ts'
import type { VisibleQuery } from '../source.ts'
import type { BucketItem, CatalogueBucket } from './catalogue-bucket.ts'
import { firstFrom, GroupOrder } from './group-order.ts'
import { createStates, endAt, grantAt, idIn, Kept, type Order, ready, type State } from './kept-resource.ts'
import { merged } from './merged-orders.ts'
import type { ReadyItem } from './resource-page.ts'
import { type Merged, Standing } from './standing.ts'

export interface Catalogue {
  /** Replaces all that this process holds of one bucket. */
  replace(number: number, bucket: CatalogueBucket): void
  /** Brings one resource to this state. */
  put(bucket: CatalogueBucket): void
  remove(id: ResourceId): void
  /** The resources of a bucket as they are now. */
  bucket(number: number): CatalogueBucket
  /**
   * What is granted to any of the groups and matches the query, with the highest permission, in order.
   * @returns null where too many would have to be looked at to find so few
   */
  visible(groups: readonly GroupId[], query: VisibleQuery, at: Present): Merged<ReadyItem[]> | null
  /** One resource, if it is granted to any of the groups. */
  visibleOne(groups: readonly GroupId[], ref: Ref<ResourceId>, at: Present): Merged<ReadyItem | null>
  /** The highest permission that any of the groups has on the resource of this kind and name. */
  permissionOn(groups: readonly GroupId[], resource: ResourceName, at: Present): Merged<Permission | null>
  /** How many resources are granted to any of the groups. @returns null where too many of them have an end */
  count(groups: readonly GroupId[], at: Present): Merged<number> | null
  readonly size: number
}

/** Looked at for one page at most, when a filter matches few of them; beyond, the database's indexes do better. */
const LOOKED_AT_MAX = 20_000
/** When one answer meets so many resources of which nothing is left, they are taken out of the lists of its groups. */
const IN_THE_WAY = 100
/** One answer looks at so many of them at most: beyond, the database answers, and they are taken out for the next one. */
const IN_THE_WAY_MAX = 2000

const NO_TEXTS = Buffer.alloc(0)

export function createCatalogue(): Catalogue {
  const buckets = new Map<number, Map<ResourceId, Kept>>()
  const groups = new Map<GroupId, Order>()
  const stateOf = createStates(groupOf)
  let size = 0
  let counts = 0

  function groupOf(id: GroupId): Order {
    const known = groups.get(id)
    if (known) return known
    const order: Order = new GroupOrder(id)
    groups.set(id, order)
    return order
  }

  /** In the order in which they were asked for; a group that nothing is granted to any more is forgotten. */
  function ordersOf(ids: readonly GroupId[]): Order[] {
    return ids.flatMap((id) => {
      const order = groups.get(id)
      if (order && order.granted.length > 0) return [order]
      if (order) groups.delete(id)
      return []
    })
  }

  /** Tells the groups which of the grants end, or that it is no longer theirs. */
  function markEnds(kept: Kept, present: boolean): void {
    const { ends } = kept.held
    if (ends === null) return
    for (const [at, order] of kept.holders.entries()) order.mark(kept, present && ends[at] !== Number.POSITIVE_INFINITY)
  }

  /** Takes them out of the lists of the groups; each resource still knows its grants. */
  function forgetEnded(orders: readonly Order[], { ended }: Standing, { earliestMs }: Present): void {
    if (ended.length < IN_THE_WAY) return
    for (const order of orders) {
      const gone = ended.filter((kept) => endAt(kept, order) <= earliestMs)
      if (gone.length > 0) order.drop(gone)
    }
  }

  function bucketNumbered(number: number): Map<ResourceId, Kept> {
    const known = buckets.get(number)
    if (known) return known
    const empty = new Map<ResourceId, Kept>()
    buckets.set(number, empty)
    return empty
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

  function find(orders: readonly Order[], ref: Ref<ResourceId>): Kept | undefined {
    if ('id' in ref) return buckets.get(bucketOf(ref.id))?.get(ref.id)
    for (const { granted } of orders) {
      const found = granted[firstFrom(granted, { name: ref.name, id: '' })]
      if (found?.name === ref.name) return found
    }
    return undefined
  }

  return {
    replace(number, bucket) {
      const before = bucketNumbered(number)
      for (const kept of before.values()) {
        kept.current = false
        // Some lists keep it for a while, and with it, it would keep the texts of its whole bucket.
        kept.texts = NO_TEXTS
        for (const order of kept.holders) order.loosen()
        markEnds(kept, false)
      }
      const after = new Map<ResourceId, Kept>()
      for (const item of bucket.items) {
        const kept = new Kept(idIn(bucket.texts, item), stateOf(item, bucket.texts))
        for (const order of kept.holders) order.append(kept)
        markEnds(kept, true)
        after.set(kept.id, kept)
      }
      buckets.set(number, after)
      size += after.size - before.size
    },

    put({ items, texts: buffer }) {
      for (const item of items) {
        const id = idIn(buffer, item)
        const bucket = bucketNumbered(bucketOf(id))
        const known = bucket.get(id)
        const state = stateOf(item, buffer)
        if (known) {
          change(known, state)
          continue
        }
        const kept = new Kept(id, state)
        bucket.set(id, kept)
        for (const order of kept.holders) order.insert(kept)
        markEnds(kept, true)
        size++
      }
    },

    remove(id) {
      const bucket = buckets.get(bucketOf(id))
      const kept = bucket?.get(id)
      if (!kept) return
      for (const order of kept.holders) order.remove(kept)
      markEnds(kept, false)
      kept.current = false
      bucket?.delete(id)
      size--
    },

    bucket(number) {
      const all = [...(buckets.get(number)?.values() ?? [])]
      let end = 0
      const items = all.map((kept): BucketItem => {
        const begin = end
        end += kept.end - kept.begin
        const grants = kept.holders.map(({ group }, at) => grantAt(kept, group, at))
        return {
          name: kept.name,
          kind: kept.kind,
          begin,
          permissionAt: begin + kept.permissionAt - kept.begin,
          end,
          grants,
        }
      })
      return { items, texts: Buffer.concat(all.map((kept) => kept.texts.subarray(kept.begin, kept.end))) }
    },

    visible(ids, { count, after, kind, prefix, atLeast }, at) {
      const orders = ordersOf(ids)
      const standing = new Standing(orders, at)
      const least = atLeast === undefined ? 0 : PERMISSIONS.indexOf(atLeast)
      const found: ReadyItem[] = []
      let lookedAt = 0
      let isWhole = true
      for (const kept of merged(orders, { after, from: prefix === undefined ? undefined : { name: prefix, id: '' } })) {
        if (prefix !== undefined && !kept.name.startsWith(prefix)) break
        if (++lookedAt > LOOKED_AT_MAX || standing.ended.length >= IN_THE_WAY_MAX) {
          isWhole = false
          break
        }
        if (kind !== undefined && kept.kind !== kind) continue
        const rank = standing.rankOf(kept)
        if (rank < least) continue
        standing.keep()
        found.push(ready(kept, rank))
        if (found.length === count) break
      }
      forgetEnded(orders, standing, at)
      return isWhole ? standing.merged(found) : null
    },

    visibleOne(ids, ref, at) {
      const orders = ordersOf(ids)
      const kept = find(orders, ref)
      const standing = new Standing(orders, at)
      const rank = kept ? standing.rankOf(kept) : -1
      standing.keep()
      return standing.merged(kept && rank >= 0 ? ready(kept, rank) : null)
    },

    permissionOn(ids, { kind, name }, at) {
      const orders = ordersOf(ids)
      const kept = find(orders, { name })
      if (kept?.kind !== kind) return NOTHING
      const standing = new Standing(orders, at)
      const permission = PERMISSIONS[standing.rankOf(kept)] ?? null
      standing.keep()
      return standing.merged(permission)
    },

    count(ids, at) {
      const orders = ordersOf(ids)
      const standing = new Standing(orders, at)
      const [only] = orders
      if (orders.length === 1 && only && only.ending.size === 0) return standing.merged(only.granted.length)
      if (orders.reduce((sum, { ending }) => sum + ending.size, 0) > LOOKED_AT_MAX) return null
      counts++
      let counted = 0
      for (const { granted } of orders) {
        for (const kept of granted) {
          if (kept.countedBy === counts) continue
          kept.countedBy = counts
          if (kept.held.ends !== null && standing.rankOf(kept) < 0) continue
          standing.keep()
          counted++
        }
      }
      forgetEnded(orders, standing, at)
      return standing.merged(counted)
    },

    get size() {
      return size
    },
  }
}

const NOTHING: Merged<null> = { value: null, until: null, isUnsettled: false }
