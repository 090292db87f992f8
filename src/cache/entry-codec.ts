/**
 * The bytes of an entry: a fixed first line that scripts in the store compare, a JSON line that a person can read,
 * then the value. `redis-cli get` shows at a glance what was loaded, when, from where and what it depends on.
 *
 * The store is not trusted: an authentication code over the key, both lines and the value makes an entry worthless
 * under another key, with a byte changed or cut off, or written without the secret.
 */
import { createHmac, createSecretKey, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { EntryKey, Lease } from './entry-store.ts'
import { formatSnapshot, parseSnapshot, type Stamp } from './snapshot.ts'
import { type PackedTags, packTags, type Tag, unpackTags } from './tags.ts'

const MAGIC = 'portcullis1'
const ID_LENGTH = 16
const FILL_ID_AT = MAGIC.length + 1
const GENERATION_AT = FILL_ID_AT + ID_LENGTH + 1
/** Length of the first line with its newline, in bytes; `read.lua` and `fill.lua` rely on it. */
export const PREFIX_LENGTH = GENERATION_AT + ID_LENGTH + 1

const NEWLINE = 0x0a
const MAC_BYTES = 16
const MAC_LENGTH = Buffer.alloc(MAC_BYTES).toString('base64url').length
/** The header begins with the code, at a fixed place, so that the rest is authenticated as it stands. */
const MAC_FIELD = '{"mac":"'
const MAC_AT = PREFIX_LENGTH + MAC_FIELD.length
const MAC_END = MAC_AT + MAC_LENGTH
const KEY_PURPOSE = 'portcullis cache entries'

export interface Entry {
  readonly fillId: string
  /** Version of the value's shape: what another release wrote in another shape is a miss. */
  readonly shape: number
  readonly stamp: Stamp
  readonly tags: readonly Tag[]
  /** When it ends, by the database's clock, in milliseconds since the epoch; null: never. */
  readonly until: number | null
  /** Wall-clock milliseconds of the load by the loader's clock: shown to people, never used to decide. */
  readonly loadedAt: number
  /** What the layer stores with the value, such as an ETag. */
  readonly meta: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

interface Header {
  readonly mac: string
  readonly shape: number
  readonly db: string
  readonly snapshot: string
  readonly tags: PackedTags
  readonly until?: number
  readonly at: number
  readonly meta: Record<string, unknown>
}

/** 16 characters that identify one fill. */
export function newFillId(): string {
  return randomBytes(ID_LENGTH / 2).toString('hex')
}

/** The fill that the first line names, whatever follows. */
export function fillIdIn(bytes: Buffer): string {
  return bytes.toString('latin1', FILL_ID_AT, FILL_ID_AT + ID_LENGTH)
}

export interface EntryCodec {
  encode(key: EntryKey, entry: Entry, lease: Lease): Buffer
  /**
   * @returns null for anything that was not encoded with this secret for this key and is whole: another version, damage,
   * another program's value, another key's entry
   */
  decode(key: EntryKey, bytes: Buffer): Entry | null
}

/** @param secret the same for all instances that share a store; a key of its own is derived from it (HKDF, RFC 5869) */
export function createEntryCodec(secret: string): EntryCodec {
  const macKey = createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', KEY_PURPOSE, 32)))

  /** Over everything but the place where the code itself stands. */
  function macOf(key: EntryKey, bytes: Buffer): Buffer {
    const mac = createHmac('sha256', macKey).update(`${key}\n`).update(bytes.subarray(0, MAC_AT))
    const code = mac.update(bytes.subarray(MAC_END)).digest().subarray(0, MAC_BYTES)
    return Buffer.from(code.toString('base64url'), 'latin1')
  }

  function isAuthentic(key: EntryKey, bytes: Buffer): boolean {
    const given = bytes.subarray(MAC_AT, MAC_END)
    return given.length === MAC_LENGTH && timingSafeEqual(given, macOf(key, bytes))
  }

  return {
    encode(key, entry, lease) {
      const header: Header = {
        mac: ' '.repeat(MAC_LENGTH),
        shape: entry.shape,
        db: entry.stamp.database,
        snapshot: formatSnapshot(entry.stamp.snapshot),
        tags: packTags(entry.tags),
        ...(entry.until !== null && { until: entry.until }),
        at: entry.loadedAt,
        meta: entry.meta,
      }
      const lines = `${MAGIC} ${entry.fillId} ${lease.generation}\n${JSON.stringify(header)}\n`
      const bytes = Buffer.concat([Buffer.from(lines), entry.body])
      macOf(key, bytes).copy(bytes, MAC_AT)
      return bytes
    },

    decode(key, bytes) {
      if (bytes.toString('latin1', 0, FILL_ID_AT) !== `${MAGIC} ` || !isAuthentic(key, bytes)) return null
      const end = bytes.indexOf(NEWLINE, PREFIX_LENGTH)
      try {
        const header = JSON.parse(bytes.toString('utf8', PREFIX_LENGTH, end)) as Header
        return {
          fillId: fillIdIn(bytes),
          shape: header.shape,
          stamp: { database: String(header.db), snapshot: parseSnapshot(header.snapshot) },
          tags: unpackTags(header.tags),
          until: untilIn(header),
          loadedAt: header.at,
          meta: header.meta,
          body: bytes.subarray(end + 1),
        }
      } catch {
        return null
      }
    },
  }
}

/** @throws for a value that is not an instant */
function untilIn({ until }: Header): number | null {
  if (until === undefined) return null
  if (!Number.isFinite(until)) throw new TypeError('an entry ends at an instant')
  return until
}
