/** Resources with grants, made short, for the tests beside this file. */

import type { Present } from '../../cache/index.ts'
import { EMPTY_CONTENT, type GroupId, type ResourceId } from '../model.ts'
import type { CatalogueGrant, CatalogueItem } from '../source.ts'
import type { Catalogue } from './catalogue.ts'

export const [team, lab, none] = ['team', 'lab', 'none'] as GroupId[] as [GroupId, GroupId, GroupId]

/** An id of the bucket. */
export function idIn(bucket: number, number: number): ResourceId {
  return `${bucket.toString(16).padStart(2, '0')}000000-0000-4000-8000-${String(number).padStart(12, '0')}` as ResourceId
}

export type Grants = readonly CatalogueGrant[]

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

/** An instant that is known exactly. */
export const exactly = (ms: number): Present => ({ earliestMs: ms, latestMs: ms })

/** What the catalogue answers where no grant has an end. */
export function timeless(catalogue: Catalogue) {
  const at = exactly(0)
  return {
    visible: (...[groups, query]: Head<Catalogue['visible']>) => catalogue.visible(groups, query, at)?.value ?? null,
    visibleOne: (...[groups, ref]: Head<Catalogue['visibleOne']>) => catalogue.visibleOne(groups, ref, at).value,
    permissionOn: (...[groups, name]: Head<Catalogue['permissionOn']>) =>
      catalogue.permissionOn(groups, name, at).value,
    count: (...[groups]: Head<Catalogue['count']>) => catalogue.count(groups, at)?.value,
  }
}

type Head<F extends (...args: never[]) => unknown> = Parameters<F> extends [...infer First, Present] ? First : never
