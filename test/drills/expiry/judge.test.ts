import { describe, expect, it } from 'vitest'
import { type Bound, judge, type Version } from './judge.ts'

const NONE: Version = {
  fromMs: Number.NEGATIVE_INFINITY,
  ackedMs: Number.NEGATIVE_INFINITY,
  endMs: Number.NEGATIVE_INFINITY,
}
/** Given at 100, until 2000. */
const given: readonly Version[] = [NONE, { fromMs: 100, ackedMs: 110, endMs: 2000 }]
/** Prolonged at 1900, until 5000. */
const prolonged = [...given, { fromMs: 1900, ackedMs: 1950, endMs: 5000 }]
/** Begun at 1000, and perhaps never done. */
const UNKNOWN = { fromMs: 1000, endMs: Number.POSITIVE_INFINITY, isUnknown: true } as const
const BOUND = { ms: 500, absences: [] }

const seen = (versions: readonly Version[], askedMs: number, answeredMs = askedMs + 1) =>
  judge(versions, { isVisible: true, askedMs, answeredMs }, BOUND).kind
const unseen = (versions: readonly Version[], askedMs: number, answeredMs = askedMs + 1) =>
  judge(versions, { isVisible: false, askedMs, answeredMs }, BOUND).kind

describe('an access is', () => {
  it('seen rightly from the moment it may have been given to its end, and not from then on', () => {
    expect(seen(given, 105)).toBe('right')
    expect(seen(given, 1999)).toBe('right')
    expect(seen(given, 2000)).toBe('ended')
    expect(seen([NONE], 50)).toBe('ended')
  })

  it('ended for so long', () => {
    expect(judge(given, { isVisible: true, askedMs: 2010, answeredMs: 2020 }, BOUND)).toEqual({
      kind: 'ended',
      sinceMs: 10,
    })
  })

  it('missing once the bound is over, until its end', () => {
    expect(unseen(given, 600)).toBe('right')
    expect(unseen(given, 611)).toBe('missing')
    expect(unseen(given, 1990)).toBe('missing')
    expect(unseen(given, 1990, 2000)).toBe('right')
  })

  it('seen beyond its former end where it was prolonged, and must be after the bound', () => {
    expect(seen(prolonged, 2100)).toBe('right')
    expect(unseen(prolonged, 2100)).toBe('right')
    expect(unseen(prolonged, 2451)).toBe('missing')
  })

  it('anything once nobody knows whether a change was made', () => {
    const unknown = [...given, { ...UNKNOWN, ackedMs: Number.POSITIVE_INFINITY }]
    for (const askedMs of [1500, 9000])
      expect([seen(unknown, askedMs), unseen(unknown, askedMs)]).toEqual(['right', 'right'])
  })

  it('known again by the next change, once the unknown one has taken effect or never will', () => {
    const again = [...given, { ...UNKNOWN, ackedMs: 1100 }, { fromMs: 1200, ackedMs: 1250, endMs: 5000 }]
    expect([seen(again, 1700), unseen(again, 1700)]).toEqual(['right', 'right'])
    expect([seen(again, 1751), unseen(again, 1751)]).toEqual(['right', 'missing'])
    expect(seen(again, 5000)).toBe('ended')
  })

  it('as it was for so long after PostgreSQL came back, where it was away when the change was to be seen', () => {
    const away: Bound = { ms: 500, absences: [{ fromMs: 300, toMs: 1300 }] }
    const unseen = (askedMs: number) => judge(given, { isVisible: false, askedMs, answeredMs: askedMs + 1 }, away).kind
    expect([unseen(1800), unseen(1801)]).toEqual(['right', 'missing'])
    const before: Bound = { ms: 500, absences: [{ fromMs: 0, toMs: 90 }] }
    expect(judge(given, { isVisible: false, askedMs: 611, answeredMs: 612 }, before).kind).toBe('missing')
  })

  it('ended at its end, whether or not PostgreSQL is away', () => {
    const away: Bound = { ms: 500, absences: [{ fromMs: 300, toMs: 9000 }] }
    expect(judge(given, { isVisible: true, askedMs: 2000, answeredMs: 2001 }, away).kind).toBe('ended')
  })
})
