import { describe, expect, it } from 'vitest'
import { parsePlainJson } from './plain-json.ts'

const read = (text: string) => parsePlainJson(Buffer.from(text))

describe('a number in a body', () => {
  it.each([
    '9007199254740992',
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567890',
    '100000000000000000000',
    '1e999',
    '-1e400',
    '1e-400',
    '0.1000000000000000055',
    '3.14159265358979323846',
    '123456789012345678.5',
    '9007199254740993.0',
    '9007199254740993e0',
  ])('%s is refused, because another number would be kept', (number) => {
    for (const text of [number, `[${number}]`, `{"attributes":{"deep":[{"n":${number}}]}}`])
      expect(() => read(text)).toThrow(/cannot be kept exactly/)
  })

  it.each([
    ['9007199254740991', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
    ['0.1', 0.1],
    ['0.30000000000000004', 0.30000000000000004],
    ['1.0', 1],
    ['1.50', 1.5],
    ['1e2', 100],
    ['1E+2', 100],
    ['1e21', 1e21],
    ['0.000000000000000000000000000001', 1e-30],
    ['0.0000000000000000000000000000', 0],
    ['5e-324', 5e-324],
    ['1.7976931348623157e308', 1.7976931348623157e308],
    ['1234567890.12345', 1234567890.12345],
  ])('%s is kept', (text, number) => {
    expect(read(text)).toBe(number)
    expect(read(`{"uuid":"1e5a3b2c-9007199254740993","n":${text}}`)).toEqual({
      uuid: '1e5a3b2c-9007199254740993',
      n: number,
    })
  })

  it('that is kept comes back as the same number when it is written again', () => {
    for (let round = 0; round < 2000; round++) {
      const number = (Math.random() - 0.5) * 10 ** Math.floor(Math.random() * 600 - 300)
      // Written without an exponent, these would be whole numbers that others cannot keep.
      if (Math.abs(number) > 2 ** 53 && Math.abs(number) < 1e21) continue
      expect(read(JSON.stringify([number]))).toEqual([number])
    }
  })
})

describe('an object in a body', () => {
  it.each([
    '{"a":1,"a":1}',
    '{"a":1,"a":2}',
    '{"a":1,"b":{},"\\u0061":2}',
    '[{"x":[{"name":"one","name" : "two"}]}]',
    '{"":0,"":1}',
    '{"a\\"":1,"a\\"":2}',
  ])('%s is refused, because readers disagree about which of the two counts', (text) => {
    expect(() => read(text)).toThrow(/names a member of an object twice/)
  })

  it.each([
    '{"a":"a","b":{"a":1},"c":[{"a":1},{"a":1}]}',
    '{"a":"\\":\\"b\\":"}',
    '{"a":"b:\\\\","c":"\\\\\\":"}',
    '["a:","b"]',
    '"a:"',
    ' { "a" \t:\n"x" , "A" : 2 } ',
    '{"constructor":1,"toString":2}',
  ])('%s is kept', (text) => {
    expect(read(text)).toEqual(JSON.parse(text))
  })

  it('is looked at in no time, however many strings it has', () => {
    const text = JSON.stringify(Array.from({ length: 50_000 }, (_, n) => ({ [`"${n}`]: '\\":"'.repeat(5) })))
    const began = performance.now()
    expect(read(text)).toHaveLength(50_000)
    expect(performance.now() - began).toBeLessThan(2000)
  })
})
