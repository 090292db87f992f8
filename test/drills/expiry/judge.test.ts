import { describe, expect, it } from 'vitest'
import { judge, type Version } from './judge.ts'

const NONE: Version = {
  fromMs: Number.NEGATIVE_INFINITY,
  ackedMs: Number.NEGATIVE_INFINITY,
  endMs: Number.NEGATIVE_INFINITY,
}
/** Given at 100, until 2000. */
const given: readonly Version[] = [NONE, { fromMs: 100, ackedMs: 110, endMs: 2000 }]
/** Prolonged at 1900, until 5000. */
const prolonged = [...given, { fromMs: 1900, ackedMs: 1950, endMs: 5000 }]
const BOUND_MS = 500

const seen = (versions: readonly Version[], askedMs: number, answeredMs = askedMs + 1) =>
  judge(versions, { isVisible: true, askedMs, answeredMs }, BOUND_MS).kind
const unseen = (versions: readonly Version[], askedMs: number, answeredMs = askedMs + 1) =>
  judge(versions, { isVisible: false, askedMs, answeredMs }, BOUND_MS).kind

describe('an access is', () => {
  it('seen rightly from the moment it may have been given to its end, and not from then on', () => {
    expect(seen(given, 105)).toBe('right')
    expect(seen(given, 1999)).toBe('right')
    expect(seen(given, 2000)).toBe('ended')
    expect(seen([NONE], 50)).toBe('ended')
  })

  it('ended for so long', () => {
    expect(judge(given, { isVisible: true, askedMs: 2010, answeredMs: 2020 }, BOUND_MS)).toEqual({
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
    const unknown = [...given, { fromMs: 1000, ackedMs: Number.POSITIVE_INFINITY, endMs: Number.POSITIVE_INFINITY }]
    expect([seen(unknown, 9000), unseen(unknown, 9000)]).toEqual(['right', 'right'])
  })
})
