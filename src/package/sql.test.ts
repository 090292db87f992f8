import { describe, expect, it } from 'vitest'
import { printedMigrations, printedTriggers } from './migrations.ts'
import { sql, stamped } from './sql.ts'

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

  it('is stamped in itself, whatever its last line is', () => {
    expect(
      stamped(sql`SELECT 1 -- one`, 'cache'),
    ).toBe(`SELECT cache.database() AS database, pg_current_snapshot()::text AS snapshot, (
SELECT coalesce(json_agg(q), '[]')::text FROM (
SELECT 1 -- one
) AS q) AS rows`)
  })

  it.each(['UPDATE a SET b = 1', 'BEGIN', ''])('is refused as a loader unless it selects: %s', (text) => {
    expect(() => stamped({ text, values: [] }, 'cache')).toThrow('a loader is a single SELECT')
  })
})

describe('the printed SQL', () => {
  it('is all in its own schema', () => {
    expect(printedMigrations('shop_cache')).not.toContain('portcullis.')
    expect(() => printedMigrations('Shop;')).toThrow('a schema is named by small letters')
  })

  it('quotes names that are given to it', () => {
    const triggers = printedTriggers({ 'public.odd"name': [{ layer: "it's" }] })
    expect(triggers).toContain('ON "public"."odd""name"')
    expect(triggers).toContain("'l:' || 'it''s'")
    expect(() => printedTriggers({ prices: [] })).toThrow('prices names no tag')
    expect(() => printedTriggers({ prices: [{ tag: 'x:', column: 'a' }] })).toThrow('one letter')
  })
})
