import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { covers, formatSnapshot, isVisible, parseSnapshot, parseXid, type Snapshot, type Xid } from './snapshot.ts'

const snapshot = (text: string) => parseSnapshot(text)
const xid = (value: number) => value as Xid

/** Snapshots as a server could take them: the transaction below xmax has finished, xmin is the oldest in progress. */
const snapshots = fc
  .record({ base: fc.integer({ min: 3, max: 20 }), running: fc.array(fc.boolean(), { maxLength: 8 }) })
  .map(({ base, running }): Snapshot => {
    const inProgress = running.flatMap((isRunning, i) => (isRunning ? [xid(base + i)] : []))
    const xmax = xid(base + running.length)
    return { xmin: inProgress[0] ?? xmax, xmax, inProgress }
  })

describe('a snapshot', () => {
  it('sees finished transactions, and neither running ones nor later ones', () => {
    const taken = snapshot('10:15:10,12')
    expect([9, 10, 11, 12, 13, 14, 15, 16].map((id) => isVisible(xid(id), taken))).toEqual([
      true,
      false,
      true,
      false,
      true,
      true,
      false,
      false,
    ])
  })

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(snapshots, (taken) => {
        expect(parseSnapshot(formatSnapshot(taken))).toEqual(taken)
      }),
    )
  })

  it.each(['', '1:2', '1:2:3:4', 'a:2:', '5:3:', '1:2:x', '1:99999999999999999999:', '-1:2:', '1e3:2000:', '0x1:2:'])(
    'refuses %j',
    (text) => {
      expect(() => parseSnapshot(text)).toThrow(expect.objectContaining({ code: 'snapshot-format' }))
    },
  )

  it('reads the transactions in progress in any order', () => {
    expect(snapshot('5:200:100,20,5').inProgress).toEqual([5, 20, 100])
  })

  it('quotes the text that it could not read, at most one line of it', () => {
    expect(() => snapshot('1:2')).toThrow('not a snapshot: 1:2')
    expect(() => snapshot('5:3:')).toThrow('not a snapshot: 5:3:')
    expect(() => snapshot('x:3:')).toThrow('not a transaction id: x')
    expect(() => snapshot('y'.repeat(200))).toThrow(/: y{80}$/)
    expect(() => snapshot(`5:3:${'4,'.repeat(100)}4`)).toThrow(/: 5:3:[4,]{76}$/)
  })

  it('refuses an id that a number cannot hold exactly', () => {
    expect(() => parseXid('9007199254740993')).toThrow(expect.objectContaining({ code: 'snapshot-format' }))
  })
})

describe('covers', () => {
  it('agrees with looking at every transaction', () => {
    fc.assert(
      fc.property(snapshots, snapshots, (later, earlier) => {
        const all = Array.from({ length: 40 }, (_, id) => xid(id))
        const expected = all.every((id) => !isVisible(id, earlier) || isVisible(id, later))
        expect(covers(later, earlier)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('is not decided by xmin or xmax alone', () => {
    // 12 was in progress in the later one and finished in the earlier one: higher bounds, yet less seen.
    expect(covers(snapshot('12:20:12'), snapshot('13:13:'))).toBe(false)
    // A long-running writer keeps xmin low and costs nothing.
    expect(covers(snapshot('5:20:5'), snapshot('5:13:5'))).toBe(true)
  })
})
