import { describe, expect, it, vi } from 'vitest'
import type { OpenRequest } from './entry-store.ts'
import { alice, fillIdOf, key, LEASE_MS, leaveMs, setUp, TTL_MS } from './read-through.fixture.ts'
import type { Tag } from './tags.ts'
import { barrier, DATABASE, entries, snapshot, stamp, unavailable, xid } from './testing/index.ts'

describe('a miss', () => {
  it('takes the lease in the round trip that finds nothing, before it loads, and fills under it', async () => {
    const { read, store, loading, seen } = await setUp()
    const answer = await read(loading('one'))
    expect(store.calls).toEqual([`open ${key}`, 'load one', `fill ${key}`])
    expect(answer).toMatchObject({
      value: 'one',
      outcome: 'stored',
      ttlMs: TTL_MS,
      tags: [alice],
      stamp: stamp('20:20:'),
    })
    expect(answer.detail).toBeUndefined()
    expect(seen).toEqual(['miss user-groups', 'loaded user-groups 0'])
  })

  it('takes a lease for as long as its holder may delay others, in the layer it belongs to', async () => {
    const { read, store, loading } = await setUp()
    const opened = vi.spyOn(store, 'open')
    await read(loading('one'))
    expect(opened.mock.calls[0]?.[0]).toEqual([{ key, layer: 'user-groups', leaseMs: LEASE_MS }])
  })

  it('stores the value with its shape, stamp, tags, time and the codec’s own fields', async () => {
    const { read, store, loading, clock } = await setUp()
    const filled = vi.spyOn(store, 'fill')
    await read(loading('one'))
    const [fill] = filled.mock.calls[0]?.[0] ?? []
    if (!fill) throw new Error('nothing was filled')
    expect(fill).toMatchObject({ key, layer: 'user-groups', ttlMs: TTL_MS })
    const entry = entries.decode(key, fill.bytes)
    expect(entry).toMatchObject({
      shape: 1,
      stamp: stamp('20:20:'),
      tags: [alice],
      loadedAt: clock.wallMs(),
      meta: { length: 3 },
    })
    expect(entry?.body.toString()).toBe('one')
  })

  it('says how long the load took', async () => {
    const { read, loading, clock, seen } = await setUp()
    const load = loading('one')
    await read(async () => {
      clock.nowMs += 7
      return load()
    })
    expect(seen).toContain('loaded user-groups 7')
  })

  it('keeps a copy as another process would hold it, and asks for it by its fill id', async () => {
    const { read, store, loading, never, decodedTimes } = await setUp()
    await read(loading('one'))
    expect(decodedTimes()).toBe(1)
    const asked = vi.spyOn(store, 'leftOf')
    store.calls.length = 0
    expect(await read(never)).toMatchObject({ value: 'one', outcome: 'hit' })
    expect(asked.mock.calls[0]?.[0]).toEqual({ key, layer: 'user-groups', knownFillId: fillIdOf(store) })
    expect(store.calls).toEqual([`left ${key}`])
    expect(decodedTimes()).toBe(1)
  })

  it('needs no listener', async () => {
    const { read, store, loading, never, index, clock, instance } = await setUp({ events: false })
    await read(loading('one'))
    await read(never)
    store.faults.overwrite(key, Buffer.from('rubbish'), 5)
    await read(loading('two'))
    store.faults.evict(key)
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    expect((await instance().read(loading('three'))).detail).toBe('lease-lost')
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    store.faults.hold(key, 'user-groups')
    const waiting = read(loading('four', { stamp: stamp('21:21:') }))
    await clock.advance(LEASE_MS)
    expect((await waiting).detail).toBe('lease-busy')
  })
})

describe('the life of an entry', () => {
  it('ends with that of its inputs, in whole milliseconds', async () => {
    const { read, loading, leftMs } = await setUp()
    expect(await read(loading('one', { ttlMs: 1234.9 }))).toMatchObject({ ttlMs: 1234 })
    expect(leftMs(key)).toBe(1234)
  })

  it('is never longer than the layer allows', async () => {
    const { read, loading } = await setUp()
    expect(await read(loading('one', { ttlMs: TTL_MS + 1 }))).toMatchObject({ ttlMs: TTL_MS })
  })

  it('is stored for a single millisecond, and not for less', async () => {
    const { instance, loading, store } = await setUp()
    expect(await instance().read(loading('one', { ttlMs: 1 }))).toMatchObject({ outcome: 'stored', ttlMs: 1 })
    store.faults.evict(key)
    const answer = await instance().read(loading('two', { ttlMs: 0.9 }))
    expect(answer).toMatchObject({ value: 'two', outcome: 'not-stored', detail: 'inputs-expiring', ttlMs: 0.9 })
    expect(store.entries.size).toBe(0)
    expect(store.calls.at(-1)).toBe(`release ${key}`)
    expect(store.leases.size).toBe(0)
  })
})

describe('a hit', () => {
  it('of another process is decoded, judged and served for the rest of its life', async () => {
    const { instance, loading, never, store, seen } = await setUp()
    await instance().read(loading('one'))
    leaveMs(store, 815)
    const answer = await instance().read(never)
    expect(answer).toMatchObject({ value: 'one', outcome: 'hit', ttlMs: 815, tags: [alice], stamp: stamp('20:20:') })
    expect(answer).not.toHaveProperty('detail')
    expect(seen.at(-1)).toBe('hit user-groups')
  })

  it('of another process is moved once, and then only asked about', async () => {
    const { instance, loading, never, store } = await setUp()
    await instance().read(loading('one'))
    const other = instance()
    await other.read(never)
    leaveMs(store, 700)
    store.calls.length = 0
    expect(await other.read(never)).toMatchObject({ outcome: 'hit', ttlMs: 700 })
    expect(store.calls).toEqual([`left ${key}`])
  })

  it('is judged by invalidations from before this instance started', async () => {
    const { instance, loading, index, seen } = await setUp()
    await instance().read(loading('stale'))
    index.reset({ position: stamp('21:21:'), floor: snapshot('1:1:'), rows: [{ xid: xid(20), tags: [alice] }] })
    const fresh = loading('fresh', { stamp: stamp('21:21:') })
    expect(await instance().read(fresh)).toMatchObject({ value: 'fresh', outcome: 'stored' })
    expect(seen).toContain('rejected user-groups invalidated')
  })

  it('of another fill than the copy brings the other', async () => {
    const { instance, loading, never, store } = await setUp()
    const [first, second] = [instance(), instance()]
    await first.read(loading('one'))
    await store.invalidate([key])
    await second.read(loading('two'))
    expect(await first.read(never)).toMatchObject({ value: 'two', outcome: 'hit' })
  })

  it('needs no second judgement while nothing was invalidated', async () => {
    const { read, loading, never, index } = await setUp()
    await read(loading('one'))
    const judged = vi.spyOn(index, 'judge')
    await read(never)
    expect(judged).toHaveBeenCalledTimes(1)
    await read(never)
    expect(judged).toHaveBeenCalledTimes(1)
    index.note({ xid: xid(20), tags: ['u:bob' as Tag] }, DATABASE)
    await read(never)
    expect(judged).toHaveBeenCalledTimes(2)
  })
})

describe('an entry that is present but not served', () => {
  it('was invalidated: its copy is forgotten, it counts as absent without being moved, and a loaded one replaces it', async () => {
    const { read, loading, never, index, store, seen } = await setUp()
    await read(loading('one'))
    const refused = fillIdOf(store)
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    const opened = vi.spyOn(store, 'open')
    expect(await read(loading('two', { stamp: stamp('21:21:') }))).toMatchObject({ value: 'two', outcome: 'stored' })
    const request: OpenRequest = { key, layer: 'user-groups', leaseMs: LEASE_MS }
    expect(opened.mock.calls.map(([requests]) => requests)).toEqual([[{ ...request, refusedFillId: refused }]])
    expect(seen).toContain('rejected user-groups invalidated')
    expect(await read(never)).toMatchObject({ value: 'two', outcome: 'hit' })
  })

  it('is evicted from the store: the loaded entry replaces the copy too', async () => {
    const { read, loading, never, store } = await setUp()
    await read(loading('one'))
    const before = fillIdOf(store)
    store.faults.evict(key)
    store.calls.length = 0
    expect(await read(loading('two'))).toMatchObject({ value: 'two', outcome: 'stored' })
    expect(store.calls).toEqual([`left ${key}`, `open ${key}`, 'load two', `fill ${key}`])
    const asked = vi.spyOn(store, 'leftOf')
    expect(await read(never)).toMatchObject({ value: 'two', outcome: 'hit' })
    expect(asked.mock.calls[0]?.[0].knownFillId).toBe(fillIdOf(store))
    expect(fillIdOf(store)).not.toBe(before)
  })

  it.each(['flushed', 'too-large', 'damaged'] as const)('is %s, as the store says that leased instead', async (why) => {
    const { read, loading, store, seen } = await setUp()
    const lease = store.faults.hold(key, 'user-groups')
    vi.spyOn(store, 'open').mockResolvedValueOnce([{ kind: 'leased', lease, instead: why }])
    expect(await read(loading('one'))).toMatchObject({ value: 'one', outcome: 'stored' })
    expect(seen.slice(0, 2)).toEqual([`rejected user-groups ${why}`, 'miss user-groups'])
  })

  it('is damaged: bytes that are not an entry, and a value that cannot be decoded', async () => {
    const { instance, loading, store, seen } = await setUp()
    store.faults.overwrite(key, Buffer.from('rubbish'), 5)
    expect((await instance().read(loading('one'))).outcome).toBe('stored')
    expect(seen).toContain('rejected user-groups damaged')
    seen.length = 0
    const entry = entries.decode(key, store.entries.get(key)?.bytes ?? Buffer.alloc(0))
    if (!entry) throw new Error('nothing was stored')
    const lease = store.faults.hold(key, 'user-groups')
    store.faults.evictLease(key)
    const poisoned = entries.encode(key, { ...entry, body: Buffer.from('poison') }, lease)
    store.faults.overwrite(key, poisoned, 5)
    expect(await instance().read(loading('two'))).toMatchObject({ value: 'two' })
    expect(seen).toContain('rejected user-groups damaged')
  })

  it('was written without the secret, or under another key', async () => {
    const { instance, loading, store, seen } = await setUp()
    await instance().read(loading('one'))
    const { bytes = Buffer.alloc(0) } = store.entries.get(key) ?? {}
    const forged = Buffer.from(bytes)
    forged[forged.length - 1] = 0x21
    store.faults.overwrite(key, forged, TTL_MS)
    expect(await instance().read(loading('two'))).toMatchObject({ value: 'two', outcome: 'stored' })
    expect(seen.filter((each) => each.includes('damaged'))).toHaveLength(1)
  })

  it('has the shape of another release', async () => {
    const { instance, loading, never, store, seen } = await setUp()
    await instance({ shape: 1 }).read(loading('old'))
    const younger = instance({ shape: 2 })
    expect(await younger.read(loading('new'))).toMatchObject({ value: 'new', outcome: 'stored' })
    expect(seen).toContain('rejected user-groups other-shape')
    expect(await younger.read(never)).toMatchObject({ value: 'new', outcome: 'hit' })
    expect(await instance({ shape: 1 }).read(loading('old again'))).toMatchObject({ value: 'old again' })
    expect(store.leases.size).toBe(0)
  })

  it('is judged again when another refused one is there by the time it is asked for again', async () => {
    const { instance, loading, index, store, loads } = await setUp()
    await instance().read(loading('one'))
    const first = store.entries.get(key)
    store.faults.evict(key)
    await instance().read(loading('two'))
    const second = store.entries.get(key)
    if (!first || !second) throw new Error('nothing was stored')
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    const found = ({ bytes }: { bytes: Buffer }) => [{ kind: 'found', bytes, ttlMs: 5 } as const]
    vi.spyOn(store, 'open').mockResolvedValueOnce(found(first))
    expect(await instance().read(loading('three', { stamp: stamp('21:21:') }))).toMatchObject({ outcome: 'stored' })
    expect(loads).toEqual(['one', 'two', 'three'])
  })
})

describe('while another instance holds the lease', () => {
  it('a reader waits, longer each time, and is served the entry that the holder stored', async () => {
    const { instance, loading, never, store, clock, waits, seen } = await setUp()
    await instance().read(loading('one'))
    const stored = store.entries.get(key)
    store.faults.evict(key)
    store.faults.hold(key, 'user-groups')
    const waiting = instance().read(never)
    await clock.advance(4 + 8 + 16 + 32 + 64)
    if (stored) store.faults.overwrite(key, stored.bytes, TTL_MS)
    await clock.advance(64)
    expect(await waiting).toMatchObject({ value: 'one', outcome: 'hit' })
    expect(waits).toEqual([4, 8, 16, 32, 64, 64])
    expect(seen).toContain('waited user-groups 188')
  })

  it('a reader takes the lease over as soon as it is free, and stores', async () => {
    const { read, loading, store, clock } = await setUp()
    store.faults.hold(key, 'user-groups')
    const waiting = read(loading('one'))
    await clock.advance(4)
    store.faults.evictLease(key)
    await clock.advance(8)
    expect(await waiting).toMatchObject({ value: 'one', outcome: 'stored' })
  })

  it('a reader loads for itself once the lease must be over, and stores nothing', async () => {
    const { read, loading, loads, store, clock, waits, seen } = await setUp()
    const holder = store.faults.hold(key, 'user-groups')
    const waiting = read(loading('one', { ttlMs: 77 }))
    await clock.advance(LEASE_MS - 1)
    expect(loads).toEqual([])
    await clock.advance(1)
    expect(await waiting).toMatchObject({ value: 'one', outcome: 'not-stored', detail: 'lease-busy', ttlMs: 77 })
    expect(waits.reduce((sum, ms) => sum + ms)).toBe(LEASE_MS)
    expect(seen).toContain(`waited user-groups ${LEASE_MS}`)
    expect(store.calls).not.toContain(`fill ${key}`)
    expect(store.leases.get(key)).toMatchObject(holder)
  })
})

describe('a fill', () => {
  it('that is refused answers only the reader that loaded, with nothing left to live, and the lease needs no release', async () => {
    const { read, loading, store, seen } = await setUp()
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    const released = vi.spyOn(store, 'releaseLease')
    expect(await read(loading('one'))).toMatchObject({ outcome: 'not-stored', detail: 'lease-lost', ttlMs: 0 })
    expect(seen).toContain('refused user-groups')
    expect(released).not.toHaveBeenCalled()
  })

  it('that cannot reach the store costs nothing but the hit, and is not a refusal', async () => {
    const { read, loading, store, seen } = await setUp()
    vi.spyOn(store, 'fill').mockRejectedValueOnce(unavailable())
    expect(await read(loading('one'))).toMatchObject({
      value: 'one',
      outcome: 'not-stored',
      detail: 'redis-unavailable',
    })
    expect(seen).not.toContain('refused user-groups')
  })

  it('that fails by a fault of the program is not swallowed', async () => {
    const { read, loading, store } = await setUp()
    vi.spyOn(store, 'fill').mockRejectedValueOnce(new TypeError('a fault'))
    await expect(read(loading('one'))).rejects.toThrow('a fault')
  })
})

describe('a load that throws', () => {
  const broken = async (): Promise<never> => {
    throw new Error('database down')
  }

  it('frees its key at once', async () => {
    const { read, store } = await setUp()
    await expect(read(broken)).rejects.toThrow('database down')
    expect(store.calls.at(-1)).toBe(`release ${key}`)
    expect(store.leases.size).toBe(0)
  })

  it('reaches the reader, also when the lease cannot be released', async () => {
    const { read, store } = await setUp()
    vi.spyOn(store, 'releaseLease').mockRejectedValueOnce(unavailable())
    await expect(read(broken)).rejects.toThrow('database down')
  })

  it('answers no reader that came after it began: they load for themselves', async () => {
    const { read, loading, loads } = await setUp()
    const held = barrier()
    const first = read(async () => {
      await held.arrive()
      return broken()
    })
    await held.reached
    const second = read(loading('one'))
    held.release()
    await expect(first).rejects.toThrow('database down')
    expect(await second).toMatchObject({ value: 'one', outcome: 'stored' })
    expect(loads).toEqual(['one'])
  })
})
