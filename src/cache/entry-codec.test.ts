import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEntryCodec, type Entry, fillIdIn, newFillId, PREFIX_LENGTH } from './entry-codec.ts'
import type { EntryKey } from './entry-store.ts'
import type { Snapshot } from './snapshot.ts'
import type { Tag } from './tags.ts'
import { DATABASE, entries, stamp } from './testing/index.ts'

const key = 'resources:{alice}' as EntryKey
const lease = { token: 'never stored', generation: 'generation-00001' }
const entry: Entry = {
  fillId: '0123456789abcdef',
  shape: 3,
  stamp: stamp('10:15:10,12'),
  tags: ['u:alice', 't:g1', 'g:g1', 'g:g2'] as Tag[],
  until: 1_700_000_000_123,
  loadedAt: 1_700_000_000_123,
  meta: { etag: '"x"', total: 3 },
  body: Buffer.from('{"data":[]}'),
}

describe('the bytes of an entry', () => {
  it('begin with a line of fixed length, then a line for people, then the value', () => {
    const [first, header, body] = entries.encode(key, entry, lease).toString().split('\n')
    expect(first).toBe('portcullis1 0123456789abcdef generation-00001')
    expect(PREFIX_LENGTH).toBe(46)
    expect(`${first}\n`).toHaveLength(PREFIX_LENGTH)
    expect(JSON.parse(header ?? '')).toEqual({
      mac: expect.stringMatching(/^[\w-]{22}$/),
      shape: 3,
      db: DATABASE,
      snapshot: '10:15:10,12',
      tags: { u: ['alice'], gt: ['g1'], g: ['g2'] },
      until: 1_700_000_000_123,
      at: 1_700_000_000_123,
      meta: { etag: '"x"', total: 3 },
    })
    expect(body).toBe('{"data":[]}')
  })

  it('are read back as they were written, whatever the value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = entries.decode(key, entries.encode(key, { ...entry, body: Buffer.from(bytes) }, lease))
        expect(decoded).toMatchObject({ fillId: entry.fillId, shape: 3, stamp: entry.stamp, until: entry.until })
        expect(decoded?.loadedAt).toBe(entry.loadedAt)
        expect(decoded?.meta).toEqual(entry.meta)
        expect(new Set(decoded?.tags)).toEqual(new Set(entry.tags))
        expect(decoded?.body.equals(Buffer.from(bytes))).toBe(true)
      }),
    )
  })

  it('say nothing of an end that they do not have, and are not read with one that is not an instant', () => {
    const endless = entries.encode(key, { ...entry, until: null }, lease)
    expect(endless.toString()).not.toContain('until')
    expect(entries.decode(key, endless)?.until).toBeNull()
    const wrong = { ...entry, until: '2026' as unknown as number }
    expect(entries.decode(key, entries.encode(key, wrong, lease))).toBeNull()
  })

  it('are read back with tags outside ASCII', () => {
    const tags = ['u:żółw\n"{}😀'] as Tag[]
    expect(entries.decode(key, entries.encode(key, { ...entry, tags }, lease))?.tags).toEqual(tags)
  })
})

describe('bytes that are not an entry of this format', () => {
  const whole = entries.encode(key, entry, lease)
  const change = (at: number, byte: number) => {
    const changed = Buffer.from(whole)
    changed[at] = byte
    return changed
  }

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['another program’s value', Buffer.from(`{"v":1}\n${'x'.repeat(100)}\n`)],
    ['another version', Buffer.from(whole.toString().replace('portcullis1', 'portcullis2'))],
    ['a magic word that goes on', change(11, 0x78)],
    ['a first line of another length', change(PREFIX_LENGTH - 1, 0x20)],
    ['the first line alone', whole.subarray(0, PREFIX_LENGTH)],
    ['a header cut short', whole.subarray(0, PREFIX_LENGTH + 20)],
    ['a header that is not JSON', change(PREFIX_LENGTH, 0x78)],
    ['a header of another shape', Buffer.concat([whole.subarray(0, PREFIX_LENGTH), Buffer.from('[]\nbody')])],
    ['a snapshot that is none', Buffer.from(whole.toString().replace('10:15:10,12', '10:x:'))],
  ])('is null: %s', (_name, bytes) => {
    expect(entries.decode(key, bytes)).toBe(null)
  })

  it('is not the first line that makes it whole, but the newline after the header', () => {
    expect(entries.decode(key, Buffer.from(`${whole.toString('utf8', 0, PREFIX_LENGTH)}\n`))).toBe(null)
    const empty = entries.encode(key, { ...entry, body: Buffer.alloc(0) }, lease)
    expect(entries.decode(key, empty)?.body).toHaveLength(0)
    expect(entries.decode(key, empty.subarray(0, empty.length - 1))).toBe(null)
  })
})

describe('what was not written by those who know the secret, for this key', () => {
  const whole = entries.encode(key, entry, lease)

  it('is null with any one byte changed', () => {
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(entries.decode(key, changed), `byte ${at}`).toBe(null)
    }
  })

  it('is null cut off anywhere, or with more behind it', () => {
    for (let length = 0; length < whole.length; length++)
      expect(entries.decode(key, whole.subarray(0, length)), `${length} bytes`).toBe(null)
    expect(entries.decode(key, Buffer.concat([whole, Buffer.from(' ')]))).toBe(null)
  })

  it('is null under another key', () => {
    expect(entries.decode('resources:{bob}' as EntryKey, whole)).toBe(null)
  })

  it('is null under another secret, and from a release that did not authenticate', () => {
    expect(createEntryCodec('somebody else’s secret, as long as ours').decode(key, whole)).toBe(null)
    const [first, header, body] = whole.toString().split('\n')
    const plain = (header ?? '').replace(/"mac":"[^"]*",/, '')
    expect(entries.decode(key, Buffer.from(`${first}\n${plain}\n${body}`))).toBe(null)
  })
})

describe('an entry written with the secret, but by a release that this one does not understand', () => {
  it('is null', () => {
    const snapshot = { ...entry.stamp.snapshot, xmin: 'soon' } as unknown as Snapshot
    const stranger = entries.encode(key, { ...entry, stamp: { database: DATABASE, snapshot } }, lease)
    expect(entries.decode(key, stranger)).toBe(null)
  })
})

describe('a fill id', () => {
  it('is read from the first line, also of an entry that is damaged behind it', () => {
    const whole = entries.encode(key, entry, lease)
    expect(fillIdIn(whole)).toBe(entry.fillId)
    expect(fillIdIn(whole.subarray(0, PREFIX_LENGTH))).toBe(entry.fillId)
  })

  it('has 16 characters and is never the same twice', () => {
    const ids = Array.from({ length: 100 }, newFillId)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/)
    expect(new Set(ids).size).toBe(ids.length)
  })
})
