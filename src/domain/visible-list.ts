/**
 * A user's filtered list as it is cached: pages of the default size, ready to be sent. The first is the entry itself;
 * a longer list has its further pages as parts, so that one page of ten thousand items moves one page.
 */
import { createHash } from 'node:crypto'
import type { Entry, ValueCodec } from '../cache/index.ts'
import type { UserId } from './model.ts'
import {
  comparePositions,
  DEFAULT_LIMIT,
  type ReadyItem,
  type RenderedPage,
  type ResourcePages,
} from './resource-page.ts'
import type { Position } from './source.ts'

export interface VisibleList {
  readonly first: RenderedPage
  /** How many resources are visible in all. */
  readonly total: number
  readonly pageCount: number
  /** What the index of a longer list must look like: parts are stored beside the entry, which vouches for them. */
  readonly indexDigest: string | null
  /** Present only in the process that derived it; elsewhere pages beyond the first are read as parts. */
  readonly pages?: readonly ListPage[]
}

export interface ListPage extends RenderedPage {
  readonly last: Position
}

/** Part 1 of a list of several pages: where each ends and its validator. Page `n` (from 1) is part `n + 1`. */
export interface PageIndex {
  readonly pages: readonly { readonly last: Position; readonly etag: string; readonly nextCursor: string | null }[]
}

export const INDEX_PART = 1
export const partOfPage = (page: number): number => page + 1

/** @param items all visible resources, in order */
export function buildList(user: UserId, items: readonly ReadyItem[], assemble: ResourcePages['assemble']): VisibleList {
  const query = { limit: DEFAULT_LIMIT }
  const pages: ListPage[] = []
  for (let from = 0; from === 0 || from < items.length; from += DEFAULT_LIMIT) {
    const page = assemble(user, query, items.slice(from, from + DEFAULT_LIMIT + 1))
    const { name, id } = items[Math.min(from + DEFAULT_LIMIT, items.length) - 1] ?? { name: '', id: '' }
    pages.push({ ...page, last: { name, id } })
  }
  const [first] = pages
  if (!first) throw new Error('a list has at least one page')
  const indexDigest = pages.length > 1 ? digestOf(encodeIndex(pages)) : null
  return { first, total: items.length, pageCount: pages.length, indexDigest, pages }
}

export const visibleListCodec: ValueCodec<VisibleList> = {
  encode: ({ first, total, pageCount, indexDigest, pages = [] }) => ({
    body: first.body,
    meta: { etag: first.etag, nextCursor: first.nextCursor, total, pageCount, indexDigest },
    parts: pageCount > 1 ? [encodeIndex(pages), ...pages.slice(1).map(({ body }) => body)] : [],
  }),
  decode({ body, meta }: Entry): VisibleList {
    const { etag, nextCursor, total, pageCount, indexDigest } = meta
    const known = typeof etag === 'string' && typeof pageCount === 'number' && typeof total === 'number'
    if (!known || !isTextOrNull(nextCursor) || !isTextOrNull(indexDigest)) throw new TypeError('not a visible list')
    return { first: { body, etag, nextCursor }, total, pageCount, indexDigest }
  },
}

function encodeIndex(pages: readonly ListPage[]): Buffer {
  const index: PageIndex = { pages: pages.map(({ last, etag, nextCursor }) => ({ last, etag, nextCursor })) }
  return Buffer.from(JSON.stringify(index))
}

/** @returns null when these are not the bytes that the list's entry vouches for */
export function decodeIndex(bytes: Buffer, digest: string | null): PageIndex | null {
  return digestOf(bytes) === digest ? (JSON.parse(bytes.toString()) as PageIndex) : null
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64url')
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

/** The page that holds the first item after the position. */
export function pageAfter({ pages }: PageIndex, position: Position | undefined): number {
  if (!position) return 0
  return pages.findIndex(({ last }) => comparePositions(last, position) > 0)
}
