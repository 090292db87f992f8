import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boundsOf } from './prefix-bounds.ts'

/** UTF-8 sorts by code point, as COLLATE "C" does. */
const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
const within = (name: string, prefix: string | undefined) => {
  const { from, to } = boundsOf(prefix)
  return compare(name, from) >= 0 && compare(name, to) < 0
}
/** Few characters, so that one text often begins another; among them the last ones and those beside the surrogates. */
const unit = fc.constantFrom('a', 'b', '%', 'é', '\ud7ff', '\ue000', '\uffff', '\u{1f600}', '\u{10ffff}')
const text = (max: number) => fc.string({ unit, maxLength: max })

describe('the bounds of a prefix', () => {
  it('hold exactly the texts that begin with it', () => {
    fc.assert(
      fc.property(text(6), text(6), text(4), (prefix, other, rest) => {
        expect(within(other, prefix)).toBe(other.startsWith(prefix))
        expect(within(prefix + rest, prefix)).toBe(true)
      }),
    )
  })

  it.each(['\u{10ffff}', 'a\u{10ffff}\u{10ffff}', '\ud7ff', 'z\ud7ff', '%_', ''])('hold at the edge %j', (prefix) => {
    expect(within(`${prefix}x`, prefix)).toBe(true)
    expect(within(`${prefix}\u{10ffff}`, prefix)).toBe(true)
    if (prefix !== '') expect(within('', prefix)).toBe(false)
  })

  it('hold every name where there is no prefix', () => {
    expect(within('\u{10ffff}'.repeat(200), undefined)).toBe(true)
  })
})
