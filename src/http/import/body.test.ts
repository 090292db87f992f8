import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DomainError } from '../../domain/errors.ts'
import { cutIntoPieces, type ImportPieces, type Piece } from '../../domain/import-pieces.ts'
import { parsePlainJson } from '../plain-json.ts'
import { HttpError, parsed } from '../problem.ts'
import { importBody, readImport } from './body.ts'

/** As any other body is read: parsed as a whole, then checked as a whole. */
function readWhole(bytes: Uint8Array): ImportPieces {
  return cutIntoPieces(parsed(importBody, parsePlainJson(bytes), 'body'))
}

const bytesOf = (text: string) => new TextEncoder().encode(text)
const texts = (pieces: readonly Piece[]) => pieces.map(({ items, json }) => [items, new TextDecoder().decode(json)])

function outcome(read: (bytes: Uint8Array) => ImportPieces, bytes: Uint8Array): unknown {
  try {
    const { sizes, pieces, elsewhere, duplicates } = read(bytes)
    const each = (named: object) =>
      Object.fromEntries(Object.entries(named).map(([name, of]) => [name, texts(of as Piece[])]))
    return { sizes, pieces: each(pieces), elsewhere: each(elsewhere), duplicates }
  } catch (error) {
    // Where a text has several faults, the two ways may name different ones.
    if (error instanceof HttpError || (error instanceof DomainError && error.problems.length === 0)) return 'no text'
    if (!(error instanceof DomainError)) throw error
    const { code, message, problems } = error
    return { code, message, problems: problems.map(({ path, message }) => `${path} ${message}`).sort() }
  }
}

const alike = (text: string | Uint8Array) => {
  const bytes = typeof text === 'string' ? bytesOf(text) : text
  expect(outcome(readImport, bytes)).toEqual(outcome(readWhole, bytes))
}

const name = fc.oneof(fc.constantFrom('a', 'b', 'ä ö', '🜁', '"],[{', 'back\\slash\\'), fc.string({ maxLength: 4 }))
const membership = fc.record({
  group: name,
  user: name,
  role: fc.constantFrom('member', 'maintainer', 'owner'),
})
const anything = fc.jsonValue({ maxDepth: 3 })
const item = fc.oneof({ weight: 6, arbitrary: membership }, { weight: 1, arbitrary: anything })
const list = fc.oneof({ weight: 6, arbitrary: fc.array(item, { maxLength: 5 }) }, { weight: 1, arbitrary: anything })
const user = fc.record({ id: name, displayName: name }, { requiredKeys: ['id'] })
const body = fc.record(
  {
    users: fc.oneof({ weight: 6, arbitrary: fc.array(user, { maxLength: 4 }) }, anything),
    memberships: list,
    groups: fc.array(fc.record({ name, parent: fc.option(name) }, { requiredKeys: ['name'] }), { maxLength: 4 }),
    resources: fc.array(fc.record({ name, kind: name, attributes: anything }), { maxLength: 3 }),
    unknown: anything,
  },
  { requiredKeys: [] },
)

describe('a body that is read part by part', () => {
  it('is what it is as a whole, valid or not', () => {
    fc.assert(
      fc.property(body, fc.constantFrom(undefined, 1, '\t', '\r\n '), (value, indent) =>
        alike(JSON.stringify(value, undefined, indent)),
      ),
      { numRuns: 400 },
    )
  })

  it('is refused where it is refused as a whole, after any change of its text', () => {
    const marks = fc.constantFrom(...'[]{},:"\\ \n0a', '"users":[', ',,', '\u{10ffff}', '')
    fc.assert(
      fc.property(body, fc.nat(), fc.nat({ max: 3 }), marks, (value, position, length, mark) => {
        const text = JSON.stringify(value)
        const at = position % (text.length + 1)
        alike(text.slice(0, at) + mark + text.slice(at + length))
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['nothing', ''],
    ['a list', '[]'],
    ['a number', '1'],
    ['an empty object', ' {\n} '],
    ['an item that is missing', '{"users":[{"id":"a"},]}'],
    ['the only item missing', '{"users":[,]}'],
    ['the first item missing', '{"users":[,{"id":"a"}]}'],
    ['a bracket too many', '{"users":[]]}'],
    ['a bracket of another kind', '{"users":[{"id":"a"]]}'],
    ['two values', '{"users":[] []}'],
    ['two objects', '{}{}'],
    ['a key without quotes', '{users:[]}'],
    ['a key that is a number', '{1:[]}'],
    ['a key with an escape', '{"\\u0075sers":[{"id":"a"}]}'],
    ['a list that comes twice', '{"users":[{"id":"a"}],"users":[{"id":"b"}]}'],
    ['a list that comes again as a number', '{"users":[{"id":"a"}],"users":1}'],
    ['a list that is not JSON and comes again', '{"users":[nothing],"users":[]}'],
    ['a member called __proto__', '{"__proto__":[]}'],
    ['an item with such a member', '{"users":[{"id":"a","__proto__":1}]}'],
    ['NUL in a key', '{"\\u0000":[]}'],
    ['a byte order mark', '\ufeff{}'],
    ['something behind it', '{"users":[]} x'],
    ['a string without an end', '{"users":["a]}'],
  ])('%s: as a whole', (_what, text) => alike(text))

  it('is refused beyond the depth that it may have as a whole', () => {
    for (const deep of [26, 27, 28, 29, 30, 31, 32]) {
      const value = '['.repeat(deep) + ']'.repeat(deep)
      alike(`{"resources":[{"name":"a","kind":"b","attributes":{"deep":${value}}}]}`)
      alike(`{"other":${value}}`)
    }
  })

  it('names problems by their place in the whole list, and 200 of them at most', () => {
    const items = Array.from({ length: 2500 }, (_, at) => ({ id: at === 2400 ? 7 : `user-${at}` }))
    expect(outcome(readImport, bytesOf(JSON.stringify({ users: items })))).toMatchObject({
      problems: ['/users/2400/id must be a string'],
    })
    const { problems } = outcome(readImport, bytesOf(JSON.stringify({ users: items.map(() => 7) }))) as {
      problems: string[]
    }
    expect(problems).toHaveLength(200)
  })

  it('is not UTF-8 where a part is not', () => {
    const bytes = bytesOf('{"users":[{"id":"aaaa"},{"id":"b"}]}')
    for (const [at, byte] of [
      [17, 0xe2],
      [20, 0xe2],
      [21, 0xf0],
    ] as const)
      alike(bytes.map((each, position) => (position === at ? byte : each)))
  })

  it('may have a million items in a list, and not one more', { timeout: 60_000 }, () => {
    const text = `{"users":[${'0,'.repeat(1_000_000)}0]}`
    expect(outcome(readImport, bytesOf(text))).toMatchObject({ code: 'invalid-input' })
  })
})
