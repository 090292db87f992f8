/** Pages merged from the catalogue, read one after the other as a client does, against what plain SQL would answer. */
import { describe, expect, it } from 'vitest'
import type { ResourceQuery } from '../api.ts'
import { createCursorCodec } from '../cursor.ts'
import { bucketOf } from '../keys.ts'
import { contentOf, type GroupId, PERMISSIONS, type UserId, type VisibleResource } from '../model.ts'
import { atLeast } from '../permission.ts'
import type { CatalogueItem } from '../source.ts'
import { createCatalogue } from './catalogue.ts'
import { bucketOfItems } from './catalogue-bucket.ts'
import { visibleQuery } from './direct-reads.ts'
import { createResourcePages, type RenderedPage } from './resource-page.ts'
import { idIn, itemOf, timeless } from './test-items.ts'

const alice = 'alice' as UserId
const pages = createResourcePages(createCursorCodec('0123456789abcdef0123456789abcdef'))
const SIZES = [0, 1, 49, 50, 51, 99, 100, 101, 199, 200, 201]
const GROUPS = ['one', 'two', 'three', 'four'] as GroupId[]

/** Every third name occurs twice, so that the id decides; most are granted to several groups, lower to one of them. */
function resource(n: number): VisibleResource {
  const number = n % 3 === 1 ? n - 1 : n
  const { grants: _, ...item } = itemOf(
    idIn(n % 8, n),
    `${n % 2 ? 'plan' : 'note'}-${String(number).padStart(5, '0')}`,
    [],
  )
  const permission = PERMISSIONS[n % 5] ?? 'read'
  const { id, version, updatedAt } = item
  return { id, ...contentOf({ ...item, kind: n % 5 === 0 ? 'rare' : 'common' }), permission, version, updatedAt }
}

function granted({ permission, ...item }: VisibleResource, n: number): CatalogueItem {
  const highest = [GROUPS[n % 4] as GroupId, permission] as const
  const lower = [GROUPS[(n + 1) % 4] as GroupId, 'read'] as const
  return { ...item, grants: n % 2 ? [highest] : n % 3 ? [highest, lower] : [lower, highest] }
}

const byNameAndId = (a: VisibleResource, b: VisibleResource) =>
  a.name === b.name ? (a.id < b.id ? -1 : 1) : a.name < b.name ? -1 : 1
const resources = (count: number) => Array.from({ length: count }, (_, n) => resource(n)).sort(byNameAndId)

/** What plain SQL would answer: filter, skip, take one more than the page. */
function expected(items: readonly VisibleResource[], query: ResourceQuery, user = alice) {
  const after = pages.positionOf(user, query)
  const wanted = items.filter(
    (item) =>
      (!after || item.name > after.name || (item.name === after.name && item.id > after.id)) &&
      (query.kind === undefined || item.kind === query.kind) &&
      (query.q === undefined || item.name.startsWith(query.q)) &&
      (query.permission === undefined || atLeast(item.permission, query.permission)),
  )
  return shown(pages.render(user, query, wanted.slice(0, query.limit + 1)))
}

/** What a client sees of a page. */
function shown(page: RenderedPage | null) {
  return page && { body: page.body.toString(), etag: page.etag, nextCursor: page.nextCursor }
}

/** The catalogue as it was loaded, and as the log brought it resource by resource. */
function catalogues(items: readonly VisibleResource[]) {
  const all = items.map(granted)
  const [loaded, followed] = [createCatalogue(), createCatalogue()]
  for (const [bucket, some] of Map.groupBy(all, ({ id }) => bucketOf(id))) loaded.replace(bucket, bucketOfItems(some))
  for (const each of all.toReversed()) followed.put(bucketOfItems([each]))
  return [loaded, followed]
}

function pageOf(catalogue: ReturnType<typeof createCatalogue>, query: ResourceQuery, user = alice) {
  const items = timeless(catalogue).visible(GROUPS, visibleQuery(query, pages.positionOf(user, query)))
  return items && pages.assemble(user, query, items)
}

describe.each(SIZES)('a list of %i', (size) => {
  const items = resources(size)
  const all = catalogues(items)

  it.each([1, 7, 49, 50, 51, 100, 150, 200])('is read page by page of %i as plain SQL would answer', (limit) => {
    for (const catalogue of all) {
      const seen: VisibleResource[] = []
      let cursor: string | undefined
      for (let turn = 0; turn <= size; turn++) {
        const query: ResourceQuery = { limit, ...(cursor !== undefined && { cursor }) }
        const found = pageOf(catalogue, query)
        expect(shown(found)).toEqual(expected(items, query))
        seen.push(...(JSON.parse(String(found?.body)) as { data: VisibleResource[] }).data)
        if (found?.nextCursor == null) break
        cursor = found.nextCursor
      }
      expect(seen).toEqual(items)
      expect(timeless(catalogue).count(GROUPS)).toBe(size)
    }
  })

  it.each([
    { kind: 'rare' },
    { kind: 'none' },
    { q: 'plan-000' },
    { q: 'zzz' },
    { permission: 'maintain' },
    { kind: 'rare', q: 'note', permission: 'read' },
  ] as Partial<ResourceQuery>[])('filters as plain SQL would: %j', (filter) => {
    for (const catalogue of all) {
      for (const limit of [3, 50]) {
        const first = pageOf(catalogue, { limit, ...filter })
        expect(shown(first)).toEqual(expected(items, { limit, ...filter }))
        if (!first?.nextCursor) continue
        const query = { limit, ...filter, cursor: first.nextCursor }
        expect(shown(pageOf(catalogue, query))).toEqual(expected(items, query))
      }
    }
  })

  it('has a first page that is the same bytes whether it is merged or comes from SQL', () => {
    for (const catalogue of all) {
      const merged = pageOf(catalogue, { limit: 50 })
      const rendered = pages.render(alice, { limit: 50 }, items.slice(0, 51))
      expect(merged?.body.equals(rendered.body)).toBe(true)
      expect(shown(merged)).toEqual(shown(rendered))
    }
  })
})

describe('a page that follows another', () => {
  const [catalogue, other] = catalogues(resources(120)) as [
    ReturnType<typeof createCatalogue>,
    ReturnType<typeof createCatalogue>,
  ]

  it('goes on where the one before ended, although that resource is gone by now', () => {
    const first = pageOf(catalogue, { limit: 20 })
    const items = resources(120)
    const last = items[19] as VisibleResource
    other.remove(last.id)
    const query = { limit: 20, cursor: first?.nextCursor ?? '' }
    expect(shown(pageOf(other, query))).toEqual(expected(items.toSpliced(19, 1), query))
  })

  it('belongs to the user that the one before was shown to', () => {
    const cursor = pageOf(catalogue, { limit: 20 })?.nextCursor ?? ''
    expect(() => pageOf(catalogue, { limit: 20, cursor }, 'bob' as UserId)).toThrow('the cursor was not issued')
    expect(() => pageOf(catalogue, { limit: 20, cursor: `${cursor.slice(0, -2)}AA` })).toThrow(
      'the cursor was not issued',
    )
  })
})
