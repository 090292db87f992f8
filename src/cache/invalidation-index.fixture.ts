import { createInvalidationIndex } from './invalidation-index.ts'
import { parseSnapshot } from './snapshot.ts'
import type { Tag } from './tags.ts'
import { stamp } from './testing/index.ts'

export const alice = 'u:alice' as Tag
export const bob = 'u:bob' as Tag

/** An index that knows the whole past of a position, without a row; tags of the catalogue are kept for its lasting layer. */
export function indexAt(position: string, maxTags = 1000) {
  const index = createInvalidationIndex({
    retentionOf: (tag) => (tag.startsWith('c:') ? 'lasting' : 'volatile'),
    maxTags,
  })
  index.reset({ position: stamp(position), floor: parseSnapshot('1:1:'), rows: [] })
  return index
}
