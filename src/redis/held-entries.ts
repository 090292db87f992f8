/** How many entries Redis holds of what a flush names, for the person who is about to confirm it. */
import type { EntryKey, LayerName } from '../cache/index.ts'
import { StoreUnavailableError } from '../cache/index.ts'
import type { Guard } from './guard.ts'
import type { Keys } from './keys.ts'
import type { ScriptedRedis } from './scripts.ts'

export interface Named {
  readonly keys: readonly EntryKey[]
  readonly layers: readonly LayerName[]
}

/** Counting a million keys takes about a second; after this long there is no number. */
const MAX_MS = 2000
const AT_ONCE = 1000

/** @returns null where Redis cannot say, or not in time; the flush does not depend on it */
export async function countHeldEntries(
  { redis, guard, keys }: { readonly redis: ScriptedRedis; readonly guard: Guard; readonly keys: Keys },
  named: Named,
): Promise<number | null> {
  const until = performance.now() + MAX_MS
  let held = 0
  try {
    for (const layer of named.layers) {
      for (let cursor: string | null = '0'; cursor !== null; ) {
        const from: string = cursor
        const scanned: [string, string[]] = await guard.run('scan', () =>
          redis.scan(from, 'MATCH', keys.pattern(layer), 'COUNT', AT_ONCE),
        )
        const [next, found] = scanned
        held += found.filter((name) => !/:(lease|parts)$/.test(name)).length
        cursor = next === '0' ? null : next
        if (performance.now() > until) return null
      }
    }
    for (let start = 0; start < named.keys.length; start += AT_ONCE) {
      const names = named.keys.slice(start, start + AT_ONCE).map(keys.entry)
      held += await guard.run('exists', () => redis.exists(names))
      if (performance.now() > until) return null
    }
    return held
  } catch (error) {
    if (error instanceof StoreUnavailableError) return null
    throw error
  }
}
