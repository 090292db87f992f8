/**
 * The catalogue of this process: all resources, found by id and listed by group, so that a page costs the page, however
 * much its reader may see. Of each resource it keeps the JSON that goes out and the few things needed to find, order
 * and filter it, not a parsed object; the JSON of a bucket lies in one buffer, which the garbage collector need not
 * walk through.
 *
 * Ended grants stay in it until they slow answers down: its contents depend on the log alone, and its answers on the
 * time of the question.
 */
import type { Present } from '../../cache/index.ts'
import type { ResourceName } from '../api.ts'
import { type GroupId, PERMISSIONS, type Permission, type Ref, type ResourceId } from '../model.ts'
import type { VisibleQuery } from '../source.ts'
import type { CatalogueBucket } from './catalogue-bucket.ts'
import { CatalogueContents, forgetEnded } from './catalogue-contents.ts'
import { type Order, ready } from './kept-resource.ts'
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
   * @returns null if too many resources would have to be examined to find so few
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

/**
 * The most resources examined for one page, if a filter matches few of them; beyond that, the database's indexes do
 * better.
 */
const LOOKED_AT_MAX = 20_000
/**
 * One answer passes this many resources with no access left. Beyond that the database answers, and they are removed
 * before the next one.
 */
const IN_THE_WAY_MAX = 2000

/** @returns an empty catalogue */
export function createCatalogue(): Catalogue {
  return new MergingCatalogue()
}

/** Each answer merges the orders of the groups that it is asked for. */
class MergingCatalogue implements Catalogue {
  readonly #contents = new CatalogueContents()
  #counts = 0

  get size(): number {
    return this.#contents.size
  }

  replace(number: number, bucket: CatalogueBucket): void {
    this.#contents.replace(number, bucket)
  }

  put(bucket: CatalogueBucket): void {
    this.#contents.put(bucket)
  }

  remove(id: ResourceId): void {
    this.#contents.remove(id)
  }

  bucket(number: number): CatalogueBucket {
    return this.#contents.bucket(number)
  }

  visible(groups: readonly GroupId[], query: VisibleQuery, at: Present): Merged<ReadyItem[]> | null {
    const orders = this.#contents.ordersOf(groups)
    const standing = new Standing(orders, at)
    const found = foundBy(query, orders, standing)
    forgetEnded(orders, standing.ended, at)
    return found && standing.merged(found)
  }

  visibleOne(groups: readonly GroupId[], ref: Ref<ResourceId>, at: Present): Merged<ReadyItem | null> {
    const orders = this.#contents.ordersOf(groups)
    const kept = this.#contents.find(orders, ref)
    const standing = new Standing(orders, at)
    const rank = kept ? standing.rankOf(kept) : -1
    standing.keep()
    return standing.merged(kept && rank >= 0 ? ready(kept, rank) : null)
  }

  permissionOn(groups: readonly GroupId[], { kind, name }: ResourceName, at: Present): Merged<Permission | null> {
    const orders = this.#contents.ordersOf(groups)
    const kept = this.#contents.find(orders, { name })
    if (kept?.kind !== kind) return NOTHING
    const standing = new Standing(orders, at)
    const permission = PERMISSIONS[standing.rankOf(kept)] ?? null
    standing.keep()
    return standing.merged(permission)
  }

  count(groups: readonly GroupId[], at: Present): Merged<number> | null {
    const orders = this.#contents.ordersOf(groups)
    const standing = new Standing(orders, at)
    const [only] = orders
    if (orders.length === 1 && only && only.ending.size === 0) return standing.merged(only.granted.length)
    if (orders.reduce((sum, { ending }) => sum + ending.size, 0) > LOOKED_AT_MAX) return null
    const counted = this.#countIn(orders, standing)
    forgetEnded(orders, standing.ended, at)
    return standing.merged(counted)
  }

  /** Each resource once, however many of the groups hold it. */
  #countIn(orders: readonly Order[], standing: Standing): number {
    this.#counts++
    let counted = 0
    for (const { granted } of orders) {
      for (const kept of granted) {
        if (kept.countedBy === this.#counts) continue
        kept.countedBy = this.#counts
        if (kept.held.ends !== null && standing.rankOf(kept) < 0) continue
        standing.keep()
        counted++
      }
    }
    return counted
  }
}

const NOTHING: Merged<null> = { value: null, until: null, isUnsettled: false }

/** Null if too many would have to be examined. */
function foundBy(query: VisibleQuery, orders: readonly Order[], standing: Standing): ReadyItem[] | null {
  const { count, after, kind, prefix, atLeast } = query
  const least = atLeast === undefined ? 0 : PERMISSIONS.indexOf(atLeast)
  const found: ReadyItem[] = []
  let lookedAt = 0
  for (const kept of merged(orders, { after, from: prefix === undefined ? undefined : { name: prefix, id: '' } })) {
    if (prefix !== undefined && !kept.name.startsWith(prefix)) break
    if (++lookedAt > LOOKED_AT_MAX || standing.ended.length >= IN_THE_WAY_MAX) return null
    if (kind !== undefined && kept.kind !== kind) continue
    const rank = standing.rankOf(kept)
    if (rank < least) continue
    standing.keep()
    found.push(ready(kept, rank))
    if (found.length === count) break
  }
  return found
}
