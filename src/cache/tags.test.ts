import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packTags, type Tag, tag, tagKind, unpackTags } from './tags.ts'

describe('a tag', () => {
  it('is a kind, a colon and an id, which may hold colons itself', () => {
    expect(tag(tagKind('u'), 'a:b')).toBe('u:a:b')
  })

  it.each(['', 'U', 'uu', '1', 'u ', ' u', 'au', 'ua'])('has a kind of one lower-case letter: not %j', (kind) => {
    expect(() => tagKind(kind)).toThrow(`a tag kind is one lower-case letter, got ${kind}`)
  })
})

describe('packed tags', () => {
  it('write an id once for all its kinds, in one order', () => {
    expect(packTags(['t:g1', 'g:g1', 'u:alice', 'g:g2', 't:g2', 't:g3'] as Tag[])).toEqual({
      gt: ['g1', 'g2'],
      u: ['alice'],
      t: ['g3'],
    })
  })

  it('name a kind once however often the tag is given', () => {
    expect(packTags(['u:alice', 'u:alice'] as Tag[])).toEqual({ u: ['alice'] })
  })

  it('are unpacked to the same tags', () => {
    const ids = fc.string({ unit: fc.constantFrom('a', '1', ':', '"', '\n', 'ż', '😀', '\ud800'), maxLength: 6 })
    const tags = fc.array(fc.tuple(fc.constantFrom('u', 't', 'g', 'c', 'l'), ids), { maxLength: 12 })
    fc.assert(
      fc.property(tags, (pairs) => {
        const given = pairs.map(([kind, id]) => tag(tagKind(kind), id))
        const unpacked = unpackTags(JSON.parse(JSON.stringify(packTags(given))))
        expect(new Set(unpacked)).toEqual(new Set(given))
        expect(unpacked).toHaveLength(new Set(given).size)
      }),
    )
  })
})
