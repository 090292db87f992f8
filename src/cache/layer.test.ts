import { describe, expect, it, vi } from 'vitest'
import { createCopies } from './copies.ts'
import { type Entry, newFillId } from './entry-codec.ts'
import type { EntryKey } from './entry-store.ts'
import { createInvalidationIndex, type RetentionClass, type Verdict } from './invalidation-index.ts'
import { createLayer } from './layer.ts'
import type { Judged, LogFollower } from './log-follower.ts'
import type { Trust } from './log-trust.ts'
import type { Tag } from './tags.ts'
import { createFakeClock, DATABASE, entries, snapshot, stamp, xid } from './testing/index.ts'

const key = 'user:groups:{alice}' as EntryKey
const alice = 'u:alice' as Tag
const lease = { token: 'token', generation: 'generation-00001' }

function setUp() {
  const clock = createFakeClock()
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 1000 })
  index.reset({ position: stamp('20:20:'), floor: snapshot('1:1:'), rows: [] })
  const log: { trust: Trust } = { trust: 'following' }
  const time = { nowMs: 1000 }
  const judge = vi.fn(({ stamp, tags, until }: Judged, retention: RetentionClass): Verdict => {
    if (log.trust === 'lost') return 'log-lost'
    return until != null && until <= time.nowMs ? 'ended' : index.judge(stamp, tags, retention)
  })
  const follower = {
    ...{ judge, trust: () => log.trust },
    time: { latestMs: () => time.nowMs },
  } as unknown as LogFollower
  const seen: string[] = []
  const copies = createCopies<string>({ maxBytes: 10_000 })
  const layer = createLayer<string>(
    {
      name: 'user-groups',
      retention: 'volatile',
      ttlMs: 60_000,
      leaseMs: 1000,
      shape: 2,
      codec: {
        encode: (value) => ({ body: Buffer.from(value) }),
        decode({ body }) {
          if (body.toString() === 'poison') throw new TypeError('no such value')
          return body.toString()
        },
      },
      copies,
    },
    {
      ...{ index, follower, clock, entries },
      events: {
        hit: (name, from) => seen.push(`hit ${name} from ${from}`),
        rejected: (name, why) => seen.push(`rejected ${name} ${why}`),
      },
    },
  )
  const entry = (body = 'one', over: Partial<Entry> = {}): Entry => ({
    fillId: newFillId(),
    shape: 2,
    stamp: stamp('20:20:'),
    tags: [alice],
    until: null,
    loadedAt: 0,
    meta: {},
    body: Buffer.from(body),
    ...over,
  })
  const found = (of: Entry, ttlMs = 500) => ({ bytes: entries.encode(key, of, lease), ttlMs })
  const note = (tag: Tag) => index.note({ xid: xid(20), tags: [tag] }, DATABASE)
  return { clock, index, log, time, judge, seen, copies, layer, entry, found, note }
}

describe('an entry from the store', () => {
  it('is decoded, judged, served and kept as a copy of the length that it has there', () => {
    const { layer, entry, found, copies, seen } = setUp()
    const one = entry()
    expect(layer.decoded(key, found(one), 'master')).toEqual({
      value: 'one',
      stamp: one.stamp,
      tags: [alice],
      until: null,
      ttlMs: 500,
      outcome: 'hit',
    })
    expect(seen).toEqual(['hit user-groups from master'])
    expect(copies.get(key)).toMatchObject({ value: 'one', bytes: found(one).bytes.length })
    expect(copies.get(key)?.entry).not.toHaveProperty('body')
    expect(copies.get(key)?.entry.fillId).toBe(one.fillId)
  })

  it('says where it came from when that is not the master', () => {
    const { layer, entry, found, seen } = setUp()
    expect(layer.decoded(key, found(entry()), 'replica')).toMatchObject({ outcome: 'hit', detail: 'replica' })
    expect(seen).toEqual(['hit user-groups from replica'])
  })

  it.each<[string, (setting: ReturnType<typeof setUp>) => { bytes: Buffer; ttlMs: number }]>([
    ['damaged', () => ({ bytes: Buffer.from('rubbish'), ttlMs: 500 })],
    ['damaged', ({ entry, found }) => found(entry('poison'))],
    ['other-shape', ({ entry, found }) => found(entry('one', { shape: 1 }))],
    ['other-shape', ({ entry, found }) => found(entry('poison', { shape: 3 }))],
    ['other-database', ({ entry, found }) => found(entry('one', { stamp: stamp('20:20:', 'other') }))],
    [
      'below-floor',
      ({ entry, found, index }) => {
        index.raiseFloor('volatile', snapshot('30:30:'))
        return found(entry())
      },
    ],
    [
      'invalidated',
      ({ entry, found, note }) => {
        note(alice)
        return found(entry())
      },
    ],
    ['ended', ({ entry, found, time }) => found(entry('one', { until: time.nowMs }))],
    [
      'log-lost',
      ({ entry, found, log }) => {
        log.trust = 'lost'
        return found(entry())
      },
    ],
  ])('is not served, and no copy of it or of another stays: %s', (why, found) => {
    const setting = setUp()
    const { layer, copies, seen, entry } = setting
    layer.keep(key, entry('older'), { bytes: 5, ttlMs: 500 })
    expect(layer.decoded(key, found(setting), 'master')).toBeNull()
    expect(seen).toEqual([`rejected user-groups ${why}`])
    expect(copies.get(key)).toBeUndefined()
  })
})

describe('a copy of this process', () => {
  it('equals the entry that another process would have decoded, and has an end of its life', () => {
    const { layer, entry, clock, seen } = setUp()
    layer.keep(key, entry(), { bytes: 3, ttlMs: 500 })
    clock.nowMs += 499.5
    expect(layer.held(key)).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory', ttlMs: 0.5 })
    clock.nowMs += 0.5
    expect(layer.held(key)).toBeNull()
    expect(seen).toEqual(['hit user-groups from memory', 'rejected user-groups expired'])
    expect(layer.held(key)).toBeNull()
    expect(seen).toHaveLength(2)
  })

  it('is judged once for each revision of the index', () => {
    const { layer, entry, judge, note } = setUp()
    layer.keep(key, entry(), { bytes: 3, ttlMs: 500 })
    layer.held(key)
    layer.held(key)
    expect(judge).toHaveBeenCalledTimes(1)
    note('u:bob' as Tag)
    expect(layer.held(key)).not.toBeNull()
    expect(judge).toHaveBeenCalledTimes(2)
    note(alice)
    expect(layer.held(key)).toBeNull()
  })

  it('is not served by an earlier judgement once the log is lost', () => {
    const { layer, entry, log, seen } = setUp()
    layer.keep(key, entry(), { bytes: 3, ttlMs: 500 })
    layer.held(key)
    log.trust = 'lost'
    expect(layer.held(key)).toBeNull()
    expect(seen.at(-1)).toBe('rejected user-groups log-lost')
  })

  it('is served until the instant at which it stops being true, though nothing else has changed', () => {
    const { layer, entry, time, seen } = setUp()
    layer.keep(key, entry('one', { until: time.nowMs + 1 }), { bytes: 3, ttlMs: 500 })
    expect(layer.held(key)).toMatchObject({ value: 'one', until: 1001 })
    time.nowMs += 0.9
    expect(layer.held(key)).not.toBeNull()
    time.nowMs += 0.1
    expect(layer.held(key)).toBeNull()
    expect(seen.at(-1)).toBe('rejected user-groups ended')
  })

  it('is not served while the time is unknown, if it ends at all', () => {
    const { layer, entry, time } = setUp()
    layer.keep(key, entry('one', { until: 1e15 }), { bytes: 3, ttlMs: 500 })
    time.nowMs = Number.POSITIVE_INFINITY
    expect(layer.held(key)).toBeNull()
    layer.keep(key, entry(), { bytes: 3, ttlMs: 500 })
    expect(layer.held(key)).not.toBeNull()
  })

  it('goes on being served in grace', () => {
    const { layer, entry, log } = setUp()
    layer.keep(key, entry(), { bytes: 3, ttlMs: 500 })
    log.trust = 'grace'
    expect(layer.held(key)).toMatchObject({ value: 'one' })
  })
})

it('a layer judges by the memory of its own retention class', () => {
  const { layer, index } = setUp()
  index.raiseFloor('lasting', snapshot('30:30:'))
  expect(layer.judge({ stamp: stamp('20:20:'), tags: [] })).toBe('servable')
  index.raiseFloor('volatile', snapshot('30:30:'))
  expect(layer.judge({ stamp: stamp('20:20:'), tags: [] })).toBe('below-floor')
})
