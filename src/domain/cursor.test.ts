import { describe, expect, it } from 'vitest'
import { createCursorCodec } from './cursor.ts'

const codec = createCursorCodec('0123456789abcdef0123456789abcdef')
const scope = ['resources', 'alice', undefined, 'pay', undefined]
const position = ['płan "x"', '0a00']
const cursor = codec.encode(scope, position)
const REFUSED = expect.objectContaining({
  code: 'invalid-input',
  message: 'the cursor was not issued for this list, user and query; start without one',
  problems: [{ path: 'cursor', message: 'is not a cursor of this list, user and query' }],
})

const changed = (change: (bytes: Buffer) => Buffer) => change(Buffer.from(cursor, 'base64url')).toString('base64url')

describe('a cursor', () => {
  it('reads back as the position it was made from', () => {
    expect(codec.decode(scope, cursor)).toEqual(position)
    expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/)
  })

  it.each([
    ['another user', ['resources', 'bob', undefined, 'pay', undefined]],
    ['another list', ['groups', 'alice', undefined, 'pay', undefined]],
    ['another place of the same filter', ['resources', 'alice', 'pay', undefined, undefined]],
    ['a filter less', ['resources', 'alice', undefined, undefined, undefined]],
    ['parts joined differently', ['resources', 'alice,pay', undefined]],
    ['an empty filter', ['resources', 'alice', '', 'pay', undefined]],
  ])('is refused for %s', (_name, other) => {
    expect(() => codec.decode(other, cursor)).toThrow(REFUSED)
  })

  it('is refused where another secret is used', () => {
    expect(() => createCursorCodec('another secret of thirty-two bytes').decode(scope, cursor)).toThrow(REFUSED)
  })

  it.each([
    ['nothing', ''],
    ['half a seal', cursor.slice(0, 12)],
    [
      'a position moved by a byte',
      changed((bytes) => Buffer.concat([bytes.subarray(0, 18), Buffer.from('x'), bytes.subarray(19)])),
    ],
    ['a position cut short', changed((bytes) => bytes.subarray(0, bytes.length - 1))],
    [
      'a seal changed in its last byte',
      changed((bytes) => {
        bytes[15] = (bytes[15] ?? 0) ^ 1
        return bytes
      }),
    ],
    ['padding', `${cursor}=`],
    ['something before it', ` ${cursor}`],
    ['something after it', `${cursor}!`],
  ])('is refused when it is %s', (_name, text) => {
    expect(() => codec.decode(scope, text)).toThrow(REFUSED)
  })

  it('is refused when it is longer than any that is issued', () => {
    const long = codec.encode(scope, ['x'.repeat(8000)])
    expect(() => codec.decode(scope, long)).toThrow(REFUSED)
    const longest = codec.encode(scope, ['x'.repeat(5000)])
    expect(codec.decode(scope, longest)).toEqual(['x'.repeat(5000)])
  })
})
