/**
 * A bucket of the catalogue as it is stored and as a process keeps it: the JSON of its resources one after the other,
 * as it goes out, and beside it what is needed to find, order and weigh them. It is made once, when it is loaded; who
 * gets it from the store parses the small part and keeps the large one as the bytes it is.
 */
import type { GroupId, Permission } from './model.ts'
import type { CatalogueItem } from './source.ts'

export interface CatalogueBucket {
  readonly items: readonly BucketItem[]
  readonly texts: Buffer
}

/** From `begin` to `end` in the texts lies the resource, with the permission missing at `permissionAt`. */
export interface BucketItem {
  readonly name: string
  readonly begin: number
  readonly permissionAt: number
  readonly end: number
  readonly grants: readonly (readonly [GroupId, Permission])[]
}

/** As stored: groups by their place in one list, because an id is long and most have many resources. */
interface StoredIndex {
  readonly groups: readonly GroupId[]
  readonly items: readonly StoredItem[]
}
type StoredItem = readonly [name: string, permissionAt: number, end: number, ...grants: (number | Permission)[]]

const NEWLINE = 0x0a

export function bucketOfItems(items: readonly CatalogueItem[]): CatalogueBucket {
  const texts = items.map(textOf)
  let end = 0
  const entries = items.map(({ name, grants }, at) => {
    const { text = '', afterPermission = '' } = texts[at] ?? {}
    const begin = end
    end += Buffer.byteLength(text)
    return { name, begin, permissionAt: end - afterPermission.length, end, grants }
  })
  return { items: entries, texts: Buffer.from(texts.map(({ text }) => text).join('')) }
}

/** One line of JSON, then the texts: `redis-cli get` shows both. */
export function encodeBucket({ items, texts }: CatalogueBucket): Buffer {
  const places = new Map<GroupId, number>()
  const placeOf = (group: GroupId) => {
    const place = places.get(group) ?? places.size
    places.set(group, place)
    return place
  }
  const stored = items.map(
    ({ name, permissionAt, end, grants }): StoredItem => [
      name,
      permissionAt,
      end,
      ...grants.flatMap(([group, permission]) => [placeOf(group), permission]),
    ],
  )
  const index: StoredIndex = { groups: [...places.keys()], items: stored }
  return Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), texts])
}

/** @throws when it is damaged */
export function decodeBucket(body: Buffer): CatalogueBucket {
  const line = body.indexOf(NEWLINE)
  const { groups, items } = JSON.parse(body.toString('utf8', 0, line)) as StoredIndex
  // A copy: the view would keep the line alive with it.
  const texts = Buffer.from(body.subarray(line + 1))
  let begin = 0
  const entries = items.map(([name, permissionAt, end, ...grants]) => {
    const item = { name, begin, permissionAt, end, grants: pairsOf(grants, groups) }
    begin = end
    return item
  })
  if (begin !== texts.length) throw new Error('the texts of a bucket are not as long as its index says')
  return { items: entries, texts }
}

function pairsOf(grants: readonly (number | Permission)[], groups: readonly GroupId[]): [GroupId, Permission][] {
  const pairs: [GroupId, Permission][] = []
  for (let at = 0; at < grants.length; at += 2) {
    const group = groups[grants[at] as number]
    if (group === undefined) throw new Error('a bucket names a group that is not in its list')
    pairs.push([group, grants[at + 1] as Permission])
  }
  return pairs
}

/** The order of the properties is the order on the wire, on the SQL path too; the permission goes before the version. */
function textOf({ id, name, kind, description, attributes, version, updatedAt }: CatalogueItem) {
  const afterPermission = `,${JSON.stringify({ version, updatedAt }).slice(1)}`
  const text = JSON.stringify({ id, name, kind, description, attributes }).slice(0, -1) + afterPermission
  return { text, afterPermission }
}
