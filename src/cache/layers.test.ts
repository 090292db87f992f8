import { describe, expect, it } from 'vitest'
import { defineLayers } from './layers.ts'

const minutes = { minutes: 15 }
const table = defineLayers({
  prices: {
    key: (shop: string, customer: number) => `prices:{${shop}}:${customer}`,
    ttl: minutes,
    from: ['customers'],
  },
  articles: { key: () => 'articles:all', ttl: { hours: 12 }, retention: 'lasting', shape: 3, lease: { seconds: 10 } },
  customers: {
    key: (customer: number) => `customer:{${customer}}`,
    ttl: { minutes: 5, seconds: 30 },
    from: ['articles'],
  },
  totals: { key: () => 'totals', ttl: { hours: 1 }, from: ['prices'] },
})

describe('a table of layers', () => {
  it('removes inputs before the layers derived from them, in any order of the rows', () => {
    expect(table.names).toEqual(['articles', 'customers', 'prices', 'totals'])
  })

  it('flushes with a layer everything that is derived from it', () => {
    expect(table.closureOf('articles')).toEqual(['articles', 'customers', 'prices', 'totals'])
    expect(table.closureOf('prices')).toEqual(['prices', 'totals'])
    expect(table.closureOf('totals')).toEqual(['totals'])
  })

  it('remembers invalidations as long as an entry lives, and two minutes more', () => {
    expect(table.retentionMs).toEqual({ volatile: 62 * 60_000, lasting: (12 * 60 + 2) * 60_000 })
    expect(table.volatile).toEqual(['customers', 'prices', 'totals'])
  })

  it('fills in the defaults of a row', () => {
    expect(table.row('customers')).toEqual({
      name: 'customers',
      ttlMs: 330_000,
      retention: 'volatile',
      leaseMs: 1000,
      shape: 1,
      copiesMaxBytes: 16 * 1024 * 1024,
    })
    expect(table.row('articles')).toMatchObject({ retention: 'lasting', leaseMs: 10_000, shape: 3 })
  })

  it('names entries so that no id leaves its place', () => {
    expect(table.keyOf('prices', 'north', 7)).toBe('prices:{north}:7')
    expect(table.keyOf('prices', 'a}:{b*', 7)).toBe('prices:{a%7D%3A%7Bb%2A}:7')
  })

  it('leaves out a part that is optional, and misses one that is not', () => {
    const { keyOf } = defineLayers({
      lists: {
        key: (shop: string, page?: number) => (page ? `list:{${shop}}:${page}` : `list:{${shop}}`),
        ttl: minutes,
      },
    })
    expect([keyOf('lists', 'north'), keyOf('lists', 'north', 2)]).toEqual(['list:{north}', 'list:{north}:2'])
    expect(() => keyOf('lists', undefined as never)).toThrow('lists: a part of the name is missing, list:{undefined}')
    expect(keyOf('lists', 'undefined-7')).toBe('list:{undefined-7}')
  })

  it.each([[['7']], [{ id: 7 }], [new Date(0)]])('takes no part whose text could be another’s: %s', (part) => {
    expect(() => table.keyOf('customers', part as never)).toThrow(
      "a part of an entry's name is text or a number, and got",
    )
    // As in `ids.map(read)`: what the name does not use does no harm.
    expect(table.keyOf('customers', ...([7, 0, part] as unknown as [number]))).toBe('customer:{7}')
  })

  it('finds the entries of a layer and of no other by a scan', () => {
    expect(table.names.map(table.pattern)).toEqual(['articles:all*', 'customer:{*}*', 'prices:{*}:*', 'totals*'])
  })
})

describe('a table that cannot be right', () => {
  const key = () => 'a'

  it.each([
    [
      'an input that is not a layer',
      () => defineLayers({ a: { key, ttl: minutes, from: ['b'] } }),
      /a is derived from b, which is not a layer/,
    ],
    [
      'a circle',
      () => defineLayers({ a: { key, ttl: minutes, from: ['b'] }, b: { key: () => 'b', ttl: minutes, from: ['a'] } }),
      /a from b from a: a layer cannot be its own input/,
    ],
    [
      'two layers with one name',
      () =>
        defineLayers({
          all: { key: () => 'user:all', ttl: minutes },
          one: { key: (id: string) => `user:${id}`, ttl: minutes },
        }),
      /all and one can have entries of one name \(user:all\): begin each differently/,
    ],
    [
      'a lasting layer whose input is forgotten sooner',
      () =>
        defineLayers({
          a: { key, ttl: minutes },
          b: { key: () => 'b', ttl: { hours: 2 }, retention: 'lasting', from: ['a'] },
        }),
      /b lasts, and is derived from a, which does not: make it volatile/,
    ],
    [
      'a name that all objects have in common',
      () => defineLayers({ a: { key: (user: { id: string }) => `a:${user.id}`, ttl: minutes } }),
      /a: part 1 is not in the name \(a:undefined\): take ids, not objects/,
    ],
    [
      'a name that different parts can have',
      () => defineLayers({ a: { key: (shop: string, user: string) => `a:${shop}-${user}`, ttl: minutes } }),
      /a: nothing keeps two parts apart in a:part0x-part1x: put a colon between them/,
    ],
    ['no name', () => defineLayers({ a: { ttl: minutes } as never }), /a: the key must be a function/],
    ['no life', () => defineLayers({ a: { key } as never }), /a: the TTL must be a second or more/],
    ['a life of nothing', () => defineLayers({ a: { key, ttl: {} } }), /a: the TTL must be a second or more/],
    ['a lease of nothing', () => defineLayers({ a: { key, ttl: minutes, lease: {} } }), /a: the lease must be longer/],
    [
      'a shape that is not a version',
      () => defineLayers({ a: { key, ttl: minutes, shape: 0.5 } }),
      /a: the shape must be a whole/,
    ],
    [
      'a name of the store',
      () => defineLayers({ a: { key: () => 'heartbeat', ttl: minutes } }),
      /a: heartbeat is a name of the store's own/,
    ],
  ])('is refused: %s', (_what, define, message) => {
    expect(define).toThrow(message)
  })

  it('does not know other layers', () => {
    expect(() => table.keyOf('shelves' as 'articles')).toThrow('there is no layer called shelves')
    expect(() => table.pattern('shelves')).toThrow('there is no layer called shelves')
  })
})
