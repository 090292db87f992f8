import { describe, expect, it, vi } from 'vitest'
import type { Entry, EntryStore, LayerRead } from '../cache/index.ts'
import type { ResourceQuery } from './api.ts'
import { createCursorCodec } from './cursor.ts'
import { userResourcesKey } from './keys.ts'
import { createListPages } from './list-pages.ts'
import { PERMISSIONS, type ResourceId, type UserId, type VisibleResource } from './model.ts'
import { atLeast } from './permission.ts'
import { createResourcePages, type RenderedPage, readyItem } from './resource-page.ts'
import { buildList, decodeIndex, INDEX_PART, partOfPage, type VisibleList, visibleListCodec } from './visible-list.ts'

const alice = 'alice' as UserId
const pages = createResourcePages(createCursorCodec('0123456789abcdef0123456789abcdef'))
const SIZES = [0, 1, 49, 50, 51, 99, 100, 101, 199, 200, 201]

/** Every third name occurs twice, so that the id decides. */
function resource(n: number): VisibleResource {
  const number = n % 3 === 1 ? n - 1 : n
  return {
    id: `id-${String(n).padStart(5, '0')}` as ResourceId,
    name: `${n % 2 ? 'plan' : 'note'}-${String(number).padStart(5, '0')}`,
    kind: n % 5 === 0 ? 'rare' : 'common',
    description: null,
    attributes: {},
    permission: PERMISSIONS[n % 5] ?? 'read',
    version: n,
    updatedAt: '2026-01-01T00:00:00.000Z',
  }
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

/** The list in the process that derived it (`fresh`) and as any other finds it (`cached`), with its parts. */
function lists(items: readonly VisibleResource[], user = alice, fillId = '0123456789abcdef') {
  const built = buildList(user, items.map(readyItem), pages.assemble)
  const { body, meta = {}, parts = [] } = visibleListCodec.encode(built)
  const read = (value: VisibleList): LayerRead<VisibleList> => ({
    value,
    fillId,
    stamp: { database: 'd', snapshot: { xmin: 1, xmax: 1, inProgress: [] } as never },
    tags: [],
    ttlMs: 1,
    outcome: 'hit',
  })
  const decoded = visibleListCodec.decode({ body, meta: JSON.parse(JSON.stringify(meta)) } as Entry)
  const readPart = vi.fn(async (_key: string, _fillId: string, part: number) => parts[part - 1] ?? null)
  const store = { readPart } as unknown as EntryStore
  return { built, parts, meta, fresh: read(built), cached: read(decoded), store, readPart }
}

describe.each(SIZES)('a list of %i', (size) => {
  const items = resources(size)

  it.each([1, 7, 49, 50, 51, 100, 150, 200])('is read page by page of %i as plain SQL would answer', async (limit) => {
    const { fresh, cached, store } = lists(items)
    for (const list of [fresh, cached]) {
      const listPages = createListPages({ store, pages })
      const seen: VisibleResource[] = []
      let cursor: string | undefined
      for (let turn = 0; turn <= size; turn++) {
        const query: ResourceQuery = { limit, ...(cursor !== undefined && { cursor }) }
        const found = await listPages.find(alice, query, list)
        expect(shown(found)).toEqual(expected(items, query))
        seen.push(...(JSON.parse(String(found?.body)) as { data: VisibleResource[] }).data)
        if (found?.nextCursor == null) break
        cursor = found.nextCursor
        // Asked twice, answered alike.
        if (turn < 3) expect(await listPages.find(alice, query, list)).toEqual(found)
      }
      expect(seen).toEqual(items)
    }
  })

  it.each([
    { kind: 'rare' },
    { kind: 'none' },
    { q: 'plan-000' },
    { q: 'zzz' },
    { permission: 'maintain' },
    { kind: 'rare', q: 'note', permission: 'read' },
  ] as Partial<ResourceQuery>[])('filters as plain SQL would: %j', async (filter) => {
    const { fresh, cached, store } = lists(items)
    const listPages = createListPages({ store, pages })
    for (const list of [fresh, cached]) {
      for (const limit of [3, 50]) {
        const first = await listPages.find(alice, { limit, ...filter }, list)
        expect(shown(first)).toEqual(expected(items, { limit, ...filter }))
        if (!first?.nextCursor) continue
        const query = { limit, ...filter, cursor: first.nextCursor }
        expect(shown(await listPages.find(alice, query, list))).toEqual(expected(items, query))
      }
    }
  })

  it('is cached as pages of fifty, with an index where there are several', () => {
    const { built, parts, meta } = lists(items)
    const pageCount = Math.max(1, Math.ceil(size / 50))
    expect(built).toMatchObject({ total: size, pageCount })
    const { etag: firstEtag, nextCursor: firstCursor } = built.first
    const indexDigest = pageCount > 1 ? expect.stringMatching(/^[\w-]{43}$/) : null
    expect(meta).toEqual({ etag: firstEtag, nextCursor: firstCursor, total: size, pageCount, indexDigest })
    expect(parts).toHaveLength(pageCount > 1 ? pageCount : 0)
    if (pageCount === 1) return
    const index = decodeIndex(parts[INDEX_PART - 1] ?? Buffer.alloc(0), built.indexDigest)
    if (!index) throw new Error('the list does not vouch for its index')
    expect(index.pages.map(({ last }) => last)).toEqual(
      Array.from({ length: pageCount }, (_, page) => {
        const { name, id } = items[Math.min(page * 50 + 49, size - 1)] ?? { name: '', id: '' }
        return { name, id }
      }),
    )
    for (const [page, { etag, nextCursor }] of index.pages.entries()) {
      const query = { limit: 50 }
      const rendered = pages.render(alice, query, items.slice(page * 50, page * 50 + 51))
      expect({ etag, nextCursor }).toEqual({ etag: rendered.etag, nextCursor: rendered.nextCursor })
      if (page > 0) expect(parts[partOfPage(page) - 1]?.equals(rendered.body)).toBe(true)
    }
  })
})

describe('what a query moves', () => {
  const items = resources(1100)

  it('is nothing for the first page, which is there without a promise', () => {
    const { cached, store, readPart } = lists(items)
    expect(createListPages({ store, pages }).find(alice, { limit: 50 }, cached)).toBe(cached.value.first)
    expect(readPart).not.toHaveBeenCalled()
  })

  it('is nothing for all of a short list, whatever more was asked for', async () => {
    const { cached, store, readPart } = lists(resources(30))
    const listPages = createListPages({ store, pages })
    expect(await listPages.find(alice, { limit: 200 }, cached)).toBe(cached.value.first)
    // The list had more pages when this cursor was issued.
    const cursor = pages.render(alice, { limit: 20 }, resources(30)).nextCursor ?? ''
    const rest = { limit: 50, cursor }
    expect(shown(await listPages.find(alice, rest, cached))).toEqual(expected(resources(30), rest))
    expect(readPart).not.toHaveBeenCalled()
  })

  it('is nothing for a page that was just asked for, and the page as it lay there, not a copy', async () => {
    const { built, parts, cached, store, readPart } = lists(items)
    const listPages = createListPages({ store, pages })
    const query = { limit: 50, cursor: built.pages?.[3]?.nextCursor ?? '' }
    const found = await listPages.find(alice, query, cached)
    expect(found?.body).toBe(parts[partOfPage(4) - 1])
    readPart.mockClear()
    expect(await listPages.find(alice, query, cached)).toBe(found)
    expect(readPart).not.toHaveBeenCalled()
  })

  it('is asked for again when the page was not there', async () => {
    const { built, cached, store, readPart } = lists(items)
    const listPages = createListPages({ store, pages })
    const query = { limit: 100, cursor: built.pages?.[3]?.nextCursor ?? '' }
    readPart.mockImplementationOnce(async () => lists(items).parts[INDEX_PART - 1] ?? null)
    readPart.mockResolvedValueOnce(null)
    expect(await listPages.find(alice, query, cached)).toBe(null)
    expect(shown(await listPages.find(alice, query, cached))).toEqual(expected(items, query))
  })

  it('is the index and one page for any other page of the default size', async () => {
    const { built, cached, store, readPart } = lists(items)
    const cursor = built.pages?.[3]?.nextCursor ?? ''
    await createListPages({ store, pages }).find(alice, { limit: 50, cursor }, cached)
    const key = userResourcesKey(alice)
    expect(readPart.mock.calls.map(([read, fill, part]) => [read, fill, part])).toEqual([
      [key, cached.fillId, INDEX_PART],
      [key, cached.fillId, partOfPage(4)],
    ])
  })

  it('is nothing in the process that derived the list', async () => {
    const { built, fresh, store, readPart } = lists(items)
    const cursor = built.pages?.[3]?.nextCursor ?? ''
    await createListPages({ store, pages }).find(alice, { limit: 50, cursor }, fresh)
    await Promise.resolve(
      createListPages({ store, pages }).find(alice, { limit: 7, cursor, kind: 'rare' } as never, fresh),
    ).catch(() => {})
    expect(readPart).not.toHaveBeenCalled()
  })

  it('ends when the page is full, and begins where the position is', async () => {
    const { cached, store, readPart } = lists(items)
    const listPages = createListPages({ store, pages })
    const query = { limit: 10, kind: 'common' } as const
    await listPages.find(alice, query, cached)
    expect(readPart.mock.calls.map(([, , part]) => part)).toEqual([INDEX_PART])
    readPart.mockClear()
    const middle = pages.render(
      alice,
      { ...query, limit: 130 },
      items.filter(({ kind }) => kind === 'common'),
    )
    await listPages.find(alice, { ...query, cursor: middle.nextCursor ?? '' }, cached)
    const read = readPart.mock.calls.map(([, , part]) => part)
    expect(read[0]).toBe(INDEX_PART)
    expect(read.slice(1)).toEqual([partOfPage(3)])
  })

  it('is twenty pages at most; beyond, the database answers', async () => {
    const { cached, store, readPart } = lists(items)
    expect(await createListPages({ store, pages }).find(alice, { limit: 50, q: 'zzz' }, cached)).toBe(null)
    expect(readPart).toHaveBeenCalledTimes(20)
    const short = lists(resources(1000))
    const found = await createListPages({ store: short.store, pages }).find(
      alice,
      { limit: 50, q: 'zzz' },
      short.cached,
    )
    expect(shown(found)).toEqual(expected([], { limit: 50, q: 'zzz' }))
  })

  it('leaves the answer to the database when the list is gone meanwhile', async () => {
    const { built, cached, store, readPart } = lists(items)
    const cursor = built.pages?.[3]?.nextCursor ?? ''
    const listPages = createListPages({ store, pages })
    readPart.mockResolvedValueOnce(null)
    expect(await listPages.find(alice, { limit: 50, cursor }, cached)).toBe(null)
    readPart.mockImplementation(async (_key, _fill, part) =>
      part === INDEX_PART ? (lists(items).parts[0] ?? null) : null,
    )
    expect(await listPages.find(alice, { limit: 50, cursor }, cached)).toBe(null)
    expect(await listPages.find(alice, { limit: 50, q: 'plan-00999' }, cached)).toBe(null)
  })
})

describe('two lists that were never stored', () => {
  it('do not answer for each other: no page of one user is another’s', async () => {
    const bob = 'bob' as UserId
    const [hers, his] = [resources(120), resources(240).slice(110)]
    const [a, b] = [lists(hers, alice, ''), lists(his, bob, '')]
    const listPages = createListPages({ store: a.store, pages })
    expect(shown(await listPages.find(alice, { limit: 100 }, a.fresh))).toEqual(expected(hers, { limit: 100 }))
    expect(shown(await listPages.find(bob, { limit: 100 }, b.fresh))).toEqual(expected(his, { limit: 100 }, bob))
  })
})

describe('a part that the list does not vouch for', () => {
  const items = resources(160)
  const second = { limit: 50, cursor: pages.render(alice, { limit: 50 }, items.slice(0, 51)).nextCursor ?? '' }
  const changed = (bytes: Buffer | undefined) => Buffer.from(String(bytes).replace('-', '_'))
  const others = lists(resources(160), 'bob' as UserId)

  it.each<[string, (parts: readonly Buffer[]) => Buffer[]]>([
    ['an index with a character changed', ([index, ...rest]) => [changed(index), ...rest]],
    ['a page with a character changed', ([index, page, ...rest]) => [index as Buffer, changed(page), ...rest]],
    ['two pages in each other’s place', ([index, a, b, ...rest]) => [index, b, a, ...rest] as Buffer[]],
    ['the same pages of another user', ([index, , ...rest]) => [index, others.parts[1], ...rest] as Buffer[]],
    ['the index of another user', ([, ...rest]) => [others.parts[0], ...rest] as Buffer[]],
  ])('is not used: %s', async (_what, damage) => {
    const { cached, parts } = lists(items)
    const damaged = damage(parts)
    const onDamaged = vi.fn()
    const store = { readPart: async (_k: string, _f: string, part: number) => damaged[part - 1] ?? null }
    const listPages = createListPages({ store: store as unknown as EntryStore, pages, onDamaged })
    expect(await listPages.find(alice, second, cached)).toBeNull()
    expect(await listPages.find(alice, { limit: 7, kind: 'none' }, cached)).toBeNull()
    expect(onDamaged).toHaveBeenCalledTimes(2)
  })
})

describe('what is not a list', () => {
  const { body, meta = {} } = visibleListCodec.encode(buildList(alice, resources(3).map(readyItem), pages.assemble))
  it.each([
    { etag: 7 },
    { etag: undefined },
    { pageCount: '1' },
    { total: null },
    { nextCursor: 7 },
    { nextCursor: undefined },
    { indexDigest: 7 },
    { indexDigest: undefined },
  ])('is refused: %j', (over) => {
    expect(() => visibleListCodec.decode({ body, meta: { ...meta, ...over } } as unknown as Entry)).toThrow(
      'not a visible list',
    )
  })
})
