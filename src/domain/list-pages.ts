/** Answers any query from a cached list: ready pages as they are, everything else from the few pages it needs. */
import type { EntryStore, LayerRead, StoreWait } from '../cache/index.ts'
import type { ResourceQuery } from './api.ts'
import { userResourcesKey } from './keys.ts'
import type { UserId, VisibleResource } from './model.ts'
import { atLeast } from './permission.ts'
import { createRecentPages } from './recent-pages.ts'
import { comparePositions, DEFAULT_LIMIT, type RenderedPage, type ResourcePages } from './resource-page.ts'
import type { Position } from './source.ts'
import { decodeIndex, INDEX_PART, type PageIndex, pageAfter, partOfPage, type VisibleList } from './visible-list.ts'

export interface ListPages {
  /**
   * Null when the list is gone meanwhile, or when the query would have to read through too much of it. The first page,
   * which nearly everybody asks for, is there without a promise.
   */
  find(
    user: UserId,
    query: ResourceQuery,
    list: LayerRead<VisibleList>,
    wait?: StoreWait,
  ): Promise<RenderedPage | null> | RenderedPage
}

/** Whose list is read, and what his request has waited for the store. */
interface Reading {
  readonly user: UserId
  readonly list: LayerRead<VisibleList>
  readonly wait: StoreWait | undefined
}

/** Pages read for one query at most; beyond, the database's indexes do better. */
const SCAN_PAGES_MAX = 20
/** Of a list that fits on its first page, which comes with the list. */
const ONLY_PAGE: PageIndex = { pages: [] }
const RECENT_PAGES_MAX_BYTES = 32 * 1024 * 1024

export interface ListPagesOptions {
  readonly store: EntryStore
  readonly pages: ResourcePages
  /** A part was not what its list vouches for. */
  readonly onDamaged?: () => void
}

export function createListPages({ store, pages, onDamaged }: ListPagesOptions): ListPages {
  const recentPages = createRecentPages({ maxBytes: RECENT_PAGES_MAX_BYTES })

  async function indexOf({ user, list, wait }: Reading): Promise<PageIndex | null> {
    const { value } = list
    if (value.pages) return { pages: value.pages }
    const bytes = await store.readPart(userResourcesKey(user), list.fillId, INDEX_PART, wait)
    const index = bytes && decodeIndex(bytes, value.indexDigest)
    if (bytes && !index) onDamaged?.()
    return index
  }

  /** The list vouches for its index, and the index for each further page. */
  async function bodyOf({ user, list, wait }: Reading, page: number, index: PageIndex): Promise<Buffer | null> {
    const own = page === 0 ? list.value.first.body : list.value.pages?.[page]?.body
    if (own) return own
    const bytes = await store.readPart(userResourcesKey(user), list.fillId, partOfPage(page), wait)
    const etag = index.pages[page]?.etag
    if (!bytes || (etag !== undefined && pages.matches(user, bytes, etag))) return bytes
    onDamaged?.()
    return null
  }

  /** The query asks for what lies ready: one page of the default size, or several in a row. */
  async function ready(reading: Reading, index: PageIndex, from: number, count: number) {
    const parts = index.pages.slice(from, from + count).map(async (found, offset) => {
      const body = await bodyOf(reading, from + offset, index)
      return body && { body, etag: found.etag, nextCursor: found.nextCursor }
    })
    const pieces: RenderedPage[] = []
    for (const piece of await Promise.all(parts)) {
      if (!piece) return null
      pieces.push(piece)
    }
    const [only] = pieces
    return pieces.length === 1 && only ? only : pages.joined(reading.user, pieces)
  }

  /** The ready page at which the query begins; -1 when it begins within one. */
  function startOf(index: PageIndex, after: Position | undefined): number {
    if (!after) return 0
    const from = index.pages.findIndex(({ last }) => comparePositions(last, after) === 0) + 1
    return from > 0 && from < index.pages.length ? from : -1
  }

  async function scan(reading: Reading, query: ResourceQuery, index: PageIndex, from: number, after?: Position) {
    const { user, list } = reading
    const wanted: VisibleResource[] = []
    for (let page = from; page < list.value.pageCount && wanted.length <= query.limit; page++) {
      if (page - from >= SCAN_PAGES_MAX) return null
      const body = await bodyOf(reading, page, index)
      if (!body) return null
      wanted.push(...itemsOf(body).filter((item) => matches(item, query, after)))
    }
    return pages.render(user, query, wanted)
  }

  async function search(reading: Reading, query: ResourceQuery, regular: boolean): Promise<RenderedPage | null> {
    const { user, list } = reading
    const after = pages.positionOf(user, query)
    // All of a short list is its only page, whatever more was asked for.
    if (list.value.pageCount === 1)
      return regular && !after ? list.value.first : scan(reading, query, ONLY_PAGE, 0, after)
    const name = regular ? `${query.limit} ${query.cursor ?? ''}` : ''
    const recent = regular ? recentPages.get(list.fillId, name) : undefined
    if (recent) return recent
    const index = await indexOf(reading)
    if (!index) return null
    const start = regular ? startOf(index, after) : -1
    if (start >= 0) {
      const page = await ready(reading, index, start, query.limit / DEFAULT_LIMIT)
      if (page) recentPages.set(list.fillId, name, page)
      return page
    }
    const from = pageAfter(index, after)
    return scan(reading, query, index, from < 0 ? list.value.pageCount : from, after)
  }

  return {
    find(user, query, list, wait) {
      const plain = query.kind === undefined && query.q === undefined && query.permission === undefined
      const regular = plain && query.limit % DEFAULT_LIMIT === 0
      if (regular && query.limit === DEFAULT_LIMIT && query.cursor === undefined) return list.value.first
      return search({ user, list, wait }, query, regular)
    },
  }
}

function itemsOf(body: Buffer): VisibleResource[] {
  return (JSON.parse(body.toString()) as { data: VisibleResource[] }).data
}

function matches(item: VisibleResource, { kind, q, permission }: ResourceQuery, after: Position | undefined): boolean {
  return (
    (!after || comparePositions(item, after) > 0) &&
    (kind === undefined || item.kind === kind) &&
    (q === undefined || item.name.startsWith(q)) &&
    (permission === undefined || atLeast(item.permission, permission))
  )
}
