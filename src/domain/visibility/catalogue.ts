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
import type { CatalogueGrant, VisibleQuery } from '../source.ts'
import type { BucketItem, CatalogueBucket } from './catalogue-bucket.ts'
import { firstFrom, GroupOrder, type Placed } from './group-order.ts'
import { merged } from './merged-orders.ts'
import type { ReadyItem } from './resource-page.ts'

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

/** What is true at the latest that the present may be. */
export interface Merged<T> {
  readonly value: T
  /** When it stops being true by itself; null: it does not. Grants that end only take away: until the first does, nothing changes. */
  readonly until: number | null
  /** Something that it depends on ended between the earliest and the latest: whether it did is not known. */
  readonly isUnsettled: boolean
}

/** Looked at for one page at most, when a filter matches few of them; beyond, the database's indexes do better. */
const LOOKED_AT_MAX = 20_000
/** Each resource's JSON begins with the id. */
const ID_BEGINS = '{"id":"'.length
const ID_LENGTH = 36
/** So many resources of which all grants ended are in the way of one answer: they are taken out. */
const IN_THE_WAY = 1000
/** So many are looked at for one answer at most: beyond, the database answers, and what was looked at is out of the way. */
const IN_THE_WAY_MAX = 2000
const COMBINATIONS_MAX = 10_000
const PERMISSION_TEXTS = PERMISSIONS.map((permission) => Buffer.from(`,"permission":"${permission}"`))

type Order = GroupOrder<Kept>

class Kept implements Placed {
  readonly id: ResourceId
  name: string
  kind: string
  /** The JSON is between `begin` and `end`, with the permission missing at `permissionAt`. */
  texts: Buffer
  begin: number
  permissionAt: number
  end: number
  /** The groups it is granted to, and for each the permission. */
  holders: readonly Order[]
  held: Held
  current = true
  /** The count that last came by. */
  countedBy = 0

  constructor(id: ResourceId, state: State) {
    this.id = id
    this.name = state.name
    this.kind = state.kind
    this.texts = state.texts
    this.begin = state.begin
    this.permissionAt = state.permissionAt
    this.end = state.end
    this.holders = state.holders
    this.held = state.held
  }
}

/** What the holders of a resource hold, in their order: one object for all resources that have the same. */
interface Held {
  /** The rank of each permission, as a digit. */
  readonly ranks: string
  /** When each ends, in milliseconds since the epoch, Infinity where it does not; null where none does. */
  readonly ends: readonly number[] | null
}

type State = Omit<Kept, 'id' | 'current' | 'countedBy'>

export function createCatalogue(): Catalogue {
  const buckets = new Map<number, Map<ResourceId, Kept>>()
  const groups = new Map<GroupId, Order>()
  const texts = createShared((text) => text)
  const endless = createShared((ranks): Held => ({ ranks, ends: null }))
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

  function stateOf(item: BucketItem, buffer: Buffer): State {
    const { name, kind, begin, permissionAt, end, grants } = item
    const holders = grants.map(([group]) => groupOf(group))
    return { name, kind: texts(kind), texts: buffer, begin, permissionAt, end, holders, held: heldIn(grants) }
  }

  function heldIn(grants: readonly CatalogueGrant[]): Held {
    const ranks = grants.map(([, permission]) => PERMISSIONS.indexOf(permission)).join('')
    if (grants.every(([, , until]) => until === undefined)) return endless(ranks)
    return { ranks, ends: grants.map(([, , until]) => until ?? Number.POSITIVE_INFINITY) }
  }

  /** Tells the groups which of the grants end, or that it is no longer theirs. */
  function markEnds(kept: Kept, present: boolean): void {
    const { ends } = kept.held
    if (ends === null) return
    for (const [at, order] of kept.holders.entries()) order.mark(kept, present && ends[at] !== Number.POSITIVE_INFINITY)
  }

  /** They are no longer looked at where the group's resources are listed; each still says what it is granted to. */
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
    // Where a grant ended it may have been taken out, and this may be its prolongation.
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

/** What some groups hold at a time, over the resources of one answer. */
class Standing {
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

/** A few kinds and combinations of ranks in hundreds of thousands of resources: one value for all that have the same. */
function createShared<Value>(make: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>()
  return (text) => {
    const first = known.get(text)
    if (first !== undefined) return first
    const value = make(text)
    if (known.size < COMBINATIONS_MAX) known.set(text, value)
    return value
  }
}

function idIn(texts: Buffer, { begin }: BucketItem): ResourceId {
  return texts.toString('latin1', begin + ID_BEGINS, begin + ID_BEGINS + ID_LENGTH) as ResourceId
}

function endAt({ holders, held: { ends } }: Kept, order: Order): number {
  return ends?.[holders.indexOf(order)] ?? Number.POSITIVE_INFINITY
}

function grantAt({ held: { ranks, ends } }: Kept, group: GroupId, holder: number): CatalogueGrant {
  const permission = PERMISSIONS[Number(ranks[holder])] ?? 'read'
  const end = ends?.[holder] ?? Number.POSITIVE_INFINITY
  return Number.isFinite(end) ? [group, permission, end] : [group, permission]
}

function ready({ id, name, texts, begin, permissionAt: at, end }: Kept, rank: number): ReadyItem {
  const permission = PERMISSION_TEXTS[rank] ?? Buffer.alloc(0)
  return { id, name, json: Buffer.concat([texts.subarray(begin, at), permission, texts.subarray(at, end)]) }
}
