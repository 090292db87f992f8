/** Keys under the prefix; nothing outside it is ever read, scanned or deleted. */
import { createMemo, type EntryKey, type LayerName, type LayerNames } from '../cache/index.ts'

export interface Keys {
  entry(key: EntryKey): string
  /** The same, made once: for what every read asks. */
  remembered(key: EntryKey): string
  lease(key: EntryKey): string
  parts(key: EntryKey): string
  generation(layer: LayerName): string
  readonly heartbeat: string
  /** What SCAN matches to find a layer's entries, parts and leases; braces are literal in Redis patterns. */
  pattern(layer: LayerName): string
}

export function createKeys(prefix: string, { names, pattern }: LayerNames): Keys {
  const generations = new Map<LayerName, string>(names.map((layer) => [layer, `${prefix}generation:${layer}`]))
  const entry = (key: EntryKey) => prefix + key
  // A prefix with glob characters would reach outside itself.
  const literal = prefix.replace(/[\\*?[\]^-]/g, '\\$&')
  return {
    entry,
    remembered: createMemo(entry),
    lease: (key) => `${prefix}${key}:lease`,
    parts: (key) => `${prefix}${key}:parts`,
    generation: (layer) => generations.get(layer) ?? `${prefix}generation:${layer}`,
    heartbeat: `${prefix}heartbeat`,
    pattern: (layer) => literal + pattern(layer),
  }
}
