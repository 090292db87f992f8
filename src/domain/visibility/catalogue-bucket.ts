/**
 * A bucket of the catalogue as it is stored and as a process keeps it: the JSON of its resources one after the other,
 * as it goes out, and beside it what is needed to find, order and count them. It is made once, when it is loaded; a
 * process that gets it from the store parses the small part and keeps the large one as bytes.
 */

import { contentOf, type GroupId, type Permission } from '../model.ts'
import type { CatalogueGrant, CatalogueItem } from '../source.ts'
import { inOwnMemory } from './own-memory.ts'

export interface CatalogueBucket {
  readonly items: readonly BucketItem[]
  readonly texts: Buffer
}

/** From `begin` to `end` in the texts lies the resource, with the permission missing at `permissionAt`. */
export interface BucketItem {
  readonly name: string
  readonly kind: string
  readonly begin: number
  readonly permissionAt: number
  readonly end: number
  readonly grants: readonly CatalogueGrant[]
}

/**
 * As stored: groups and kinds by their place in one list, because a group's id is long and most have many resources. A
 * grant is a group's place and a permission, and where it has an end a third: the end, as text, so that it is not a place.
 */
interface StoredIndex {
  readonly groups: readonly GroupId[]
  readonly kinds: readonly string[]
  readonly items: readonly StoredItem[]
}
type StoredItem = readonly [name: string, kind: number, permissionAt: number, end: number, ...grants: StoredGrant[]]
type StoredGrant = number | Permission | End
/** Milliseconds since the epoch. */
type End = `${number}`

const NEWLINE = 0x0a

export function bucketOfItems(items: readonly CatalogueItem[]): CatalogueBucket {
  const texts = items.map(textOf)
  let end = 0
  const entries = items.map(({ name, kind, grants }, at) => {
    const { text = '', afterPermission = '' } = texts[at] ?? {}
    const begin = end
    end += Buffer.byteLength(text)
    return { name, kind, begin, permissionAt: end - afterPermission.length, end, grants }
  })
  return { items: entries, texts: inOwnMemory(Buffer.from(texts.map(({ text }) => text).join(''))) }
}

/** One line of JSON, then the texts: `redis-cli get` shows both. */
export function encodeBucket({ items, texts }: CatalogueBucket): Buffer {
  const [groups, kinds] = [createPlaces<GroupId>(), createPlaces<string>()]
  const stored = items.map(
    ({ name, kind, permissionAt, end, grants }): StoredItem => [
      name,
      kinds.placeOf(kind),
      permissionAt,
      end,
      ...grants.flatMap(([group, permission, until]): StoredGrant[] => {
        const place = groups.placeOf(group)
        return until === undefined ? [place, permission] : [place, permission, `${until}`]
      }),
    ],
  )
  const index: StoredIndex = { groups: groups.all(), kinds: kinds.all(), items: stored }
  return Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), texts])
}

function createPlaces<Value>() {
  const places = new Map<Value, number>()
  return {
    placeOf(value: Value): number {
      const place = places.get(value) ?? places.size
      places.set(value, place)
      return place
    },
    all: (): Value[] => [...places.keys()],
  }
}

/** @throws when it is damaged */
export function decodeBucket(body: Buffer): CatalogueBucket {
  const line = body.indexOf(NEWLINE)
  const { groups, kinds, items } = JSON.parse(body.toString('utf8', 0, line)) as StoredIndex
  const texts = Buffer.allocUnsafeSlow(body.length - line - 1)
  body.copy(texts, 0, line + 1)
  let begin = 0
  const entries = items.map(([name, place, permissionAt, end, ...grants]) => {
    const kind = kinds[place]
    if (kind === undefined) throw new Error('a bucket names a kind that is not in its list')
    const item = { name, kind, begin, permissionAt, end, grants: grantsOf(grants, groups) }
    begin = end
    return item
  })
  if (begin !== texts.length) throw new Error('the texts of a bucket are not as long as its index says')
  return { items: entries, texts }
}

function grantsOf(stored: readonly StoredGrant[], groups: readonly GroupId[]): CatalogueGrant[] {
  const grants: CatalogueGrant[] = []
  for (let at = 0; at < stored.length; ) {
    const group = groups[stored[at] as number]
    if (group === undefined) throw new Error('a bucket names a group that is not in its list')
    const permission = stored[at + 1] as Permission
    const end = stored[at + 2]
    const ends = typeof end === 'string'
    grants.push(ends ? [group, permission, Number(end)] : [group, permission])
    at += ends ? 3 : 2
  }
  return grants
}

/** The order of the properties is the order on the wire, on the SQL path too; the permission goes before the version. */
function textOf(item: CatalogueItem) {
  const { id, version, updatedAt } = item
  const afterPermission = `,${JSON.stringify({ version, updatedAt }).slice(1)}`
  const text = JSON.stringify({ id, ...contentOf(item) }).slice(0, -1) + afterPermission
  return { text, afterPermission }
}
