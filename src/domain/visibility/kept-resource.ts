/**
 * A resource as the catalogue keeps it: the JSON that goes out in the buffer of its bucket, the groups it is granted to,
 * and for each of them the permission and the end.
 */
import { type GroupId, PERMISSIONS, type ResourceId } from '../model.ts'
import type { CatalogueGrant } from '../source.ts'
import type { BucketItem } from './catalogue-bucket.ts'
import type { GroupOrder, Placed } from './group-order.ts'
import { ReadyItem } from './resource-page.ts'

/** Each resource's JSON begins with the id. */
const ID_BEGINS = '{"id":"'.length
const ID_LENGTH = 36
const COMBINATIONS_MAX = 10_000
const PERMISSION_TEXTS = PERMISSIONS.map((permission) => Buffer.from(`,"permission":"${permission}"`))

export type Order = GroupOrder<Kept>

export class Kept implements Placed {
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
  /** The last count that included it. */
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

/** The permissions of a resource's holders, in their order: one object for all resources with equal ones. */
interface Held {
  /** The rank of each permission, as a digit. */
  readonly ranks: string
  /** When each ends, in milliseconds since the epoch, Infinity where it does not; null where none does. */
  readonly ends: readonly number[] | null
}

export type State = Omit<Kept, 'id' | 'current' | 'countedBy'>

/** @param groupOf the order of a group's resources */
export function createStates(groupOf: (group: GroupId) => Order): (item: BucketItem, buffer: Buffer) => State {
  const texts = createShared((text) => text)
  const endless = createShared((ranks): Held => ({ ranks, ends: null }))

  function stateOf(item: BucketItem, buffer: Buffer): State {
    const { name, kind, begin, permissionAt, end, grants } = item
    const holders = holdersOf(grants)
    return { name, kind: texts(kind), texts: buffer, begin, permissionAt, end, holders, held: heldIn(grants) }
  }

  function holdersOf(grants: readonly CatalogueGrant[]): readonly Order[] {
    const holders = grants.map(([group]) => groupOf(group))
    const [only] = holders
    return only && holders.length === 1 ? only.alone : holders
  }

  function heldIn(grants: readonly CatalogueGrant[]): Held {
    const ranks = grants.map(([, permission]) => PERMISSIONS.indexOf(permission)).join('')
    if (grants.every(([, , until]) => until === undefined)) return endless(ranks)
    return { ranks, ends: grants.map(([, , until]) => until ?? Number.POSITIVE_INFINITY) }
  }

  return stateOf
}

export function idIn(texts: Buffer, { begin }: BucketItem): ResourceId {
  return texts.toString('latin1', begin + ID_BEGINS, begin + ID_BEGINS + ID_LENGTH) as ResourceId
}

export function endAt({ holders, held: { ends } }: Kept, order: Order): number {
  return ends?.[holders.indexOf(order)] ?? Number.POSITIVE_INFINITY
}

export function grantAt({ held: { ranks, ends } }: Kept, group: GroupId, holder: number): CatalogueGrant {
  const permission = PERMISSIONS[Number(ranks[holder])] ?? 'read'
  const end = ends?.[holder] ?? Number.POSITIVE_INFINITY
  return end === Number.POSITIVE_INFINITY ? [group, permission] : [group, permission, end]
}

export function ready(kept: Kept, rank: number): ReadyItem {
  return new ReadyItem(kept, PERMISSION_TEXTS[rank] ?? Buffer.alloc(0))
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
