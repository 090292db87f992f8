/** What an entry depends on and an invalidation names: a kind, a colon, an id, such as `u:alice`. */
export type Tag = string & { readonly __brand: 'Tag' }

/** One-letter kinds keep the tags of a user in hundreds of groups compact in an entry's header. */
export type TagKind = string & { readonly __brand: 'TagKind' }

/**
 * @param kind a single letter from a to z
 * @throws TypeError for anything else
 */
export function tagKind(kind: string): TagKind {
  if (!/^[a-z]$/.test(kind)) throw new TypeError(`a tag kind is one lower-case letter, got ${kind}`)
  return kind as TagKind
}

/** @returns the kind, a colon and the id, such as `u:alice` */
export function tag(kind: TagKind, id: string): Tag {
  return `${kind}:${id}` as Tag
}

/** Ids under every combination of kinds they appear with: `{ u: ['alice'], gt: ['…', '…'] }`. */
export type PackedTags = Readonly<Record<string, readonly string[]>>

/** Groups the ids that carry the same kinds, so that a group's id is written once for both of its tags. */
export function packTags(tags: readonly Tag[]): PackedTags {
  const kindsById = new Map<string, string>()
  for (const each of tags) {
    const id = each.slice(2)
    kindsById.set(id, (kindsById.get(id) ?? '') + each[0])
  }
  const idsByKinds = new Map<string, string[]>()
  for (const [id, kinds] of kindsById) {
    const sorted = [...new Set(kinds)].sort().join('')
    const ids = idsByKinds.get(sorted)
    if (ids) ids.push(id)
    else idsByKinds.set(sorted, [id])
  }
  return Object.fromEntries(idsByKinds)
}

export function unpackTags(packed: PackedTags): Tag[] {
  return Object.entries(packed).flatMap(([kinds, ids]) =>
    ids.flatMap((id) => [...kinds].map((kind) => `${kind}:${id}` as Tag)),
  )
}
