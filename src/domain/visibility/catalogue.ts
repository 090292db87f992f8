/**
 * The catalogue of this process: all resources, found by id and listed by group, so that a page costs the page,
 * however much its reader may see. Of each resource it keeps the JSON that goes out and the few things needed to find,
 * order and filter it, not a parsed object; the JSON of a bucket lies in one buffer, which the garbage collector need
 * not walk through.
 */
import type { ResourceName } from '../api.ts'
import { bucketOf } from '../keys.ts'
import { type GroupId, PERMISSIONS, type Permission, type Ref, type ResourceId } from '../model.ts'
import type { VisibleQuery } from '../source.ts'
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
  visible(groups: readonly GroupId[], query: VisibleQuery): ReadyItem[] | null
  /** One resource, if it is granted to any of the groups. */
  visibleOne(groups: readonly GroupId[], ref: Ref<ResourceId>): ReadyItem | null
  /** The highest permission that any of the groups has on the resource of this kind and name. */
  permissionOn(groups: readonly GroupId[], resource: ResourceName): Permission | null
  /** How many resources are granted to any of the groups. */
  count(groups: readonly GroupId[]): number
  readonly size: number
}

/** Looked at for one page at most, when a filter matches few of them; beyond, the database's indexes do better. */
const LOOKED_AT_MAX = 20_000
/** Each resource's JSON begins with the id. */
const ID_BEGINS = '{"id":"'.length
const ID_LENGTH = 36
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
  /** The groups it is granted to, and for each the rank of the permission, as digits. */
  holders: readonly Order[]
  ranks: string
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
    this.ranks = state.ranks
  }
}

type State = Omit<Kept, 'id' | 'current' | 'countedBy'>

export function createCatalogue(): Catalogue {
  const buckets = new Map<number, Map<ResourceId, Kept>>()
  const groups = new Map<GroupId, Order>()
  const texts = createSharedTexts()
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
    const ranks = texts.shared(grants.map(([, permission]) => PERMISSIONS.indexOf(permission)).join(''))
    return { name, kind: texts.shared(kind), texts: buffer, begin, permissionAt, end, holders, ranks }
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
    Object.assign(kept, state)
    for (const order of kept.holders) if (!before.includes(order)) order.insert(kept)
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
      }
      const after = new Map<ResourceId, Kept>()
      for (const item of bucket.items) {
        const kept = new Kept(idIn(bucket.texts, item), stateOf(item, bucket.texts))
        for (const order of kept.holders) order.append(kept)
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
        size++
      }
    },

    remove(id) {
      const bucket = buckets.get(bucketOf(id))
      const kept = bucket?.get(id)
      if (!kept) return
      for (const order of kept.holders) order.remove(kept)
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
        const grants = kept.holders.map(({ group }, at) => [group, permissionAt(kept, at)] as const)
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

    visible(ids, { count, after, kind, prefix, atLeast }) {
      const orders = ordersOf(ids)
      const own = new Set(orders)
      const least = atLeast === undefined ? 0 : PERMISSIONS.indexOf(atLeast)
      const found: ReadyItem[] = []
      let lookedAt = 0
      for (const kept of merged(orders, { after, from: prefix === undefined ? undefined : { name: prefix, id: '' } })) {
        if (prefix !== undefined && !kept.name.startsWith(prefix)) break
        if (++lookedAt > LOOKED_AT_MAX) return null
        if (kind !== undefined && kept.kind !== kind) continue
        const rank = rankOf(kept, own)
        if (rank < least) continue
        found.push(ready(kept, rank))
        if (found.length === count) break
      }
      return found
    },

    visibleOne(ids, ref) {
      const orders = ordersOf(ids)
      const kept = find(orders, ref)
      const rank = kept ? rankOf(kept, new Set(orders)) : -1
      return kept && rank >= 0 ? ready(kept, rank) : null
    },

    permissionOn(ids, { kind, name }) {
      const orders = ordersOf(ids)
      const kept = find(orders, { name })
      if (kept?.kind !== kind) return null
      return PERMISSIONS[rankOf(kept, new Set(orders))] ?? null
    },

    count(ids) {
      const orders = ordersOf(ids)
      const [only] = orders
      if (orders.length === 1 && only) return only.granted.length
      counts++
      let counted = 0
      for (const { granted } of orders) {
        for (const kept of granted) {
          if (kept.countedBy !== counts) counted++
          kept.countedBy = counts
        }
      }
      return counted
    },

    get size() {
      return size
    },
  }
}

/** A few kinds and combinations of ranks in hundreds of thousands of resources: one string for all that have the same. */
function createSharedTexts() {
  const known = new Map<string, string>()
  return {
    shared(text: string): string {
      const first = known.get(text)
      if (first !== undefined) return first
      if (known.size < COMBINATIONS_MAX) known.set(text, text)
      return text
    },
  }
}

function idIn(texts: Buffer, { begin }: BucketItem): ResourceId {
  return texts.toString('latin1', begin + ID_BEGINS, begin + ID_BEGINS + ID_LENGTH) as ResourceId
}

/** The highest rank that any of the orders holds it with; -1: none of them does. */
function rankOf({ holders, ranks }: Kept, orders: ReadonlySet<Order>): number {
  let highest = -1
  for (const [at, order] of holders.entries()) if (orders.has(order)) highest = Math.max(highest, Number(ranks[at]))
  return highest
}

function permissionAt({ ranks }: Kept, holder: number): Permission {
  return PERMISSIONS[Number(ranks[holder])] ?? 'read'
}

function ready({ id, name, texts, begin, permissionAt: at, end }: Kept, rank: number): ReadyItem {
  const permission = PERMISSION_TEXTS[rank] ?? Buffer.alloc(0)
  return { id, name, json: Buffer.concat([texts.subarray(begin, at), permission, texts.subarray(at, end)]) }
}
