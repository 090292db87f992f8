/**
 * The catalogue of this process, indexed by group: a miss of one user costs what he may see, not all there is. Of each
 * resource it keeps the JSON that goes out and the few things needed to find and order it, not a parsed object: that
 * takes a third of the memory, and a list is put together from ready text.
 */
import { type GroupId, PERMISSIONS, type ResourceId } from './model.ts'
import { comparePositions, type ReadyItem } from './resource-page.ts'
import type { CatalogueItem } from './source.ts'

export interface Catalogue {
  /** Replaces what this process holds of one bucket. */
  replace(bucket: number, items: readonly CatalogueItem[]): void
  /** Everything granted to any of the groups, with the highest permission, in order. */
  visibleTo(groups: readonly GroupId[]): ReadyItem[]
  readonly size: number
}

interface Kept {
  readonly id: ResourceId
  readonly name: string
  /** The resource as JSON, without the permission. */
  readonly text: string
  /** Where in the text the permission belongs. */
  readonly permissionAt: number
  /** The groups it is granted to, and the rank of the permission of each. */
  readonly holders: readonly Group[]
  readonly ranks: readonly number[]
  /** False once its bucket was replaced; the groups' lists may hold it a little longer. */
  current: boolean
}

interface Group {
  granted: Kept[]
  /** How many of them are no longer current. */
  outdated: number
  /** Whether they are in order. */
  ordered: boolean
}

export function createCatalogue(): Catalogue {
  const buckets = new Map<number, readonly Kept[]>()
  const groups = new Map<GroupId, Group>()
  let size = 0

  function groupOf(id: GroupId): Group {
    const known = groups.get(id)
    if (known) return known
    const group: Group = { granted: [], outdated: 0, ordered: true }
    groups.set(id, group)
    return group
  }

  function learn(item: CatalogueItem): Kept {
    const { id, name, kind, description, attributes, version, updatedAt, grants } = item
    // The order of the properties is the order on the wire, on the SQL path too; the permission goes before the version.
    const text = JSON.stringify({ id, name, kind, description, attributes, version, updatedAt })
    const permissionAt = text.length - JSON.stringify({ version, updatedAt }).length
    const holders = grants.map(([group]) => groupOf(group))
    const ranks = grants.map(([, permission]) => PERMISSIONS.indexOf(permission))
    const kept: Kept = { id, name, text, permissionAt, holders, ranks, current: true }
    for (const group of holders) {
      group.granted.push(kept)
      group.ordered = false
    }
    return kept
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
    replace(bucket, items) {
      const before = buckets.get(bucket) ?? []
      for (const kept of before) forget(kept)
      buckets.set(bucket, items.map(learn))
      size += items.length - before.length
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
  return ranks[holders.indexOf(group)] ?? 0
}

function ready({ id, name, text, permissionAt }: Kept, rank: number): ReadyItem {
  const json = `${text.slice(0, permissionAt)},"permission":"${PERMISSIONS[rank]}"${text.slice(permissionAt)}`
  return { id, name, json }
}
