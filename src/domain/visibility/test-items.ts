/** Resources with grants, made short, for the tests beside this file. */
import { EMPTY_CONTENT, type GroupId, type Permission, type ResourceId } from '../model.ts'
import type { CatalogueItem } from '../source.ts'

export const [team, lab, none] = ['team', 'lab', 'none'] as GroupId[] as [GroupId, GroupId, GroupId]

/** An id of the bucket. */
export function idIn(bucket: number, number: number): ResourceId {
  return `${bucket.toString(16).padStart(2, '0')}000000-0000-4000-8000-${String(number).padStart(12, '0')}` as ResourceId
}

export type Grants = readonly (readonly [GroupId, Permission])[]

export function itemOf(id: ResourceId, name: string, grants: Grants, over: Partial<CatalogueItem> = {}): CatalogueItem {
  return {
    ...EMPTY_CONTENT,
    id,
    name,
    kind: 'plan',
    description: `about ${name}`,
    attributes: { a: 1 },
    version: 3,
    updatedAt: '2026-01-01T00:00:00.000Z',
    grants,
    ...over,
  }
}
