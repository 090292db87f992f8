/**
 * The tags of entries of `createCache`: two that name the entry itself, one that all entries share, and those that a
 * service defines.
 */
import { CacheOptionsError } from './cache-options.ts'
import type { EntryKey, LayerName } from './entry-store.ts'
import { type Tag, tag, tagKind } from './tags.ts'

const WHOLE_LAYER = tagKind('l')
const ENTRY = tagKind('e')

export const entryTag = (key: EntryKey): Tag => tag(ENTRY, key)
export const layerTag = (name: LayerName): Tag => tag(WHOLE_LAYER, name)

/** Every entry carries it; it invalidates entries that no other tag names. */
export const EVERYTHING: Tag = tag(WHOLE_LAYER, '*')

/**
 * A kind of tag of the service's own: `const product = defineTag('p')`, then `product(17)` is `p:17`.
 * @param kind one letter from a to z, except e and l
 * @throws CacheOptionsError for another kind
 */
export function defineTag(kind: string): (id: string | number) => Tag {
  if (!/^[a-z]$/.test(kind) || kind === WHOLE_LAYER || kind === ENTRY)
    throw new CacheOptionsError(`a tag is named by one letter from a to z, except e and l; got ${kind}`)
  return (id) => {
    if (id === undefined || (typeof id === 'object' && id !== null))
      throw new CacheOptionsError(`the tag ${kind} is of an id, which is text or a number; got ${typeof id}`)
    return tag(tagKind(kind), String(id))
  }
}
