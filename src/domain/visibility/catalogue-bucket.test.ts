import { describe, expect, it } from 'vitest'
import { EMPTY_CONTENT, type GroupId, type Permission, type ResourceId } from '../model.ts'
import type { CatalogueItem } from '../source.ts'
import { bucketOfItems, decodeBucket, encodeBucket } from './catalogue-bucket.ts'

const item = (name: string, grants: [string, Permission][], kind = 'plan'): CatalogueItem => ({
  ...EMPTY_CONTENT,
  id: `id of ${name}` as ResourceId,
  name,
  kind,
  description: 'ä\n€ 😀',
  attributes: { nested: ['"', '\\'] },
  version: 7,
  updatedAt: '2026-01-01T00:00:00.000Z',
  grants: grants as [GroupId, Permission][],
})

const items = [
  item('zoë', [
    ['team', 'read'],
    ['lab', 'admin'],
  ]),
  item('nobody', []),
  item('😀\n"', [['lab', 'write']], 'ćma'),
]

describe('a bucket of the catalogue', () => {
  it.each([[items], [[]], [items.slice(1, 2)]])('is the same after it was stored and read', (some) => {
    const bucket = bucketOfItems(some)
    expect(decodeBucket(encodeBucket(bucket))).toEqual(bucket)
  })

  it('holds each resource as it goes out, but for the permission', () => {
    const { items: entries, texts } = decodeBucket(encodeBucket(bucketOfItems(items)))
    const shown = entries.map(({ begin, permissionAt, end }) => {
      const [before, after] = [texts.toString('utf8', begin, permissionAt), texts.toString('utf8', permissionAt, end)]
      return JSON.parse(`${before},"permission":"read"${after}`)
    })
    expect(shown).toEqual(items.map(({ grants: _, ...rest }) => ({ ...rest, permission: 'read' })))
  })

  it('names each group and each kind once, and no description, attribute or id beside the texts', () => {
    const [line = ''] = encodeBucket(bucketOfItems(items)).toString().split('\n')
    expect(JSON.parse(line)).toEqual({
      groups: ['team', 'lab'],
      kinds: ['plan', 'ćma'],
      items: [
        ['zoë', 0, expect.any(Number), expect.any(Number), 0, 'read', 1, 'admin'],
        ['nobody', 0, expect.any(Number), expect.any(Number)],
        ['😀\n"', 1, expect.any(Number), expect.any(Number), 1, 'write'],
      ],
    })
  })

  it('keeps the kind of each for the filter', () => {
    const { items: entries } = decodeBucket(encodeBucket(bucketOfItems(items)))
    expect(entries.map(({ kind }) => kind)).toEqual(['plan', 'plan', 'ćma'])
  })

  it('is a copy: it does not keep the line alive that it was read with', () => {
    const body = encodeBucket(bucketOfItems(items))
    const { texts } = decodeBucket(body)
    body.fill(0)
    expect(texts).toEqual(bucketOfItems(items).texts)
  })

  it.each([
    ['cut', (body: Buffer) => body.subarray(0, -1)],
    ['cut within its index', (body: Buffer) => body.subarray(0, 20)],
    ['too long', (body: Buffer) => Buffer.concat([body, Buffer.from('x')])],
    ['of an older format', () => Buffer.from('[]')],
    [
      'without its groups',
      (body: Buffer) => Buffer.from(body.toString().replace('"groups":["team","lab"]', '"groups":[]')),
    ],
    [
      'without its kinds',
      (body: Buffer) => Buffer.from(body.toString().replace('"kinds":["plan","ćma"]', '"kinds":["plan"]')),
    ],
  ])('is refused when it is %s', (_what, damage) => {
    const body = encodeBucket(bucketOfItems(items))
    expect(() => decodeBucket(damage(body))).toThrow()
  })
})
