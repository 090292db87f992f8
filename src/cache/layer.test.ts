import { describe, expect, it, vi } from 'vitest'
import { createCopies } from './copies.ts'
import type { Entry } from './entry-codec.ts'
import type { EntryKey } from './entry-store.ts'
import { createInvalidationIndex } from './invalidation-index.ts'
import { createLayer, type LayerEvents, type Loaded } from './layer.ts'
import type { Tag } from './tags.ts'
import {
  barrier,
  createFakeClock,
  createFakeStore,
  DATABASE,
  entries,
  settle,
  snapshot,
  stamp,
  unavailable,
  xid,
} from './test-fakes.ts'

const key = 'user:groups:{alice}' as EntryKey
const alice = 'u:alice' as Tag
const TTL_MS = 60_000
const LEASE_MS = 2000

function recording(seen: string[]): LayerEvents {
  return {
    hit: (layer, from) => seen.push(`hit ${layer}${from === 'replica' ? ' from replica' : ''}`),
    miss: (layer) => seen.push(`miss ${layer}`),
    rejected: (layer, why) => seen.push(`rejected ${layer} ${why}`),
    loaded: (layer, ms) => seen.push(`loaded ${layer} ${ms}`),
    fillRefused: (layer) => seen.push(`refused ${layer}`),
    leaseWaited: (layer, ms) => seen.push(`waited ${layer} ${ms}`),
  }
}

function setUp({ events = true } = {}) {
  const clock = createFakeClock()
  const store = createFakeStore()
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 1000 })
  index.reset({ position: stamp('20:20:'), floor: snapshot('1:1:'), rows: [] })
  const seen: string[] = []
  let decoded = 0
  /** Another instance shares the store and nothing else. */
  const instance = () =>
    createLayer<string>({
      name: 'user-groups',
      retention: 'volatile',
      ttlMs: TTL_MS,
      leaseMs: LEASE_MS,
      store,
      index,
      clock,
      codec: {
        encode: (value) => ({ body: Buffer.from(value), meta: { length: value.length } }),
        decode({ body }: Entry) {
          decoded++
          if (body.toString() === 'poison') throw new TypeError('no such value')
          return body.toString()
        },
      },
      entries,
      copies: createCopies({ maxBytes: 1_000_000 }),
      events: events ? recording(seen) : {},
    })
  const loads: string[] = []
  const loading = (value: string, over: Partial<Loaded<string>> = {}) =>
    vi.fn(async (): Promise<Loaded<string>> => {
      store.calls.push('load')
      loads.push(value)
      return { value, stamp: stamp('20:20:'), tags: [alice], ...over }
    })
  const never = async (): Promise<never> => {
    throw new Error('nothing is loaded here')
  }
  return { clock, store, index, seen, instance, layer: instance(), loading, loads, never, decodedTimes: () => decoded }
}

describe('a miss', () => {
  it('takes the lease before it loads and fills under it', async () => {
    const { layer, store, loading, seen } = setUp()
    const read = await layer.read(key, loading('one'))
    expect(store.calls).toEqual([`read ${key}`, `lease ${key}`, 'load', `fill ${key}`])
    expect(read).toMatchObject({
      value: 'one',
      outcome: 'stored',
      ttlMs: TTL_MS,
      tags: [alice],
      stamp: stamp('20:20:'),
    })
    expect(read.fillId).toBe(store.entries.get(key)?.fillId)
    expect(read.detail).toBeUndefined()
    expect(seen).toEqual(['miss user-groups', 'loaded user-groups 0'])
  })

  it('takes a lease for as long as its holder may delay others, in the layer it belongs to', async () => {
    const { layer, store, loading } = setUp()
    const taken = vi.spyOn(store, 'takeLeases')
    await layer.read(key, loading('one'))
    expect(taken.mock.calls[0]?.[0]).toEqual([{ key, layer: 'user-groups', leaseMs: LEASE_MS }])
  })

  it('stores the value with its stamp, tags, time and what the codec adds', async () => {
    const { layer, store, loading, clock } = setUp()
    const filled = vi.spyOn(store, 'fill')
    await layer.read(key, loading('one'))
    const [fill] = filled.mock.calls[0]?.[0] ?? []
    if (!fill) throw new Error('nothing was filled')
    expect(fill).toMatchObject({ key, layer: 'user-groups', parts: [], ttlMs: TTL_MS })
    const entry = entries.decode(key, fill.bytes)
    expect(entry).toMatchObject({
      stamp: stamp('20:20:'),
      tags: [alice],
      loadedAt: clock.wallMs(),
      meta: { length: 3 },
    })
    expect(entry?.fillId).toBe(fill.fillId)
    expect(entry?.body.toString()).toBe('one')
  })

  it('says how long the load took', async () => {
    const { layer, loading, clock, seen } = setUp()
    const load = loading('one')
    await layer.read(key, async () => {
      clock.nowMs += 7
      return load()
    })
    expect(seen).toContain('loaded user-groups 7')
  })

  it('keeps a copy as another process would hold it, and asks for it by its fill id', async () => {
    const { layer, store, loading, never, decodedTimes } = setUp()
    const { fillId } = await layer.read(key, loading('one'))
    expect(decodedTimes()).toBe(1)
    const asked = vi.spyOn(store, 'read')
    const again = await layer.read(key, never)
    expect(asked.mock.calls.map(([requests]) => requests)).toContainEqual([
      { key, layer: 'user-groups', knownFillId: fillId },
    ])
    expect(again).toMatchObject({ value: 'one', outcome: 'hit', fillId })
    expect(decodedTimes()).toBe(1)
  })

  it('needs no listener', async () => {
    const { layer, store, loading, never, index, clock } = setUp({ events: false })
    await layer.read(key, loading('one'))
    await layer.read(key, never)
    store.entries.set(key, { bytes: Buffer.from('rubbish'), ttlMs: 5, fillId: 'x' })
    await layer.read(key, loading('two'))
    vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind: 'flushed' }])
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    expect((await layer.read(key, loading('three'))).detail).toBe('lease-lost')
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    store.leases.set(key, { token: 'other', generation: 'generation-00001' })
    const waiting = layer.read(key, loading('four', { stamp: stamp('21:21:') }))
    await clock.advance(LEASE_MS)
    expect((await waiting).detail).toBe('lease-busy')
  })
})

describe('the life of an entry', () => {
  it('ends with that of its inputs, in whole milliseconds', async () => {
    const { layer, loading, store } = setUp()
    expect((await layer.read(key, loading('one', { ttlMs: 1234.9 }))).ttlMs).toBe(1234)
    expect(store.entries.get(key)?.ttlMs).toBe(1234)
  })

  it('is never longer than the layer allows', async () => {
    const { layer, loading } = setUp()
    expect((await layer.read(key, loading('one', { ttlMs: TTL_MS + 1 }))).ttlMs).toBe(TTL_MS)
  })

  it('is stored for a single millisecond, and not for less', async () => {
    const { instance, loading, store } = setUp()
    expect(await instance().read(key, loading('one', { ttlMs: 1 }))).toMatchObject({ outcome: 'stored', ttlMs: 1 })
    store.entries.clear()
    const read = await instance().read(key, loading('two', { ttlMs: 0.9 }))
    expect(read).toMatchObject({
      value: 'two',
      outcome: 'not-stored',
      detail: 'inputs-expiring',
      ttlMs: 0.9,
      fillId: '',
    })
    expect(store.entries.size).toBe(0)
    expect(store.calls.at(-1)).toBe(`release ${key}`)
    expect(store.leases.size).toBe(0)
  })
})

describe('a hit', () => {
  it('of another process is decoded, judged and served with what is left of its life', async () => {
    const { instance, loading, never, store, seen } = setUp()
    await instance().read(key, loading('one'))
    Object.assign(store.entries.get(key) ?? {}, { ttlMs: 815 })
    const read = await instance().read(key, never)
    expect(read).toMatchObject({ value: 'one', outcome: 'hit', ttlMs: 815, tags: [alice], stamp: stamp('20:20:') })
    expect(read).not.toHaveProperty('detail')
    expect(seen.at(-1)).toBe('hit user-groups')
  })

  it('of another process is moved once', async () => {
    const { instance, loading, never, store } = setUp()
    const { fillId } = await instance().read(key, loading('one'))
    const other = instance()
    await other.read(key, never)
    const asked = vi.spyOn(store, 'read')
    await other.read(key, never)
    expect(asked.mock.calls.map(([requests]) => requests)).toContainEqual([
      { key, layer: 'user-groups', knownFillId: fillId },
    ])
  })

  it('is judged by what was invalidated before this instance came', async () => {
    const { instance, loading, index, seen } = setUp()
    await instance().read(key, loading('stale'))
    index.reset({ position: stamp('21:21:'), floor: snapshot('1:1:'), rows: [{ xid: xid(20), tags: [alice] }] })
    const fresh = loading('fresh', { stamp: stamp('21:21:') })
    expect((await instance().read(key, fresh)).value).toBe('fresh')
    expect(seen).toContain('rejected user-groups invalidated')
  })

  it.each(['found', 'same'] as const)('says that a replica answered: %s', async (kind) => {
    const { layer, loading, never, store, seen } = setUp()
    await layer.read(key, loading('one'))
    const bytes = store.entries.get(key)?.bytes ?? Buffer.alloc(0)
    vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind, bytes, ttlMs: 5, replica: true }])
    expect(await layer.read(key, never)).toMatchObject({ outcome: 'hit', detail: 'replica', ttlMs: 5 })
    expect(seen).toContain('hit user-groups from replica')
  })

  it('says of what is too large to be an entry that it was there, and loads', async () => {
    const { layer, loading, store, seen } = setUp()
    vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind: 'too-large' }])
    expect(await layer.read(key, loading('one'))).toMatchObject({ value: 'one', outcome: 'stored' })
    expect(seen).toContain('rejected user-groups too-large')
  })

  it('needs no second judgement while nothing was invalidated', async () => {
    const { layer, loading, never, index } = setUp()
    await layer.read(key, loading('one'))
    const judged = vi.spyOn(index, 'judge')
    await layer.read(key, never)
    expect(judged).toHaveBeenCalledTimes(1)
    await layer.read(key, never)
    expect(judged).toHaveBeenCalledTimes(1)
    index.note({ xid: xid(20), tags: ['u:bob' as Tag] }, DATABASE)
    await layer.read(key, never)
    expect(judged).toHaveBeenCalledTimes(2)
  })

  it('is judged by the memory of its own retention class', async () => {
    const { layer, index, loading } = setUp()
    index.raiseFloor('lasting', snapshot('30:30:'))
    expect(layer.judge({ stamp: stamp('20:20:'), tags: [] })).toBe('servable')
    index.raiseFloor('volatile', snapshot('30:30:'))
    expect(layer.judge({ stamp: stamp('20:20:'), tags: [] })).toBe('below-floor')
    expect(layer.name).toBe('user-groups')
    expect(loading).toBeDefined()
  })
})

describe('what is present but not served', () => {
  it('was invalidated: it is loaded anew and its copy forgotten', async () => {
    const { layer, loading, never, index, store, seen } = setUp()
    await layer.read(key, loading('one'))
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    expect((await layer.read(key, loading('two', { stamp: stamp('21:21:') }))).value).toBe('two')
    expect(seen).toContain('rejected user-groups invalidated')
    const asked = vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind: 'absent' }])
    store.leases.clear()
    await layer.read(key, loading('three', { stamp: stamp('21:21:') }))
    expect(asked.mock.calls[0]?.[0]).toEqual([{ key, layer: 'user-groups' }])
    expect((await layer.read(key, never)).value).toBe('three')
  })

  it.each(['flushed', 'absent'] as const)('is %s: the copy goes too', async (kind) => {
    const { layer, loading, store, seen } = setUp()
    await layer.read(key, loading('one'))
    seen.length = 0
    const asked = vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind }])
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    await layer.read(key, loading('two'))
    expect(seen[0]).toBe(kind === 'flushed' ? 'rejected user-groups flushed' : 'miss user-groups')
    expect(seen.filter((each) => each.startsWith('rejected'))).toHaveLength(kind === 'flushed' ? 1 : 0)
    await layer.read(key, loading('three'))
    expect(asked.mock.calls.at(-1)?.[0]).toEqual([{ key, layer: 'user-groups' }])
  })

  it('is damaged: bytes that are no entry, and a value that cannot be decoded', async () => {
    const { instance, loading, store, seen } = setUp()
    store.entries.set(key, { bytes: Buffer.from('rubbish'), ttlMs: 5, fillId: 'x' })
    expect((await instance().read(key, loading('one'))).outcome).toBe('stored')
    expect(seen).toContain('rejected user-groups damaged')
    seen.length = 0
    const { bytes } = store.entries.get(key) ?? { bytes: Buffer.alloc(0) }
    const poisoned = Buffer.concat([bytes.subarray(0, bytes.length - 3), Buffer.from('poison')])
    store.entries.set(key, { bytes: poisoned, ttlMs: 5, fillId: 'x' })
    expect((await instance().read(key, loading('two'))).value).toBe('two')
    expect(seen).toContain('rejected user-groups damaged')
  })

  it('is said to be the same as a copy that is not held', async () => {
    const { layer, loading, store } = setUp()
    vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind: 'same', ttlMs: 5 }])
    expect((await layer.read(key, loading('one'))).outcome).toBe('stored')
  })
})

describe('while another instance holds the lease', () => {
  const holder = { token: 'other', generation: 'generation-00001' }

  it('a reader waits, longer each time, and is served what the holder stored', async () => {
    const { instance, loading, never, store, clock, seen } = setUp()
    await instance().read(key, loading('one'))
    const stored = store.entries.get(key)
    store.entries.clear()
    store.leases.set(key, holder)
    const waiting = instance().read(key, never)
    await clock.advance(4 + 8 + 16 + 32 + 64)
    if (stored) store.entries.set(key, stored)
    await clock.advance(64)
    expect(await waiting).toMatchObject({ value: 'one', outcome: 'hit' })
    expect(clock.slept).toEqual([4, 8, 16, 32, 64, 64])
    expect(seen).toContain('waited user-groups 188')
  })

  it('a reader takes the lease over as soon as it is free, and stores', async () => {
    const { layer, loading, store, clock } = setUp()
    store.leases.set(key, holder)
    const waiting = layer.read(key, loading('one'))
    await clock.advance(4)
    store.leases.clear()
    await clock.advance(8)
    expect(await waiting).toMatchObject({ value: 'one', outcome: 'stored' })
  })

  it('a reader loads for himself once the lease must be over, and stores nothing', async () => {
    const { layer, loading, loads, store, clock, seen } = setUp()
    store.leases.set(key, holder)
    const waiting = layer.read(key, loading('one', { ttlMs: 77 }))
    await clock.advance(LEASE_MS - 1)
    expect(loads).toEqual([])
    await clock.advance(1)
    expect(await waiting).toMatchObject({ outcome: 'not-stored', detail: 'lease-busy', ttlMs: 77, fillId: '' })
    expect(clock.slept.reduce((sum, ms) => sum + ms)).toBe(LEASE_MS)
    expect(seen).toContain(`waited user-groups ${LEASE_MS}`)
    expect(store.calls).not.toContain(`fill ${key}`)
  })

  it('what was not stored has no end of its own', async () => {
    const { layer, loading, store } = setUp()
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    expect((await layer.read(key, loading('one'))).ttlMs).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a fill', () => {
  it('that is refused answers only who loaded, and the lease needs no release', async () => {
    const { layer, loading, store, seen } = setUp()
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    const released = vi.spyOn(store, 'releaseLease')
    expect(await layer.read(key, loading('one'))).toMatchObject({ outcome: 'not-stored', detail: 'lease-lost' })
    expect(seen).toContain('refused user-groups')
    expect(released).not.toHaveBeenCalled()
  })

  it('that cannot reach the store costs nothing but the hit', async () => {
    const { layer, loading, store } = setUp()
    vi.spyOn(store, 'fill').mockRejectedValueOnce(unavailable())
    expect(await layer.read(key, loading('one'))).toMatchObject({ outcome: 'not-stored', detail: 'redis-unavailable' })
  })

  it('that fails by a fault of the program is not swallowed, and frees the key', async () => {
    const { layer, loading, store } = setUp()
    vi.spyOn(store, 'fill').mockRejectedValueOnce(new TypeError('a fault'))
    await expect(layer.read(key, loading('one'))).rejects.toThrow('a fault')
    expect(store.leases.size).toBe(0)
  })
})

describe('a load that throws', () => {
  const broken = async (): Promise<never> => {
    throw new Error('database down')
  }

  it('frees its key at once', async () => {
    const { layer, store } = setUp()
    await expect(layer.read(key, broken)).rejects.toThrow('database down')
    expect(store.calls.at(-1)).toBe(`release ${key}`)
    expect(store.leases.size).toBe(0)
  })

  it('is what the reader hears of, also when the lease cannot be released', async () => {
    const { layer, store } = setUp()
    vi.spyOn(store, 'releaseLease').mockRejectedValueOnce(unavailable())
    await expect(layer.read(key, broken)).rejects.toThrow('database down')
  })
})

it('a store that cannot be asked is the caller’s to handle', async () => {
  const { layer, store, loading, loads } = setUp()
  store.failure = unavailable('breaker-open')
  await expect(layer.read(key, loading('one'))).rejects.toMatchObject({
    code: 'store-unavailable',
    detail: 'breaker-open',
    name: 'StoreUnavailableError',
    message: 'the shared cache store is unavailable (breaker-open)',
  })
  expect(loads).toEqual([])
})

describe('readers who miss together', () => {
  it('are answered by one load, if its fill was accepted', async () => {
    const { layer, loading, loads, store } = setUp()
    const load = loading('one')
    const reads = await Promise.all([layer.read(key, load), layer.read(key, load), layer.read(key, load)])
    expect(reads.map(({ value }) => value)).toEqual(['one', 'one', 'one'])
    expect(loads).toHaveLength(1)
    expect(store.calls.filter((call) => call.startsWith('read'))).toHaveLength(3)
  })

  it('look again when the fill was refused, before they load', async () => {
    const { layer, instance, loading, loads, store } = setUp()
    const held = barrier()
    const first = layer.read(key, async () => {
      await held.arrive()
      return loading('stale')()
    })
    await held.reached
    const second = layer.read(key, loading('unused'))
    await settle()
    await store.invalidate([key])
    await instance().read(key, loading('fresh'))
    held.release()
    expect(await first).toMatchObject({ value: 'stale', detail: 'lease-lost' })
    expect(await second).toMatchObject({ value: 'fresh', outcome: 'hit' })
    expect(loads).toEqual(['fresh', 'stale'])
  })

  it('are not answered by what was invalidated while it was filled', async () => {
    const { layer, loading, index, store } = setUp()
    const held = barrier()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      const accepted = await fill(fills)
      await held.arrive()
      return accepted
    })
    const first = layer.read(key, loading('stale'))
    const joined = layer.read(key, loading('fresh', { stamp: stamp('21:21:') }))
    await held.reached
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    held.release()
    expect((await first).value).toBe('stale')
    expect((await joined).value).toBe('fresh')
  })

  it('are not answered by a load whose proof was asked for before they came', async () => {
    const { layer, loading, store } = setUp()
    const held = barrier()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      const accepted = await fill(fills)
      await held.arrive()
      return accepted
    })
    const first = layer.read(key, loading('stale'))
    await held.reached
    await store.invalidate([key])
    const late = layer.read(key, loading('fresh'))
    await settle()
    held.release()
    expect((await first).value).toBe('stale')
    expect((await late).value).toBe('fresh')
  })

  it('are not answered by a second look that went out before they came', async () => {
    const { layer, instance, loading, store } = setUp()
    await instance().read(key, loading('stale'))
    const stale = store.entries.get(key)
    store.entries.clear()
    const loaded = barrier()
    const first = layer.read(key, async () => {
      await loaded.arrive()
      return loading('first')()
    })
    await loaded.reached
    const second = layer.read(key, loading('unused'))
    await settle()
    await store.invalidate([key])
    if (stale) store.entries.set(key, stale)
    const looked = barrier()
    const read = store.read
    vi.spyOn(store, 'read').mockImplementationOnce(async (requests) => {
      const answer = await read(requests)
      await looked.arrive()
      return answer
    })
    loaded.release()
    await looked.reached
    await store.invalidate([key])
    const late = layer.read(key, loading('fresh'))
    await settle()
    looked.release()
    expect((await first).value).toBe('first')
    expect((await second).value).toBe('stale')
    expect((await late).value).toBe('fresh')
  })

  it('are not answered by an entry that a waiter looked up before they came', async () => {
    const { layer, instance, loading, store, clock } = setUp()
    await instance().read(key, loading('stale'))
    const stale = store.entries.get(key)
    store.entries.clear()
    store.leases.set(key, { token: 'other', generation: 'generation-00001' })
    const waiting = layer.read(key, loading('unused'))
    await clock.advance(0)
    const held = barrier()
    const read = store.read
    if (stale) store.entries.set(key, stale)
    vi.spyOn(store, 'read').mockImplementationOnce(async (requests) => {
      const answer = await read(requests)
      await held.arrive()
      return answer
    })
    await clock.advance(4)
    await held.reached
    await store.invalidate([key])
    const late = layer.read(key, loading('fresh'))
    await settle()
    held.release()
    expect((await waiting).value).toBe('stale')
    expect((await late).value).toBe('fresh')
  })
})
