import { describe, expect, it } from 'vitest'
import { NAME_PATTERN, nameFault } from './names.ts'

describe('the rule for names', () => {
  it('is the same in words and as the pattern that documents show', () => {
    for (const pattern of [new RegExp(NAME_PATTERN, 'u'), new RegExp(NAME_PATTERN)])
      for (let code = 0; code <= 0xffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) continue
        const character = String.fromCharCode(code)
        for (const name of [character, `a${character}b`, `${character}a`, `a${character}`])
          if (pattern.test(name) !== (nameFault(name) === null)) throw new Error(JSON.stringify([code, name]))
      }
    for (const name of ['', ' ', 'a  b', 'a ', '\u{1f469}\u{1f3fd}', 'a\u{1f469}'])
      expect([name, new RegExp(NAME_PATTERN).test(name)]).toEqual([name, nameFault(name) === null])
  })

  it.each(['a  b', 'a\u2800b', 'a b  c', '\u2800'])('refuses %j, which looks like another name', (name) => {
    expect(nameFault(name)).not.toBeNull()
  })

  it('is applied in no time, whatever the name', () => {
    const began = performance.now()
    const pattern = new RegExp(NAME_PATTERN, 'u')
    for (const text of ['a '.repeat(50_000), ' '.repeat(100_000), `${'a'.repeat(100_000)} `]) {
      nameFault(text)
      pattern.test(text)
    }
    expect(performance.now() - began).toBeLessThan(1000)
  })
})
