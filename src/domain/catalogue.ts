/**
 * The catalogue of this process, indexed by group: a miss of one user costs what he may see, not all there is. Of each
 * resource it keeps the JSON that goes out and the few things needed to find and order it, not a parsed object; the JSON
 * of a bucket lies in one buffer, where the garbage collector has nothing to walk through, copy, or keep room for.
 */
import type { CatalogueBucket } from './catalogue-bucket.ts'
import { type GroupId, PERMISSIONS } from './model.ts'
import { comparePositions, type ReadyItem } from './resource-page.ts'
import type { Position } from './source.ts'

export interface Catalogue {
  /** Replaces what this process holds of one bucket. */
  replace(number: number, bucket: CatalogueBucket): void
  /** Everything granted to any of the groups, with the highest permission, in order. */
  visibleTo(groups: readonly GroupId[]): ReadyItem[]
  readonly size: number
}

/** Each resource's JSON begins with the id; no id has a quote in it. */
const ID_BEGINS = '{"id":"'.length

class Kept implements Position {
  readonly name: string
  /** The bucket's JSON; from `begin` to `end` this resource, with the permission missing at `permissionAt`. */
  readonly texts: Buffer
  readonly begin: number
  readonly permissionAt: number
  readonly end: number
  /** The groups it is granted to, and for each the rank of the permission, as digits. */
  readonly holders: readonly Group[]
  readonly ranks: string
  /** False once its bucket was replaced; the groups' lists may hold it a little longer. */
  current = true

  constructor({ name, texts, begin, permissionAt, end, holders, ranks }: Omit<Kept, 'id' | 'current'>) {
    this.name = name
    this.texts = texts
    this.begin = begin
    this.permissionAt = permissionAt
    this.end = end
    this.holders = holders
    this.ranks = ranks
  }

  /** Seldom asked for: only equal names are told apart by it. */
  get id(): string {
    const begin = this.begin + ID_BEGINS
    return this.texts.toString('latin1', begin, this.texts.indexOf('"', begin))
  }
}

interface Group {
  granted: Kept[]
  /** How many of them are no longer current. */
  outdated: number
  /** Whether they are in order. */
  ordered: boolean
}

const COMBINATIONS_MAX = 10_000

export function createCatalogue(): Catalogue {
  const buckets = new Map<number, readonly Kept[]>()
  const groups = new Map<GroupId, Group>()
  const combinations = new Map<string, string>()
  let size = 0

  function groupOf(id: GroupId): Group {
    const known = groups.get(id)
    if (known) return known
    const group: Group = { granted: [], outdated: 0, ordered: true }
    groups.set(id, group)
    return group
  }

  function learn({ items, texts }: CatalogueBucket): Kept[] {
    return items.map(({ name, begin, permissionAt, end, grants }) => {
      const holders = grants.map(([group]) => groupOf(group))
      const ranks = shared(grants.map(([, permission]) => PERMISSIONS.indexOf(permission)).join(''))
      const kept = new Kept({ name, texts, begin, permissionAt, end, holders, ranks })
      for (const group of holders) {
        group.granted.push(kept)
        group.ordered = false
      }
      return kept
    })
  }

  /** A few digits in a few hundred combinations: one string for all who have the same. */
  function shared(ranks: string): string {
    const known = combinations.get(ranks)
    if (known !== undefined) return known
    if (combinations.size < COMBINATIONS_MAX) combinations.set(ranks, ranks)
    return ranks
  }

  function forget(kept: Kept): void {
    kept.current = false
    for (const group of kept.holders) {
      group.outdated++
      // A group that nobody asks for must not collect what was replaced.
      if (group.outdated * 2 > group.granted.length) clean(group)
    }
  }

  function clean(group: Group): void {
    group.granted = group.granted.filter(({ current }) => current)
    group.outdated = 0
  }

  /** In order and current; worked out once after a change, not once per reader. */
  function grantedTo(id: GroupId): { group: Group; granted: readonly Kept[] } | null {
    const group = groups.get(id)
    if (!group) return null
    if (group.outdated > 0) clean(group)
    if (group.granted.length === 0) groups.delete(id)
    if (!group.ordered) group.granted.sort(comparePositions)
    group.ordered = true
    return { group, granted: group.granted }
  }

  return {
    replace(number, bucket) {
      const before = buckets.get(number) ?? []
      for (const kept of before) forget(kept)
      buckets.set(number, learn(bucket))
      size += bucket.items.length - before.length
    },
    visibleTo(ids) {
      const lists = ids.flatMap((id) => grantedTo(id) ?? []).filter(({ granted }) => granted.length > 0)
      const [only] = lists
      if (lists.length === 1 && only) return only.granted.map((kept) => ready(kept, rankIn(kept, only.group)))
      const highest = new Map<Kept, number>()
      for (const { group, granted } of lists)
        for (const kept of granted) highest.set(kept, Math.max(highest.get(kept) ?? 0, rankIn(kept, group)))
      // Lists that are each in order: the sort finds the runs and merges them.
      return [...highest.keys()].sort(comparePositions).map((kept) => ready(kept, highest.get(kept) ?? 0))
    },
    get size() {
      return size
    },
  }
}

function rankIn({ holders, ranks }: Kept, group: Group): number {
  return Number(ranks[holders.indexOf(group)] ?? 0)
}

function ready(kept: Kept, rank: number): ReadyItem {
  const { id, name, texts, begin, permissionAt, end } = kept
  const before = texts.toString('utf8', begin, permissionAt)
  const after = texts.toString('utf8', permissionAt, end)
  return { id, name, json: `${before},"permission":"${PERMISSIONS[rank]}"${after}` }
}
