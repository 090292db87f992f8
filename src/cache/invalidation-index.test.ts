import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createInvalidationIndex } from './invalidation-index.ts'
import { isVisible, parseSnapshot, type Stamp, type Xid } from './snapshot.ts'
import type { Tag } from './tags.ts'

const DATABASE = '7-00000001-1'
const alice = 'u:alice' as Tag
const bob = 'u:bob' as Tag
const xid = (value: number) => value as Xid
const stamp = (text: string, database = DATABASE): Stamp => ({ database, snapshot: parseSnapshot(text) })

function indexAt(position: string, maxTags = 1000) {
  const index = createInvalidationIndex({
    retentionOf: (tag) => (tag.startsWith('c:') ? 'lasting' : 'volatile'),
    maxTags,
  })
  index.reset({ position: stamp(position), floor: parseSnapshot('1:1:'), rows: [] })
  return index
}

describe('the judgement of an entry', () => {
  it('refuses everything before the past is known', () => {
    const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 10 })
    expect(index.judge(stamp('10:10:'), [alice], 'volatile')).toBe('no-position')
  })

  it('serves an entry whose tags were invalidated only by what it saw', () => {
    const index = indexAt('20:20:')
    index.advance(parseSnapshot('21:21:'), [{ xid: xid(20), tags: [alice] }])
    expect(index.judge(stamp('21:21:'), [alice], 'volatile')).toBe('servable')
    expect(index.judge(stamp('20:20:'), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('20:20:'), [bob], 'volatile')).toBe('servable')
  })

  it('refuses an entry loaded beside a transaction in progress with a lower id that committed later', () => {
    const index = indexAt('20:25:20')
    index.advance(parseSnapshot('25:25:'), [{ xid: xid(20), tags: [alice] }])
    expect(index.judge(stamp('20:25:20'), [alice], 'volatile')).toBe('invalidated')
  })

  it('knows its own commits before the log is read again', () => {
    const index = indexAt('20:20:')
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    expect(index.judge(stamp('20:20:'), [alice], 'volatile')).toBe('invalidated')
  })

  it('keeps an own commit through a past that was read before it', () => {
    const index = indexAt('20:20:')
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    index.reset({ position: stamp('20:20:'), floor: parseSnapshot('1:1:'), rows: [] })
    expect(index.judge(stamp('20:20:'), [alice], 'volatile')).toBe('invalidated')
    // Once a position shows it, the log answers for it: a past that has forgotten it is complete above its floor.
    index.advance(parseSnapshot('21:21:'), [{ xid: xid(20), tags: [alice] }])
    index.reset({ position: stamp('21:21:'), floor: parseSnapshot('21:21:'), rows: [] })
    expect(index.judge(stamp('21:21:'), [alice], 'volatile')).toBe('servable')
    expect(index.size).toBe(0)
  })

  it('serves nothing after an own commit in another database, until the log of that one was read', () => {
    const index = indexAt('20:20:')
    const before = index.revision
    index.note({ xid: xid(12), tags: [alice] }, 'restarted')
    expect(index.revision).toBeGreaterThan(before)
    expect(index.position).toBeNull()
    expect(index.judge(stamp('20:20:'), [bob], 'volatile')).toBe('no-position')
    index.reset({ position: stamp('12:12:', 'restarted'), floor: parseSnapshot('1:1:'), rows: [] })
    expect(index.judge(stamp('12:12:', 'restarted'), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('12:12:', 'restarted'), [bob], 'volatile')).toBe('servable')
    index.reset({ position: stamp('12:12:', 'again another'), floor: parseSnapshot('1:1:'), rows: [] })
    expect(index.judge(stamp('12:12:', 'again another'), [alice], 'volatile')).toBe('servable')
  })

  it('gives up its position when the log was not read for thousands of own commits, and is whole after the next past', () => {
    const index = indexAt('20:20:')
    for (let id = 20; id < 10_020; id++) index.note({ xid: xid(id), tags: [`u:${id}` as Tag] }, DATABASE)
    expect(index.judge(stamp('20:20:'), [bob], 'volatile')).toBe('servable')
    expect(index.size).toBe(10_000)
    index.note({ xid: xid(10_020), tags: [alice] }, DATABASE)
    expect(index.judge(stamp('20:20:'), [bob], 'volatile')).toBe('no-position')
    expect(index.size).toBe(0)
    index.reset({ position: stamp('10020:10020:'), floor: parseSnapshot('10020:10020:'), rows: [] })
    expect(index.judge(stamp('10020:10020:'), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('10020:10020:'), [bob], 'volatile')).toBe('servable')
  })

  it('refuses entries of another history or incarnation of the database', () => {
    expect(indexAt('20:20:').judge(stamp('20:20:', '7-00000002-1'), [alice], 'volatile')).toBe('other-database')
  })

  it('changes its revision with everything that can change a verdict', () => {
    const index = indexAt('20:20:')
    const revisions = [index.revision]
    index.advance(parseSnapshot('21:21:'), [])
    expect(index.revision).toBe(revisions[0])
    index.advance(parseSnapshot('22:22:'), [{ xid: xid(21), tags: [alice] }])
    revisions.push(index.revision)
    index.note({ xid: xid(22), tags: [bob] }, DATABASE)
    revisions.push(index.revision)
    index.raiseFloor('volatile', parseSnapshot('22:22:'))
    revisions.push(index.revision)
    index.reset({ position: stamp('22:22:'), floor: parseSnapshot('1:1:'), rows: [] })
    revisions.push(index.revision)
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
    expect(revisions).toHaveLength(5)
  })
})

describe('the position', () => {
  it('is unknown until the past is, and then where the log was read last', () => {
    const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 10 })
    expect(index.position).toBe(null)
    expect(() => index.advance(parseSnapshot('21:21:'), [])).toThrow(
      'an index without a past cannot advance; reset it first',
    )
    index.reset({ position: stamp('20:20:'), floor: parseSnapshot('1:1:'), rows: [] })
    expect(index.position).toEqual(stamp('20:20:'))
    index.advance(parseSnapshot('21:21:'), [])
    expect(index.position).toEqual(stamp('21:21:'))
  })

  it('starts anew with a past of its own: what was remembered before is gone', () => {
    const index = indexAt('20:20:')
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    const rows = [{ xid: xid(30), tags: [bob] }]
    index.reset({ position: stamp('40:40:', 'other'), floor: parseSnapshot('1:1:'), rows })
    expect(index.size).toBe(1)
    expect(index.judge(stamp('20:20:', 'other'), [alice], 'volatile')).toBe('servable')
    expect(index.judge(stamp('20:20:', 'other'), [bob], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('20:20:'), [], 'volatile')).toBe('other-database')
  })
})

describe('the floor', () => {
  it('forgets what it sees and refuses what does not cover it', () => {
    const index = indexAt('30:30:')
    index.advance(parseSnapshot('31:31:'), [{ xid: xid(30), tags: [alice] }])
    index.raiseFloor('volatile', parseSnapshot('31:31:'))
    expect(index.size).toBe(0)
    expect(index.judge(stamp('30:30:'), [alice], 'volatile')).toBe('below-floor')
    expect(index.judge(stamp('31:31:'), [alice], 'volatile')).toBe('servable')
  })

  it('keeps a transaction that was in progress at it', () => {
    const index = indexAt('30:30:')
    index.advance(parseSnapshot('32:32:'), [{ xid: xid(30), tags: [alice] }])
    index.raiseFloor('volatile', parseSnapshot('30:32:30'))
    expect(index.judge(stamp('30:32:30'), [alice], 'volatile')).toBe('invalidated')
  })

  it('of one class leaves the other alone', () => {
    const index = indexAt('30:30:')
    index.advance(parseSnapshot('31:31:'), [{ xid: xid(30), tags: ['c:0a' as Tag] }])
    index.raiseFloor('volatile', parseSnapshot('31:31:'))
    expect(index.judge(stamp('30:30:'), ['c:0a' as Tag], 'lasting')).toBe('invalidated')
    expect(index.judge(stamp('30:30:'), ['c:0b' as Tag], 'lasting')).toBe('servable')
  })

  it('rises to the present when more tags are remembered than allowed', () => {
    const index = indexAt('30:30:', 10)
    const tags = Array.from({ length: 11 }, (_, i) => `u:${i}` as Tag)
    index.advance(parseSnapshot('31:31:'), [{ xid: xid(30), tags }])
    expect(index.size).toBe(0)
    expect(index.judge(stamp('30:30:'), [alice], 'volatile')).toBe('below-floor')
  })

  it('stays where it is while as many tags are remembered as allowed', () => {
    const index = indexAt('30:30:', 10)
    const tags = Array.from({ length: 10 }, (_, i) => `u:${i}` as Tag)
    index.advance(parseSnapshot('31:31:'), [{ xid: xid(30), tags }])
    expect(index.size).toBe(10)
    expect(index.judge(stamp('30:30:'), [alice], 'volatile')).toBe('servable')
  })

  it('of the past an index starts from counts for both classes', () => {
    const index = indexAt('20:20:')
    index.reset({ position: stamp('40:40:'), floor: parseSnapshot('30:30:'), rows: [] })
    expect(index.judge(stamp('20:20:'), [], 'volatile')).toBe('below-floor')
    expect(index.judge(stamp('20:20:'), [], 'lasting')).toBe('below-floor')
  })
})

describe('a hot tag', () => {
  it('is condensed without ever serving what the full memory would refuse', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 10, max: 400 }), { minLength: 65, maxLength: 200 }),
        fc.integer({ min: 5, max: 400 }),
        fc.uniqueArray(fc.integer({ min: 5, max: 400 }), { maxLength: 10 }),
        (ids, xmax, running) => {
          const index = indexAt('500:500:')
          for (const id of ids) index.note({ xid: xid(id), tags: [alice] }, DATABASE)
          const inProgress = running
            .filter((id) => id < xmax)
            .sort((a, b) => a - b)
            .map(xid)
          const snapshot = { xmin: inProgress[0] ?? xid(xmax), xmax: xid(xmax), inProgress }
          const seesAll = ids.every((id) => isVisible(xid(id), snapshot))
          const verdict = index.judge({ database: DATABASE, snapshot }, [alice], 'volatile')
          if (!seesAll) expect(verdict).toBe('invalidated')
        },
      ),
    )
    const index = indexAt('500:500:')
    for (let id = 10; id < 200; id++) index.note({ xid: xid(id), tags: [alice] }, DATABASE)
    expect(index.judge(stamp('300:300:'), [alice], 'volatile')).toBe('servable')
  })

  /** Ids 101, 103, …: every other transaction invalidated alice. */
  function hot(count: number, order: (ids: number[]) => number[] = (ids) => ids) {
    const index = indexAt('500:500:')
    const ids = order(Array.from({ length: count }, (_, i) => 101 + 2 * i))
    for (const id of ids) index.note({ xid: xid(id), tags: [alice] }, DATABASE)
    return index
  }
  /** An entry beside a long-running transaction that has nothing to do with alice. */
  const besideAWriter = (id: number) => stamp(`${id}:500:${id}`)

  it('is remembered one by one up to 64 transactions, however often each is told', () => {
    const index = hot(64)
    for (let again = 0; again < 3; again++) index.note({ xid: xid(101), tags: [alice] }, DATABASE)
    expect(index.judge(besideAWriter(2), [alice], 'volatile')).toBe('servable')
    expect(index.judge(besideAWriter(101), [alice], 'volatile')).toBe('invalidated')
  })

  it.each([
    ['in order', (ids: number[]) => ids],
    ['late ones first', (ids: number[]) => ids.toReversed()],
  ])('asks, beyond, that the lower half be finished to the last, and still knows the others: %s', (_name, order) => {
    const index = hot(65, order)
    // The lower 32 of them are 101 to 163.
    expect(index.judge(besideAWriter(162), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(besideAWriter(163), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(besideAWriter(164), [alice], 'volatile')).toBe('servable')
    expect(index.judge(besideAWriter(165), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(besideAWriter(229), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(besideAWriter(230), [alice], 'volatile')).toBe('servable')
  })

  it('is condensed again only when another half has come', () => {
    const index = hot(65 + 31)
    expect(index.judge(besideAWriter(166), [alice], 'volatile')).toBe('servable')
    index.note({ xid: xid(401), tags: [alice] }, DATABASE)
    expect(index.judge(besideAWriter(166), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(besideAWriter(228), [alice], 'volatile')).toBe('servable')
  })

  it('never lowers what it asks when older ones come late', () => {
    const index = hot(65)
    for (let id = 1; id <= 32; id++) index.note({ xid: xid(id), tags: [alice] }, DATABASE)
    expect(index.judge(besideAWriter(162), [alice], 'volatile')).toBe('invalidated')
  })

  it('is forgotten with a floor only when all it stands for was finished there', () => {
    const index = hot(65)
    index.raiseFloor('volatile', parseSnapshot('163:500:163'))
    expect(index.size).toBe(1)
    expect(index.judge(besideAWriter(163), [alice], 'volatile')).toBe('invalidated')
    index.raiseFloor('volatile', parseSnapshot('164:500:164'))
    expect(index.size).toBe(0)
    expect(index.judge(besideAWriter(164), [alice], 'volatile')).toBe('servable')
  })
})
