import { describe, expect, it } from 'vitest'
import { alice, bob, indexAt } from './invalidation-index.fixture.ts'
import { createInvalidationIndex } from './invalidation-index.ts'
import { parseSnapshot } from './snapshot.ts'
import type { Tag } from './tags.ts'
import { DATABASE, stamp, xid } from './testing/index.ts'

describe('the judgement of an entry', () => {
  it('refuses everything before the past is known', () => {
    const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 10 })
    expect(index.judge(stamp('10:10:'), [alice], 'volatile')).toBe('no-position')
  })

  it('serves an entry whose tags were invalidated only by transactions that it saw', () => {
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

  it('keeps an own commit from before any past was read', () => {
    const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 10 })
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    index.reset({ position: stamp('20:20:'), floor: parseSnapshot('1:1:'), rows: [] })
    expect(index.judge(stamp('20:20:'), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('20:20:'), [bob], 'volatile')).toBe('servable')
  })

  it('remembers no tag that no entry carries', () => {
    const index = createInvalidationIndex({ retentionOf: (tag) => (tag === alice ? 'volatile' : null), maxTags: 10 })
    index.reset({ position: stamp('20:20:'), floor: parseSnapshot('1:1:'), rows: [] })
    index.advance(parseSnapshot('21:21:'), [{ xid: xid(20), tags: [alice, bob] }])
    expect(index.size).toBe(1)
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

  it('starts over with a new past: everything remembered before is gone', () => {
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
  it('forgets the transactions that it shows and refuses entries that do not cover it', () => {
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

  it('never sinks: what was forgotten at a later position is not known any more', () => {
    const index = indexAt('20:20:')
    index.raiseFloor('volatile', parseSnapshot('20:20:'))
    index.raiseFloor('volatile', parseSnapshot('10:10:'))
    expect(index.judge(stamp('15:15:'), [alice], 'volatile')).toBe('below-floor')
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

  it('of the other class rises too where its own tags are the many: an index stays bounded whatever its tags are', () => {
    const index = indexAt('20:20:', 2)
    const many = ['c:1', 'c:2', 'c:3'] as Tag[]
    index.advance(parseSnapshot('21:21:'), [{ xid: xid(20), tags: many }])
    expect(index.size).toBe(0)
    for (const retention of ['volatile', 'lasting'] as const) {
      expect(index.judge(stamp('20:20:'), many, retention)).toBe('below-floor')
      expect(index.judge(stamp('21:21:'), many, retention)).toBe('servable')
    }
  })

  it('of the other class stays where forgetting volatile tags is enough', () => {
    const index = indexAt('20:20:', 2)
    index.advance(parseSnapshot('21:21:'), [{ xid: xid(20), tags: [alice, bob, 'c:1' as Tag] }])
    expect(index.size).toBe(1)
    expect(index.judge(stamp('20:20:'), [], 'lasting')).toBe('servable')
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
