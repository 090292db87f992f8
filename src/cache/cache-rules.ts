/** The rules of a service's mutations: each names entries, tags or layers that go stale. */
import { CacheOptionsError, refuseUntyped } from './cache-options.ts'
import type { PartsOf } from './cache-reader.ts'
import { entryTag, layerTag } from './cache-tags.ts'
import type { LayerRows, Layers } from './layers.ts'
import { type Invalidation, NOTHING_INVALIDATED, type Rule } from './mutation.ts'
import type { Tag } from './tags.ts'

/** What a mutation makes stale. It is evaluated inside the transaction, before the write and after it. */
export type CacheRule<Tx> = Rule<Tx, null>

export interface CacheRules<Rows extends LayerRows, Tx> {
  /** One entry, and what is derived from its layer only where rules name it. */
  entry<Name extends keyof Rows & string>(layer: Name, ...parts: PartsOf<Rows, Name>): CacheRule<Tx>
  /** Entries found inside the transaction, before the write and after it. */
  entries<Name extends keyof Rows & string>(
    layer: Name,
    find: (tx: Tx) => Promise<readonly PartsOf<Rows, Name>[]>,
  ): CacheRule<Tx>
  /** Every entry with one of these tags. Other instances learn of it from the log, within milliseconds. */
  tagged(...tags: readonly Tag[]): CacheRule<Tx>
  /** Every entry of a layer, and of what is derived from it. */
  layer(name: keyof Rows & string): CacheRule<Tx>
}

export function createCacheRules<Rows extends LayerRows, Tx>(layers: Layers<Rows>): CacheRules<Rows, Tx> {
  function namingEntries<Name extends keyof Rows & string>(
    name: Name,
    found: readonly PartsOf<Rows, Name>[],
  ): Invalidation {
    if (!found.every(Array.isArray))
      throw new CacheOptionsError(`entries of ${name} are lists of their parts, such as [['gold'], ['silver']]`)
    const keys = found.map((parts) => ({ layer: name, key: layers.keyOf(name, ...parts) }))
    return { ...NOTHING_INVALIDATED, keys, tags: keys.map(({ key }) => entryTag(key)) }
  }

  return {
    entry: (name, ...parts) => {
      const named = namingEntries(name, [parts])
      return () => named
    },
    entries: (name, find) => async (tx) => namingEntries(name, await find(tx)),
    tagged(...tags) {
      refuseUntyped('tagged', tags)
      return () => ({ ...NOTHING_INVALIDATED, tags })
    },
    layer(name) {
      const closure = layers.closureOf(name)
      return () => ({ tags: closure.map(layerTag), keys: [], layers: closure })
    },
  }
}
