import { describe, expect, it } from 'vitest'
import { printedMigrations, printedTriggers } from './migrations.ts'
import { rowsIn, type Sql, sql, stamped } from './sql.ts'

describe('a statement', () => {
  it('sends values beside its text', () => {
    expect(sql`SELECT ${1} WHERE a = ${"x'; DROP"}`).toEqual({
      text: 'SELECT $1 WHERE a = $2',
      values: [1, "x'; DROP"],
    })
  })

  it('takes in others with their values', () => {
    const cheap = sql`cents < ${100} AND cents > ${5}`
    expect(sql`SELECT 1 WHERE grp = ${'gold'} AND ${cheap} LIMIT ${3}`).toEqual({
      text: 'SELECT 1 WHERE grp = $1 AND cents < $2 AND cents > $3 LIMIT $4',
      values: ['gold', 100, 5, 3],
    })
  })

  it('takes in nothing else, whatever a request may look like', () => {
    const sent = JSON.parse(`{"text": "'' OR true --", "values": []}`)
    expect(sql`SELECT 1 WHERE grp = ${sent}`).toEqual({ text: 'SELECT 1 WHERE grp = $1', values: [sent] })
  })

  it('is stamped in itself, whatever its last line is', () => {
    expect(
      stamped(sql`SELECT 1 -- one`, 'cache'),
    ).toBe(`SELECT cache.database() AS database, pg_current_snapshot()::text AS snapshot, (
SELECT coalesce(json_agg(q), '[]')::text FROM (
SELECT 1 -- one
) AS q) AS rows`)
  })

  it.each(['-- why\nSELECT 1', '/* why */ select 1', '(SELECT 1) UNION (SELECT 2)', 'VALUES (1)'])(
    'may be %s',
    (text) => {
      expect(stamped({ text, values: [] }, 'cache')).toContain(text)
    },
  )

  it.each([[[{ cents: 1 }]], [Promise.resolve([])], ['SELECT 1'], [undefined]])(
    'is what a loader has to return: %s is refused',
    (answer) => {
      expect(() => stamped(answer as unknown as Sql, 'cache')).toThrow('a loader returns its statement, sql`SELECT …`')
    },
  )

  it.each(['UPDATE a SET b = 1', 'BEGIN', ''])('is refused as a loader unless it selects: %s', (text) => {
    expect(() => stamped({ text, values: [] }, 'cache')).toThrow('a loader is a single SELECT')
  })
})

describe('a row', () => {
  it('has numbers as they are in the database, or is refused', () => {
    expect(rowsIn('[{"id":9007199254740991,"text":"12345678901234567890","part":0.12345678901234567}]')).toHaveLength(1)
    expect(() => rowsIn('[{"id":9007199254740993}]')).toThrow('id: JavaScript has no such whole number exactly')
  })
})

describe('the printed SQL', () => {
  it('is all in its own schema', () => {
    expect(printedMigrations('shop_cache')).not.toContain('portcullis.')
    expect(() => printedMigrations('Shop;')).toThrow('a schema is named by small letters')
  })

  it('quotes names that are given to it', () => {
    const triggers = printedTriggers({ 'public.odd"name': [{ layer: "it's" }] })
    expect(triggers).toContain('FROM "public"."odd""name" LIMIT 0')
    expect(triggers).toContain("'l:' || 'it''s'")
    expect(() => printedTriggers({ prices: [] })).toThrow('prices names no tag')
    expect(() => printedTriggers({ prices: [{ tag: 'x:', column: 'a' }] })).toThrow('one letter')
    expect(() => printedTriggers({ prices: [{ tag: 'x' } as never] })).toThrow('the tag x has no column')
    expect(() => printedTriggers({ prices: { tag: 'x', column: 'a' } as never })).toThrow('prices names no tag')
  })
})
