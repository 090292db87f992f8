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
    index.note({ xid: xid(20), tags: [alice] })
    expect(index.judge(stamp('20:20:'), [alice], 'volatile')).toBe('invalidated')
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
    index.note({ xid: xid(22), tags: [bob] })
    revisions.push(index.revision)
    index.raiseFloor('volatile', parseSnapshot('22:22:'))
    revisions.push(index.revision)
    expect(new Set(revisions).size).toBe(4)
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
          for (const id of ids) index.note({ xid: xid(id), tags: [alice] })
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
    for (let id = 10; id < 200; id++) index.note({ xid: xid(id), tags: [alice] })
    expect(index.judge(stamp('300:300:'), [alice], 'volatile')).toBe('servable')
  })
})
