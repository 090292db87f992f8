/** A page of visible resources on the wire: the cache and SQL give the same bytes and the same validator. */
import { createHash } from 'node:crypto'
import type { ResourceQuery } from '../api.ts'
import type { CursorCodec } from '../cursor.ts'
import type { UserId, VisibleResource } from '../model.ts'
import type { Position } from '../source.ts'

/** The default number of items on a page; also how much of a list is cached. */
export const DEFAULT_LIMIT = 50

const HEAD = Buffer.from('{"data":[')
const COMMA = 0x2c
const tail = (nextCursor: string | null) => `],"nextCursor":${JSON.stringify(nextCursor)}}`

export interface RenderedPage {
  readonly body: Buffer
  readonly etag: string
  readonly nextCursor: string | null
}

/** Where a resource's JSON lies, in UTF-8: between `begin` and `end` of the texts, with the permission missing at `permissionAt`. */
export interface TextPlace extends Position {
  readonly texts: Buffer
  readonly begin: number
  readonly permissionAt: number
  readonly end: number
}

/** A visible resource as it goes out. It is copied once, to its place on the page. */
export class ReadyItem implements Position {
  readonly id: string
  readonly name: string
  readonly #texts: Buffer
  readonly #begin: number
  readonly #permissionAt: number
  readonly #end: number
  readonly #permission: Buffer

  constructor({ id, name, texts, begin, permissionAt, end }: TextPlace, permission: Buffer) {
    this.id = id
    this.name = name
    this.#texts = texts
    this.#begin = begin
    this.#permissionAt = permissionAt
    this.#end = end
    this.#permission = permission
  }

  get bytes(): number {
    return this.#end - this.#begin + this.#permission.length
  }

  get json(): Buffer {
    const json = Buffer.allocUnsafe(this.bytes)
    this.writeTo(json, 0)
    return json
  }

  /** @returns where it ends */
  writeTo(page: Buffer, at: number): number {
    const permissionAt = at + this.#texts.copy(page, at, this.#begin, this.#permissionAt)
    const restAt = permissionAt + this.#permission.copy(page, permissionAt)
    return restAt + this.#texts.copy(page, restAt, this.#permissionAt, this.#end)
  }
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
    const body = joined(shown, tail(nextCursor))
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

/** The texts between head and tail, with a comma between two. */
function joined(items: readonly ReadyItem[], end: string): Buffer {
  const commas = Math.max(0, items.length - 1)
  const bytes = items.reduce((sum, item) => sum + item.bytes, HEAD.length + commas + end.length)
  const body = Buffer.allocUnsafe(bytes)
  let at = HEAD.copy(body)
  for (const [place, item] of items.entries()) {
    if (place > 0) body[at++] = COMMA
    at = item.writeTo(body, at)
  }
  body.write(end, at, 'latin1')
  return body
}

export function readyItem(item: VisibleResource): ReadyItem {
  const texts = Buffer.from(JSON.stringify(item))
  const { id, name } = item
  return new ReadyItem({ id, name, texts, begin: 0, permissionAt: texts.length, end: texts.length }, NOTHING)
}

const NOTHING = Buffer.alloc(0)

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
