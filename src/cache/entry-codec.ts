/**
 * The bytes of an entry: a fixed first line that scripts in the store compare, a JSON line that a person can read,
 * then the value. `redis-cli get` shows at a glance what was loaded, when, from where and what it depends on.
 */
import { randomBytes } from 'node:crypto'
import type { Lease } from './entry-store.ts'
import { formatSnapshot, parseSnapshot, type Stamp } from './snapshot.ts'
import { type PackedTags, packTags, type Tag, unpackTags } from './tags.ts'

const MAGIC = 'portcullis1'
const ID_LENGTH = 16
const FILL_ID_AT = MAGIC.length + 1
const GENERATION_AT = FILL_ID_AT + ID_LENGTH + 1
/** Length of the first line with its newline, in bytes; `read.lua` and `fill.lua` rely on it. */
export const PREFIX_LENGTH = GENERATION_AT + ID_LENGTH + 1

const NEWLINE = 0x0a

export interface Entry {
  readonly fillId: string
  readonly stamp: Stamp
  readonly tags: readonly Tag[]
  /** Wall-clock milliseconds of the load by the loader's clock: shown to people, never used to decide. */
  readonly loadedAt: number
  /** What the layer wants beside the value, such as an ETag. */
  readonly meta: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

interface Header {
  readonly db: string
  readonly snapshot: string
  readonly tags: PackedTags
  readonly at: number
  readonly meta: Record<string, unknown>
}

/** 16 characters that name one fill for good. */
export function newFillId(): string {
  return randomBytes(ID_LENGTH / 2).toString('hex')
}

export function encodeEntry(entry: Entry, lease: Lease): Buffer {
  const header: Header = {
    db: entry.stamp.database,
    snapshot: formatSnapshot(entry.stamp.snapshot),
    tags: packTags(entry.tags),
    at: entry.loadedAt,
    meta: entry.meta,
  }
  const lines = `${MAGIC} ${entry.fillId} ${lease.generation}\n${JSON.stringify(header)}\n`
  return Buffer.concat([Buffer.from(lines), entry.body])
}

/** @returns null for anything that is not an entry of this format, whole: another version, damage, another program's value */
export function decodeEntry(bytes: Buffer): Entry | null {
  if (bytes.toString('latin1', 0, FILL_ID_AT) !== `${MAGIC} `) return null
  if (bytes[PREFIX_LENGTH - 1] !== NEWLINE) return null
  const end = bytes.indexOf(NEWLINE, PREFIX_LENGTH)
  if (end < 0) return null
  try {
    const header = JSON.parse(bytes.toString('utf8', PREFIX_LENGTH, end)) as Header
    return {
      fillId: bytes.toString('latin1', FILL_ID_AT, FILL_ID_AT + ID_LENGTH),
      stamp: { database: String(header.db), snapshot: parseSnapshot(header.snapshot) },
      tags: unpackTags(header.tags),
      loadedAt: header.at,
      meta: header.meta,
      body: bytes.subarray(end + 1),
    }
  } catch {
    return null
  }
}
