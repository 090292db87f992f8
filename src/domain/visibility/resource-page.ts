/** How a page of visible resources looks on the wire, from the cache and from SQL alike: the same bytes, the same validator. */
import { createHash } from 'node:crypto'
import type { ResourceQuery } from '../api.ts'
import type { CursorCodec } from '../cursor.ts'
import type { UserId, VisibleResource } from '../model.ts'
import type { Position } from '../source.ts'

/** Items on a page when the client does not say; also what of a list is cached. */
export const DEFAULT_LIMIT = 50

const HEAD = Buffer.from('{"data":[')
const COMMA = Buffer.from(',')
const tail = (nextCursor: string | null) => `],"nextCursor":${JSON.stringify(nextCursor)}}`

export interface RenderedPage {
  readonly body: Buffer
  readonly etag: string
  readonly nextCursor: string | null
}

/** A visible resource as it goes out, and what is needed to put it in its place. */
export interface ReadyItem extends Position {
  /** UTF-8. */
  readonly json: Buffer
}

export interface ResourcePages {
  /** @param items one more than the limit when there are more */
  render(user: UserId, query: ResourceQuery, items: readonly VisibleResource[]): RenderedPage
  /** As `render`, from items that are JSON already. */
  assemble(user: UserId, query: ResourceQuery, items: readonly ReadyItem[]): RenderedPage
  /** Where the query's cursor points; undefined at the beginning. @throws DomainError `invalid-input` */
  positionOf(user: UserId, query: ResourceQuery): Position | undefined
}

export function createResourcePages(cursors: CursorCodec): ResourcePages {
  function assemble(user: UserId, query: ResourceQuery, items: readonly ReadyItem[]): RenderedPage {
    const shown = items.slice(0, query.limit)
    const last = shown.at(-1)
    const more = items.length > shown.length && last
    const nextCursor = more ? cursors.encode(scopeOf(user, query), [last.name, last.id]) : null
    const bytes = shown.flatMap(({ json }, at) => (at === 0 ? [json] : [COMMA, json]))
    const body = Buffer.concat([HEAD, ...bytes, Buffer.from(tail(nextCursor))])
    return { body, etag: etagOf(user, body), nextCursor }
  }

  return {
    render: (user, query, items) => assemble(user, query, items.map(readyItem)),
    assemble,
    positionOf(user, query) {
      if (query.cursor === undefined) return undefined
      const [name = '', id = ''] = cursors.decode(scopeOf(user, query), query.cursor)
      return { name, id }
    },
  }
}

export function readyItem(item: VisibleResource): ReadyItem {
  return { id: item.id, name: item.name, json: Buffer.from(JSON.stringify(item)) }
}

/** Before or at: by code point of the name, then by id, as the database orders (COLLATE "C"). */
export function comparePositions(a: Position, b: Position): number {
  if (a.name === b.name) return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
  return compareByCodePoint(a.name, b.name)
}

/** UTF-16 order differs from code point order only where surrogates meet characters above them. */
function compareByCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (left !== right) return isSurrogate(left) === isSurrogate(right) ? left - right : isSurrogate(left) ? 1 : -1
  }
  return a.length - b.length
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

/** Depends on the user, the data and the permissions, not on when it was loaded: identical data keeps its tag. */
function etagOf(user: UserId, body: Buffer): string {
  return `"${createHash('sha256').update(user).update('\0').update(body).digest('base64url').slice(0, 27)}"`
}

function scopeOf(user: UserId, { kind, q, permission }: ResourceQuery): (string | undefined)[] {
  return ['resources', user, kind, q, permission]
}
