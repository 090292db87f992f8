import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alice, bob, indexAt } from './invalidation-index.fixture.ts'
import { isVisible, parseSnapshot, type Stamp } from './snapshot.ts'
import { DATABASE, stamp, xid } from './testing/index.ts'

describe('a hot tag', () => {
  /** A history as a server makes it: transactions begin, commit in any order, and are seen by snapshots. */
  function history(at = 100) {
    let next = at
    const running = new Set<number>()
    const committed: number[] = []
    return {
      committed,
      running,
      begin() {
        running.add(next)
        return xid(next++)
      },
      commit(id: number) {
        running.delete(id)
        committed.push(id)
      },
      snapshot() {
        const inProgress = [...running].sort((a, b) => a - b).map(xid)
        return { xmin: inProgress[0] ?? xid(next), xmax: xid(next), inProgress }
      },
    }
  }

  /** Each of so many changes of alice is read from the log by itself, beside a transaction that stays open. */
  function besideAnOpenWriter(changes: number, eachTime: (index: ReturnType<typeof indexAt>) => void = () => {}) {
    const server = history()
    const index = indexAt('100:100:')
    const open = server.begin()
    for (let change = 0; change < changes; change++) {
      const id = server.begin()
      server.commit(id)
      index.advance(server.snapshot(), [{ xid: id, tags: [alice] }])
      eachTime(index)
    }
    return { server, index, open, now: (): Stamp => ({ database: DATABASE, snapshot: server.snapshot() }) }
  }

  it('leaves an entry servable that was loaded after 110 changes, beside a transaction that is open all along', () => {
    const { server, index, open, now } = besideAnOpenWriter(110)
    const entry = now()
    expect(index.judge(entry, [alice], 'volatile')).toBe('servable')
    // And if that transaction was one of hers after all, the entry did not see it.
    server.commit(open)
    index.advance(server.snapshot(), [{ xid: open, tags: [alice] }])
    expect(index.judge(entry, [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(now(), [alice], 'volatile')).toBe('servable')
  })

  it.each([1, 63, 64, 65, 66, 110, 200])('refuses an entry loaded before any of %i changes', (changes) => {
    const stamps: Stamp[] = [stamp('100:100:')]
    const { index } = besideAnOpenWriter(changes, (each) => {
      if (each.position) stamps.push(each.position)
    })
    expect(stamps.map((each) => index.judge(each, [alice], 'volatile'))).toEqual([
      ...Array(changes).fill('invalidated'),
      'servable',
    ])
    expect(index.judge(stamp('100:100:'), [bob], 'volatile')).toBe('servable')
  })

  it('is remembered one by one up to 64 transactions, however often each is reported', () => {
    const index = indexAt('100:100:')
    const rows = Array.from({ length: 64 }, (_, at) => ({ xid: xid(100 + 2 * at), tags: [alice] }))
    for (let again = 0; again < 3; again++) index.advance(parseSnapshot('500:500:'), rows)
    // It saw them all, and not one that has nothing to do with her.
    expect(index.judge(stamp('301:500:301'), [alice], 'volatile')).toBe('servable')
    index.advance(parseSnapshot('500:500:'), [{ xid: xid(300), tags: [alice] }])
    expect(index.judge(stamp('301:500:301'), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('500:500:'), [alice], 'volatile')).toBe('servable')
  })

  it('is a snapshot beyond that also where all of them are own commits, once the log has shown them', () => {
    const index = indexAt('100:100:')
    const rows = Array.from({ length: 65 }, (_, at) => ({ xid: xid(100 + 2 * at), tags: [alice] }))
    for (const row of rows) index.note(row, DATABASE)
    const beside = stamp('301:500:301')
    expect(index.judge(beside, [alice], 'volatile')).toBe('servable')
    index.advance(parseSnapshot('500:500:'), rows)
    expect(index.judge(beside, [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('500:500:'), [alice], 'volatile')).toBe('servable')
  })

  it('costs a past no more than its rows: each of 300,000 names the same tag', () => {
    const index = indexAt('100:100:')
    const rows = Array.from({ length: 300_000 }, (_, at) => ({ xid: xid(100 + at), tags: [alice] }))
    index.reset({ position: stamp('400000:400000:'), floor: parseSnapshot('1:1:'), rows })
    expect(index.judge(stamp('300100:300100:'), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('400000:400000:'), [alice], 'volatile')).toBe('servable')
  })

  it('keeps those that no position shows yet: own commits, of which the log has not told', () => {
    const { server, index, now } = besideAnOpenWriter(64)
    const [one, two] = [server.begin(), server.begin()]
    const before = now()
    server.commit(one)
    server.commit(two)
    index.note({ xid: one, tags: [alice] }, DATABASE)
    index.note({ xid: two, tags: [alice] }, DATABASE)
    index.advance(before.snapshot, [{ xid: xid(101), tags: [alice] }])
    expect(index.judge(before, [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(now(), [alice], 'volatile')).toBe('servable')
  })

  it('of a past is condensed to the transactions that its position shows', () => {
    const rows = Array.from({ length: 65 }, (_, at) => ({ xid: xid(100 + at), tags: [alice] }))
    const index = indexAt('100:100:')
    index.reset({ position: stamp('90:200:90'), floor: parseSnapshot('1:1:'), rows })
    expect(index.judge(stamp('90:200:90'), [alice], 'volatile')).toBe('servable')
    expect(index.judge(stamp('90:199:90'), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('90:164:90'), [alice], 'volatile')).toBe('invalidated')
    expect(index.judge(stamp('90:200:90,91'), [alice], 'volatile')).toBe('invalidated')
  })

  it('is forgotten with a floor only when that covers all it stands for', () => {
    const { index, now, server, open } = besideAnOpenWriter(65)
    const fence = now().snapshot
    const id = server.begin()
    server.commit(id)
    index.advance(server.snapshot(), [])
    index.raiseFloor('volatile', { ...fence, xmax: xid(fence.xmax - 1) })
    expect(index.size).toBe(1)
    index.raiseFloor('volatile', fence)
    expect(index.size).toBe(0)
    expect(index.judge(now(), [alice], 'volatile')).toBe('servable')
    expect(open).toBeLessThan(id)
  })

  it('never serves an entry that does not see an invalidation, and always one that was loaded just now', () => {
    let fences = 0
    const property = fc.property(
      fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 150, maxLength: 500 }),
      fc.integer({ min: 0, max: 9 }),
      (steps, hardlyEverReads) => {
        const server = history()
        const index = indexAt('100:100:')
        const hers = new Set<number>()
        const loaded: Stamp[] = []
        let told = 0
        const now = (): Stamp => ({ database: DATABASE, snapshot: server.snapshot() })
        function readTheLog() {
          const rows = server.committed.slice(told).map((id) => ({ xid: xid(id), tags: [hers.has(id) ? alice : bob] }))
          told = server.committed.length
          index.advance(server.snapshot(), rows)
        }
        for (const step of steps) {
          const longest = [...server.running]
          if (step < 40) server.begin()
          else if (step < 85) {
            // Some stay open for long; the others commit in any order.
            const id = longest[longest.length > 3 ? 2 + (step % (longest.length - 2)) : longest.length - 1]
            if (id === undefined) continue
            if (step % 10 !== 0) hers.add(id)
            server.commit(id)
            if (step % 7 === 0) index.note({ xid: xid(id), tags: [hers.has(id) ? alice : bob] }, DATABASE)
          } else if (step < 92) loaded.push(now())
          else if (step < 98) {
            if (step % 10 >= hardlyEverReads) readTheLog()
          } else if (index.position && step === 98 && loaded.length > 0) {
            readTheLog()
            index.raiseFloor('volatile', loaded[loaded.length >> 1]?.snapshot ?? server.snapshot())
          }
        }
        readTheLog()
        for (const entry of loaded) {
          const seesAll = server.committed.every((id) => !hers.has(id) || isVisible(xid(id), entry.snapshot))
          if (!seesAll) expect(index.judge(entry, [alice], 'volatile')).not.toBe('servable')
        }
        expect(index.judge(now(), [alice], 'volatile')).toBe('servable')
        if (hers.size > 64) fences++
      },
    )
    fc.assert(property, { numRuns: 300 })
    // The hazard was there.
    expect(fences).toBeGreaterThan(20)
  })
})
