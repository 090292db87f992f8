/** The parsed catalogue of this process, indexed by group: a miss of one user costs what he may see, not all there is. */

import type { GroupId, Permission, ResourceId, VisibleResource } from './model.ts'
import { atLeast } from './permission.ts'
import { comparePositions } from './resource-page.ts'
import type { CatalogueItem } from './source.ts'

export interface Catalogue {
  /** Replaces what this process holds of one bucket. */
  replace(bucket: number, items: readonly CatalogueItem[]): void
  /** Everything granted to any of the groups, with the highest permission, in order. */
  visibleTo(groups: readonly GroupId[]): VisibleResource[]
  readonly size: number
}

interface Granted {
  readonly item: CatalogueItem
  readonly permission: Permission
}

export function createCatalogue(): Catalogue {
  const buckets = new Map<number, readonly CatalogueItem[]>()
  const byGroup = new Map<GroupId, Map<ResourceId, Granted>>()
  let size = 0

  function forget(item: CatalogueItem): void {
    for (const [group] of item.grants) {
      const granted = byGroup.get(group)
      granted?.delete(item.id)
      if (granted?.size === 0) byGroup.delete(group)
    }
  }

  function learn(item: CatalogueItem): void {
    for (const [group, permission] of item.grants) {
      const granted = byGroup.get(group)
      if (granted) granted.set(item.id, { item, permission })
      else byGroup.set(group, new Map([[item.id, { item, permission }]]))
    }
  }

  return {
    replace(bucket, items) {
      const before = buckets.get(bucket) ?? []
      for (const item of before) forget(item)
      for (const item of items) learn(item)
      buckets.set(bucket, items)
      size += items.length - before.length
    },
    visibleTo(groups) {
      const highest = new Map<ResourceId, Granted>()
      for (const group of groups) {
        for (const [id, granted] of byGroup.get(group) ?? []) {
          const known = highest.get(id)
          if (!known || !atLeast(known.permission, granted.permission)) highest.set(id, granted)
        }
      }
      return [...highest.values()].map(visible).sort(comparePositions)
    },
    get size() {
      return size
    },
  }
}

/** The order of the properties is the order on the wire, on the SQL path too. */
function visible({ item, permission }: Granted): VisibleResource {
  const { id, name, kind, description, attributes, version, updatedAt } = item
  return { id, name, kind, description, attributes, permission, version, updatedAt }
}
