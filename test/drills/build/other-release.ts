/**
 * Entries of a release in which fields of groups and lists have other names. What it stores, an older release can read
 * as JSON, and misses the fields it knows; only the shape version tells the two apart.
 */
import type { EntryCodec, EntryKey } from '../../../src/cache/index.ts'
import { has } from './parts.ts'

/** By the beginning of the key: the field, and its name in the other release. */
const RENAMED: readonly (readonly [prefix: string, field: string, other: string])[] = [
  ['resources:{', '"description":', '"explanation":'],
  ['user:groups:{', '"id":', '"no":'],
]

export function inOtherForm(codec: EntryCodec): EntryCodec {
  if (!has('other-release')) return codec
  return {
    ...codec,
    encode: (key, entry, lease) =>
      codec.encode(key, { ...entry, body: renamed(key, entry.body, (field, other) => [field, other]) }, lease),
    decode(key, bytes) {
      const entry = codec.decode(key, bytes)
      return entry && { ...entry, body: renamed(key, entry.body, (field, other) => [other, field]) }
    },
  }
}

function renamed(key: EntryKey, body: Buffer, direction: (field: string, other: string) => [string, string]): Buffer {
  const found = RENAMED.find(([prefix]) => key.startsWith(prefix))
  if (!found) return body
  const [from, to] = direction(found[1], found[2])
  return Buffer.from(body.toString().replaceAll(from, to))
}
