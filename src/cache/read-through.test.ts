import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Clock } from './clock.ts'
import { createCopies } from './copies.ts'
import { type Entry, fillIdIn } from './entry-codec.ts'
import type { EntryKey, EntryRead, LayerName, OpenRequest } from './entry-store.ts'
import { createInvalidationIndex, type LogRow } from './invalidation-index.ts'
import { createLayer, type LayerEvents, type LayerRead, type Loaded } from './layer.ts'
import { createLogFollower, type LogFollower } from './log-follower.ts'
import { createReadThrough, type Wanted } from './read-through.ts'
import { RequestWait } from './store-wait.ts'
import type { Tag } from './tags.ts'
import {
  barrier,
  createFakeClock,
  createFaultyStore,
  createInMemoryEntryStore,
  DATABASE,
  entries,
  type InMemoryEntryStore,
  settle,
  snapshot,
  stamp,
  unavailable,
  xid,
} from './testing/index.ts'

const key = 'user:groups:{alice}' as EntryKey
const listKey = 'resources:{alice}' as EntryKey
const alice = 'u:alice' as Tag
const TTL_MS = 60_000
const LEASE_MS = 2000
const POLL_MS = 250
const BOUND_MS = 5000

const followers: LogFollower[] = []
afterEach(() => Promise.all(followers.splice(0).map((follower) => follower.close())))

function recording(seen: string[]): LayerEvents {
  return {
    hit: (layer, from) => seen.push(`hit ${layer}${from === 'master' ? '' : ` from ${from}`}`),
    miss: (layer) => seen.push(`miss ${layer}`),
    rejected: (layer, why) => seen.push(`rejected ${layer} ${why}`),
    loaded: (layer, ms) => seen.push(`loaded ${layer} ${ms}`),
    fillRefused: (layer) => seen.push(`refused ${layer}`),
    leaseWaited: (layer, ms) => seen.push(`waited ${layer} ${ms}`),
  }
}

async function setUp({ events = true } = {}) {
  const clock = createFakeClock()
  const store = createFaultyStore(createInMemoryEntryStore({ clock }))
  const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 1000 })
  const log = {
    position: stamp('20:20:'),
    rows: [] as LogRow[],
    failure: null as Error | null,
    gate: async () => {},
  }
  async function answer() {
    store.calls.push('log')
    await log.gate()
    if (log.failure) throw log.failure
    return { position: log.position, rows: log.rows, floor: snapshot('1:1:') }
  }
  const follower = createLogFollower({
    log: { readSince: answer, readPast: answer, subscribe: () => ({ close: async () => {} }) },
    index,
    clock,
    pollMs: POLL_MS,
    boundMs: BOUND_MS,
    graceMs: 30_000,
    retentionMs: { volatile: TTL_MS, lasting: TTL_MS },
  })
  followers.push(follower)
  follower.start()
  await follower.ready
  await settle()
  // The next read of the log may begin at once.
  clock.nowMs += 2
  store.calls.length = 0

  const seen: string[] = []
  const loads: string[] = []
  /** How long each wait for a lease was asked to last. */
  const waits: number[] = []
  let decoded = 0
  const waiting: Clock = {
    ...clock,
    monotonicMs: clock.monotonicMs,
    sleep(ms) {
      waits.push(ms)
      return clock.sleep(ms)
    },
  }

  /** Another instance: it shares the store and the log, and holds copies of its own. */
  function instance({ shape = 1 } = {}) {
    const dependencies = { index, follower, clock: waiting, entries, events: events ? recording(seen) : {} }
    const layerOf = (name: LayerName) =>
      createLayer<string>(
        {
          name,
          retention: 'volatile',
          ttlMs: TTL_MS,
          // A reader that waits out the lease on its input still holds its own.
          leaseMs: name === 'user-resources' ? 2 * LEASE_MS : LEASE_MS,
          shape,
          codec: {
            encode: (value) => ({ body: Buffer.from(value), meta: { length: value.length } }),
            decode({ body }: Entry) {
              decoded++
              if (body.toString() === 'poison') throw new TypeError('no such value')
              return body.toString()
            },
          },
          copies: createCopies({ maxBytes: 1_000_000 }),
        },
        dependencies,
      )
    const [layer, lists] = [layerOf('user-groups'), layerOf('user-resources')]
    const reads = createReadThrough({ ...dependencies, store })
    type Load = () => Promise<Loaded<string>>
    const groups = (load: Load): Wanted<string> => ({ layer, key, load })
    const list = (load: Wanted<string, string>['load'], loadInput: Load): Wanted<string, string> => ({
      layer: lists,
      key: listKey,
      input: groups(loadInput),
      load,
    })
    return {
      layer,
      lists,
      read: (load: Load, wait?: RequestWait) => reads.tryRead(groups(load), wait),
      always: (load: Load) => reads.read(groups(load)),
      copy: () => reads.held({ layer, key }),
      alwaysList: (load: Wanted<string, string>['load'], loadInput: Load) => reads.read(list(load, loadInput)),
      readList: (load: Wanted<string, string>['load'], loadInput: Load, wait?: RequestWait) =>
        reads.tryRead(list(load, loadInput), wait),
    }
  }

  const loading = (value: string, over: Partial<Loaded<string>> = {}) =>
    vi.fn(async (): Promise<Loaded<string>> => {
      store.calls.push(`load ${value}`)
      loads.push(value)
      return { value, stamp: stamp('20:20:'), tags: [alice], ...over }
    })
  const never = async (): Promise<never> => {
    throw new Error('nothing is loaded here')
  }
  /** Derives from the input, and lives no longer than that. */
  const deriving = vi.fn(async (input: () => Promise<LayerRead<string>>): Promise<Loaded<string>> => {
    const { value, stamp: at, tags, ttlMs } = await input()
    store.calls.push('derive')
    return { value: `list of ${value}`, stamp: at, tags, ttlMs }
  })
  /** What it is, after the time that a read of the log may have to wait for the one before. */
  async function soon<T>(reading: Promise<T>): Promise<T> {
    reading.catch(() => {})
    await clock.advance(2)
    return reading
  }
  const leftMs = (of: EntryKey) => (store.entries.get(of)?.expiresAtMs ?? Number.NaN) - clock.nowMs
  /** A commit that the log tells of from now on. */
  function commit(id: number, tags: readonly Tag[]) {
    log.position = stamp(`${id + 1}:${id + 1}:`)
    log.rows = [{ xid: xid(id), tags }]
  }
  return {
    ...{
      clock,
      store,
      index,
      log,
      follower,
      seen,
      loads,
      waits,
      instance,
      loading,
      never,
      deriving,
      soon,
      commit,
      leftMs,
    },
    ...instance(),
    decodedTimes: () => decoded,
  }
}

const fillIdOf = (store: InMemoryEntryStore) => fillIdIn(store.entries.get(key)?.bytes ?? Buffer.alloc(0))

/** The entry has so much left to live. */
function leaveMs({ entries: stored, faults }: InMemoryEntryStore, ms: number): void {
  faults.overwrite(key, stored.get(key)?.bytes ?? Buffer.alloc(0), ms)
}

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

  it('stores the value with its shape, stamp, tags, time and what the codec adds', async () => {
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

describe('an entry that is derived from another', () => {
  it('is asked, leased and filled with it in the same round trips, the input first in the fill', async () => {
    const { readList, store, loading, deriving, seen } = await setUp()
    const answer = await readList(deriving, loading('groups'))
    expect(answer).toMatchObject({ value: 'list of groups', outcome: 'stored', ttlMs: TTL_MS })
    expect(store.calls).toEqual([`open ${listKey} ${key}`, 'load groups', 'derive', `fill ${key} ${listKey}`])
    expect(store.leases.size).toBe(0)
    expect(seen).toEqual(['miss user-resources', 'miss user-groups', 'loaded user-groups 0', 'loaded user-resources 0'])
  })

  it('lives no longer than its input has left in the store', async () => {
    const { readList, read, store, loading, never, deriving, leftMs } = await setUp()
    await read(loading('groups'))
    leaveMs(store, 815)
    store.calls.length = 0
    expect(await readList(deriving, never)).toMatchObject({ outcome: 'stored', ttlMs: 815 })
    expect(store.calls).toEqual([`open ${listKey} ${key}`, 'derive', `fill ${listKey}`])
    expect(leftMs(listKey)).toBe(815)
  })

  it('lives no longer than an input that was loaded for it, which lives no longer than its layer allows', async () => {
    const { readList, loading, deriving, leftMs } = await setUp()
    expect(await readList(deriving, loading('groups', { ttlMs: 77.7 }))).toMatchObject({ ttlMs: 77 })
    expect([leftMs(key), leftMs(listKey)]).toEqual([77, 77])
  })

  it('is found without a look at its input', async () => {
    const { readList, instance, loading, never, deriving, store } = await setUp()
    await readList(deriving, loading('groups'))
    store.calls.length = 0
    expect(await instance().readList(never, never)).toMatchObject({ value: 'list of groups', outcome: 'hit' })
    expect(store.calls).toEqual([`open ${listKey} ${key}`])
  })

  it('asks for its input again when that was outdated: what was found is asked for anew, and judged', async () => {
    const { readList, read, store, loading, index, deriving, seen } = await setUp()
    await read(loading('stale'))
    store.calls.length = 0
    const answer = await readList(
      async (input) => {
        expect(await input()).toMatchObject({ value: 'stale', outcome: 'hit' })
        index.note({ xid: xid(20), tags: [alice] }, DATABASE)
        return deriving(input)
      },
      loading('fresh', { stamp: stamp('21:21:') }),
    )
    expect(answer).toMatchObject({ value: 'list of fresh', outcome: 'stored' })
    expect(store.calls).toEqual([
      `open ${listKey} ${key}`,
      `open ${key}`,
      `open ${key}`,
      'load fresh',
      'derive',
      `fill ${key} ${listKey}`,
    ])
    expect(seen).toContain('rejected user-groups invalidated')
  })

  it('loads its input again under the same lease, and fills only the last', async () => {
    const { readList, store, loading, deriving, loads } = await setUp()
    let version = 0
    const answer = await readList(
      async (input) => {
        await input()
        return deriving(input)
      },
      () => loading(`groups ${++version}`)(),
    )
    expect(answer).toMatchObject({ value: 'list of groups 2', outcome: 'stored' })
    expect(loads).toEqual(['groups 1', 'groups 2'])
    expect(entries.decode(key, store.entries.get(key)?.bytes ?? Buffer.alloc(0))?.body.toString()).toBe('groups 2')
  })

  it('frees the lease of an input that it had no use for', async () => {
    const { readList, store, loading, never } = await setUp()
    expect(await readList(loading('from SQL'), never)).toMatchObject({ value: 'from SQL', outcome: 'stored' })
    expect(store.calls.slice(-2)).toEqual([`fill ${listKey}`, `release ${key}`])
    expect(store.leases.size).toBe(0)
    expect(store.entries.has(key)).toBe(false)
  })

  it('frees both leases when its load throws, and when that of the input throws', async () => {
    const { readList, store, loading, never, deriving } = await setUp()
    await expect(readList(never, loading('unused'))).rejects.toThrow('nothing is loaded here')
    expect(store.leases.size).toBe(0)
    await expect(readList(deriving, never)).rejects.toThrow('nothing is loaded here')
    expect(store.leases.size).toBe(0)
    const afterInput = async (input: () => Promise<unknown>): Promise<never> => {
      await input()
      return never()
    }
    await expect(readList(afterInput, loading('groups'))).rejects.toThrow('nothing is loaded here')
    expect(store.leases.size).toBe(0)
    expect(store.entries.size).toBe(0)
  })

  it('frees the lease of an input that has no life left to give, and is not stored either', async () => {
    const { readList, store, loading, deriving } = await setUp()
    const answer = await readList(deriving, loading('groups', { ttlMs: 0.5 }))
    expect(answer).toMatchObject({ value: 'list of groups', outcome: 'not-stored', detail: 'inputs-expiring' })
    expect(store.leases.size).toBe(0)
    expect(store.entries.size).toBe(0)
  })

  it('waits for who loads its input, and uses what that one stored', async () => {
    const { readList, instance, store, clock, loading, never, deriving, waits, seen } = await setUp()
    await instance().read(loading('groups'))
    const stored = store.entries.get(key)
    store.faults.evict(key)
    store.faults.hold(key, 'user-groups')
    const waiting = readList(deriving, never)
    await clock.advance(4)
    if (stored) store.faults.overwrite(key, stored.bytes, TTL_MS)
    await clock.advance(8)
    expect(await waiting).toMatchObject({ value: 'list of groups', outcome: 'stored' })
    expect(waits).toEqual([4, 8])
    expect(seen).toContain('waited user-groups 12')
  })

  it('loads its input itself once that lease must be over, and stores only what it holds a lease on', async () => {
    const { readList, store, clock, loading, deriving } = await setUp()
    const holder = store.faults.hold(key, 'user-groups')
    const waiting = readList(deriving, loading('groups'))
    await clock.advance(LEASE_MS)
    expect(await waiting).toMatchObject({ value: 'list of groups', outcome: 'stored' })
    expect(store.calls.at(-1)).toBe(`fill ${listKey}`)
    expect(store.leases.get(key)).toMatchObject(holder)
  })

  it('is stored or refused by its own lease alone', async () => {
    const { readList, store, loading, deriving, seen } = await setUp()
    const answer = await readList(async (input) => {
      const loaded = await deriving(input)
      store.faults.evictLease(listKey)
      return loaded
    }, loading('groups'))
    expect(answer).toMatchObject({ outcome: 'not-stored', detail: 'lease-lost' })
    expect(seen).toContain('refused user-resources')
    expect(seen).not.toContain('refused user-groups')
    expect(store.entries.has(key)).toBe(true)
    store.faults.evict(key)
    const other = await readList(async (input) => {
      const loaded = await deriving(input)
      store.faults.evictLease(key)
      return loaded
    }, loading('groups'))
    expect(other).toMatchObject({ outcome: 'stored' })
    expect(seen).toContain('refused user-groups')
    expect(store.entries.has(key)).toBe(false)
  })

  it('cannot be loaded from an input where none was named', async () => {
    const { read, deriving, soon, store } = await setUp()
    await expect(read(deriving as never)).rejects.toThrow('this entry has no input')
    store.fault = 'away'
    await expect(soon(read(deriving as never))).rejects.toThrow('no input')
  })
})

describe('a hit', () => {
  it('of another process is decoded, judged and served with what is left of its life', async () => {
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

  it('is judged by what was invalidated before this instance came', async () => {
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

describe('what is present but not served', () => {
  it('was invalidated: its copy is forgotten, it counts as absent without being moved, and what is loaded replaces it', async () => {
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

  it('is evicted from the store: what is loaded replaces the copy too', async () => {
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

  it('is damaged: bytes that are no entry, and a value that cannot be decoded', async () => {
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

  it('was written by somebody without the secret, or under another key', async () => {
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
  it('a reader waits, longer each time, and is served what the holder stored', async () => {
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
  it('that is refused answers only who loaded, with nothing left to live, and the lease needs no release', async () => {
    const { read, loading, store, seen } = await setUp()
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    const released = vi.spyOn(store, 'releaseLease')
    expect(await read(loading('one'))).toMatchObject({ outcome: 'not-stored', detail: 'lease-lost', ttlMs: 0 })
    expect(seen).toContain('refused user-groups')
    expect(released).not.toHaveBeenCalled()
  })

  it('that cannot reach the store costs nothing but the hit, and is no refusal', async () => {
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

  it('is what the reader hears of, also when the lease cannot be released', async () => {
    const { read, store } = await setUp()
    vi.spyOn(store, 'releaseLease').mockRejectedValueOnce(unavailable())
    await expect(read(broken)).rejects.toThrow('database down')
  })

  it('answers nobody who came after it began: they load for themselves', async () => {
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

describe('readers who miss together', () => {
  it('are answered by one load, if its fill was accepted', async () => {
    const { read, loading, loads, store } = await setUp()
    const load = loading('one')
    const answers = await Promise.all([read(load), read(load), read(load)])
    expect(answers).toMatchObject([{ value: 'one' }, { value: 'one' }, { value: 'one' }])
    expect(loads).toHaveLength(1)
    expect(store.calls).toEqual([`open ${key}`, 'load one', `fill ${key}`])
  })

  it('are answered by one look that found the entry', async () => {
    const { instance, loading, never, store } = await setUp()
    await instance().read(loading('one'))
    store.calls.length = 0
    const { read } = instance()
    expect(await Promise.all([read(never), read(never)])).toMatchObject([{ value: 'one' }, { value: 'one' }])
    // The second came after the first had asked: what is found may be older than what the second was told.
    expect(store.calls).toEqual([`open ${key}`, `open ${key}`])
  })

  it('look again when the fill was refused, before they load', async () => {
    const { read, instance, loading, loads, store } = await setUp()
    const held = barrier()
    const first = read(async () => {
      await held.arrive()
      return loading('stale')()
    })
    await held.reached
    const second = read(loading('unused'))
    await settle()
    await store.invalidate([key])
    await instance().read(loading('fresh'))
    held.release()
    expect(await first).toMatchObject({ value: 'stale', detail: 'lease-lost' })
    expect(await second).toMatchObject({ value: 'fresh', outcome: 'hit' })
    expect(loads).toEqual(['fresh', 'stale'])
  })

  it('are not answered by a load whose fill did not reach the store', async () => {
    const { read, loading, store } = await setUp()
    vi.spyOn(store, 'fill').mockImplementationOnce(async () => {
      store.faults.evictLease(key)
      throw unavailable()
    })
    const first = read(loading('first'))
    const second = read(loading('second'))
    expect(await first).toMatchObject({ value: 'first', detail: 'redis-unavailable' })
    expect(await second).toMatchObject({ value: 'second', outcome: 'stored' })
  })

  it('are not answered by what was invalidated while it was filled', async () => {
    const { read, loading, index, store } = await setUp()
    const held = barrier()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      const accepted = await fill(fills)
      await held.arrive()
      return accepted
    })
    const first = read(loading('stale'))
    const joined = read(loading('fresh', { stamp: stamp('21:21:') }))
    await held.reached
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    held.release()
    expect(await first).toMatchObject({ value: 'stale' })
    expect(await joined).toMatchObject({ value: 'fresh' })
  })

  it('are not answered by a load whose proof was asked for before they came', async () => {
    const { read, loading, store } = await setUp()
    const held = barrier()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      const accepted = await fill(fills)
      await held.arrive()
      return accepted
    })
    const first = read(loading('stale'))
    await held.reached
    await store.invalidate([key])
    const late = read(loading('fresh'))
    await settle()
    held.release()
    expect(await first).toMatchObject({ value: 'stale' })
    expect(await late).toMatchObject({ value: 'fresh' })
  })

  it('are not answered by an entry that was looked up before they came', async () => {
    const { read, instance, loading, store } = await setUp()
    await instance().read(loading('stale'))
    const looked = barrier()
    const open = store.open
    vi.spyOn(store, 'open').mockImplementationOnce(async (requests) => {
      const opened = await open(requests)
      await looked.arrive()
      return opened
    })
    const first = read(loading('unused'))
    await looked.reached
    await store.invalidate([key])
    const late = read(loading('fresh'))
    await settle()
    looked.release()
    expect(await first).toMatchObject({ value: 'stale' })
    expect(await late).toMatchObject({ value: 'fresh' })
  })

  it('are not answered by an entry that a waiter looked up before they came', async () => {
    const { read, instance, loading, store, clock } = await setUp()
    await instance().read(loading('stale'))
    const stale = store.entries.get(key)
    store.faults.evict(key)
    store.faults.hold(key, 'user-groups')
    const waiting = read(loading('unused'))
    await clock.advance(0)
    const held = barrier()
    const open = store.open
    if (stale) store.faults.overwrite(key, stale.bytes, TTL_MS)
    vi.spyOn(store, 'open').mockImplementationOnce(async (requests) => {
      const opened = await open(requests)
      await held.arrive()
      return opened
    })
    await clock.advance(4)
    await held.reached
    await store.invalidate([key])
    const late = read(loading('fresh'))
    await settle()
    held.release()
    expect(await waiting).toMatchObject({ value: 'stale' })
    expect(await late).toMatchObject({ value: 'fresh' })
  })
})

describe('a log that is not followed closely enough', () => {
  it('lets nothing be served: the store is not even asked', async () => {
    const { read, loading, never, clock, store, log } = await setUp()
    await read(loading('one'))
    log.failure = new Error('statement timeout')
    await clock.advance(BOUND_MS + POLL_MS)
    store.calls.length = 0
    const reading = read(never)
    await clock.advance(500)
    expect(await reading).toEqual({ outcome: 'bypass', detail: 'log-behind' })
    expect(store.calls.filter((call) => call !== 'log')).toEqual([])
  })

  it('is part of each judgement: what was trusted when the read began is not when the store has answered', async () => {
    const { read, loading, clock, store, seen } = await setUp()
    await read(loading('one'))
    await read(loading('unused'))
    const leftOf = store.leftOf
    vi.spyOn(store, 'leftOf').mockImplementationOnce(async (known) => {
      const left = await leftOf(known)
      clock.nowMs += BOUND_MS + 1
      return left
    })
    expect(await read(loading('two'))).toMatchObject({ value: 'two' })
    expect(seen).toContain('rejected user-groups log-lost')
  })

  it('does not let a found entry be shared', async () => {
    const { read, loading, clock, store } = await setUp()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      const accepted = await fill(fills)
      clock.nowMs += BOUND_MS + 1
      return accepted
    })
    const first = read(loading('first'))
    const second = read(loading('second'))
    expect(await first).toMatchObject({ value: 'first', outcome: 'stored' })
    expect(await second).toMatchObject({ value: 'second' })
  })

  it('is read before anything is served where this process stood still', async () => {
    const { read, loading, clock, store, commit, follower } = await setUp()
    await read(loading('one'))
    commit(20, [alice])
    clock.nowMs += 4 * POLL_MS + 1
    expect(follower.isOverdue()).toBe(true)
    store.calls.length = 0
    expect(await read(loading('two', { stamp: stamp('21:21:') }))).toMatchObject({ value: 'two' })
    expect(store.calls[0]).toBe('log')
  })

  it('is waited for half a second where this process stood still; then what is trusted is served', async () => {
    const { read, loading, never, clock, log } = await setUp()
    await read(loading('one'))
    const held = barrier()
    log.gate = held.arrive
    clock.nowMs += 4 * POLL_MS + 1
    let answered = false
    const reading = read(never).then((answer) => {
      answered = true
      return answer
    })
    await clock.advance(499)
    expect(answered).toBe(false)
    await clock.advance(1)
    expect(await reading).toMatchObject({ value: 'one', outcome: 'hit' })
    held.release()
  })
})

describe('without the store', () => {
  it('the log is read first, and then this process’s own copy is served for what is left of its life', async () => {
    const { read, loading, never, store, clock, soon, seen } = await setUp()
    await read(loading('one'))
    clock.nowMs += 100
    store.fault = unavailable('breaker-open')
    store.calls.length = 0
    expect(await soon(read(never))).toMatchObject({
      value: 'one',
      outcome: 'hit',
      detail: 'memory',
      ttlMs: TTL_MS - 100,
    })
    expect(store.calls).toEqual([`left ${key}`, 'log'])
    expect(seen.at(-1)).toBe('hit user-groups from memory')
  })

  it('a copy that a commit has outdated is not served, although only the log knows of it', async () => {
    const { read, loading, store, commit, soon, seen } = await setUp()
    await read(loading('stale'))
    store.fault = 'away'
    commit(20, [alice])
    expect(await soon(read(loading('fresh', { stamp: stamp('21:21:') })))).toMatchObject({
      value: 'fresh',
      outcome: 'not-stored',
      detail: 'memory',
    })
    expect(seen).toContain('rejected user-groups invalidated')
  })

  it('a read of the log that began before does not count', async () => {
    const { read, loading, store, log, commit, clock, follower } = await setUp()
    await read(loading('stale'))
    store.fault = 'away'
    const before = log.position
    const held = barrier()
    log.gate = held.arrive
    const running = follower.refresh(10_000)
    await held.reached
    // Answered from before the commit, as a statement that has its snapshot already.
    log.position = before
    const reading = read(loading('fresh', { stamp: stamp('21:21:') }))
    await settle()
    log.gate = async () => {}
    held.release()
    await running
    commit(20, [alice])
    await clock.advance(2)
    expect(await reading).toMatchObject({ value: 'fresh' })
  })

  it('a copy is served until its life is over, and not for a millisecond longer', async () => {
    const { read, loading, never, store, clock, soon, seen } = await setUp()
    await read(loading('one', { ttlMs: 1000 }))
    store.fault = 'away'
    await clock.advance(990)
    expect(await soon(read(never))).toMatchObject({ value: 'one', detail: 'memory' })
    await clock.advance(8)
    expect(await soon(read(loading('two')))).toMatchObject({ value: 'two', outcome: 'not-stored', detail: 'memory' })
    expect(seen).toContain('rejected user-groups expired')
  })

  it('a copy of what another process filled lives no longer than it had left when it was moved', async () => {
    const { read, instance, loading, never, store, clock, soon } = await setUp()
    await instance().read(loading('one'))
    leaveMs(store, 100)
    await read(never)
    store.fault = 'away'
    await clock.advance(90)
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit' })
    await clock.advance(8)
    expect(await soon(read(loading('two')))).toMatchObject({ value: 'two' })
  })

  it('what is loaded stays in this process and is served from it, asking nothing of the store but once', async () => {
    const { read, loading, never, store, soon, clock, seen } = await setUp()
    store.fault = 'away'
    expect(await soon(read(loading('one')))).toMatchObject({
      value: 'one',
      outcome: 'not-stored',
      detail: 'memory',
      ttlMs: TTL_MS,
    })
    expect(store.calls).toEqual([`open ${key}`, 'log', 'load one'])
    expect(seen).toEqual(['miss user-groups', 'loaded user-groups 0'])
    clock.nowMs += 2
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory' })
  })

  it('what has no life left is not kept', async () => {
    const { read, loading, store, soon } = await setUp()
    store.fault = 'away'
    expect(await soon(read(loading('one', { ttlMs: 0.5 })))).toMatchObject({ value: 'one', ttlMs: 0 })
    expect(await soon(read(loading('two')))).toMatchObject({ value: 'two' })
  })

  it('and without the log the cache may not answer, and says why', async () => {
    const { read, loading, never, store, log, soon } = await setUp()
    await read(loading('one'))
    store.fault = unavailable('redis-timeout')
    log.failure = new Error('statement timeout')
    expect(await soon(read(never))).toEqual({ outcome: 'bypass', detail: 'redis-timeout' })
    // Known by now: nobody waits for it again.
    expect(await read(never)).toEqual({ outcome: 'bypass', detail: 'redis-timeout' })
  })

  it('a log that hangs is not waited for', async () => {
    const { read, loading, never, store, log, clock } = await setUp()
    await read(loading('one'))
    store.fault = unavailable('redis-timeout')
    const held = barrier()
    log.gate = held.arrive
    const reading = read(never)
    await held.reached
    await clock.advance(202)
    expect(await reading).toEqual({ outcome: 'bypass', detail: 'redis-timeout' })
    held.release()
  })

  it('each who joins a load takes part in the next one: one more for all of them', async () => {
    const { read, loads, store, clock, loading } = await setUp()
    store.fault = 'away'
    const held = barrier()
    let version = 0
    const load = async () => {
      const value = `${++version}`
      if (version === 1) await held.arrive()
      return loading(value)()
    }
    const first = read(load)
    await clock.advance(2)
    await held.reached
    const joined = [read(load), read(load), read(load)]
    await clock.advance(2)
    expect(version).toBe(1)
    held.release()
    expect(await first).toMatchObject({ value: '1' })
    expect(await Promise.all(joined)).toMatchObject([{ value: '2' }, { value: '2' }, { value: '2' }])
    expect(loads).toEqual(['1', '2'])
  })

  it('a load that throws is what the reader hears of, and nothing is kept', async () => {
    const { read, never, store, soon, loading } = await setUp()
    store.fault = 'away'
    await expect(soon(read(never))).rejects.toThrow('nothing is loaded here')
    expect(await soon(read(loading('one')))).toMatchObject({ value: 'one' })
  })

  it('a list is derived from the copy of its input, which is loaded only if it is outdated', async () => {
    const { readList, read, loading, never, store, soon, deriving, loads, index } = await setUp()
    await read(loading('groups'))
    store.fault = 'away'
    expect(await soon(readList(deriving, never))).toMatchObject({ value: 'list of groups', detail: 'memory' })
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    const fresh = loading('fresh', { stamp: stamp('21:21:') })
    expect(await soon(readList(deriving, fresh))).toMatchObject({ value: 'list of fresh', detail: 'memory' })
    expect(loads).toEqual(['groups', 'fresh'])
    // And is then served without either.
    expect(await soon(readList(never, never))).toMatchObject({ value: 'list of fresh', outcome: 'hit' })
  })

  it('a list whose input was outdated when it was asked for again gets it loaded anew', async () => {
    const { readList, read, loading, store, soon, deriving, loads } = await setUp()
    await read(loading('groups'))
    store.fault = 'away'
    const twice = async (input: () => Promise<LayerRead<string>>) => {
      expect(await input()).toMatchObject({ value: 'groups', outcome: 'hit' })
      return deriving(input)
    }
    expect(await soon(readList(twice, loading('anew')))).toMatchObject({ value: 'list of anew' })
    expect(loads).toEqual(['groups', 'anew'])
  })

  it('nobody else is filled or freed: the store hears of nothing that was loaded without it', async () => {
    const { readList, loading, store, soon, deriving } = await setUp()
    store.fault = 'away'
    await soon(readList(deriving, loading('groups')))
    expect(store.calls).toEqual([`open ${listKey} ${key}`, 'log', 'load groups', 'derive'])
  })

  it('all who waited for it are told at once: it is not asked again by each', async () => {
    const { read, loading, store, clock } = await setUp()
    store.fault = 'away'
    const answers = Promise.all([read(loading('one')), read(loading('two')), read(loading('three'))])
    await clock.advance(4)
    await answers
    expect(store.calls.filter((call) => call.startsWith('open'))).toHaveLength(1)
  })
})

describe('a store that goes away during a read', () => {
  it('when it is asked about a copy: the copy is served behind a barrier', async () => {
    const { read, loading, never, store, soon } = await setUp()
    await read(loading('one'))
    vi.spyOn(store, 'leftOf').mockRejectedValueOnce(unavailable())
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory' })
  })

  it('when it is opened', async () => {
    const { read, loading, store, soon } = await setUp()
    vi.spyOn(store, 'open').mockRejectedValueOnce(unavailable())
    expect(await soon(read(loading('one')))).toMatchObject({ value: 'one', detail: 'memory' })
    expect(store.calls).toEqual(['log', 'load one'])
  })

  it('while a holder is waited for', async () => {
    const { read, loading, store, clock } = await setUp()
    store.faults.hold(key, 'user-groups')
    const reading = read(loading('one'))
    await clock.advance(4)
    store.fault = 'away'
    await clock.advance(10)
    expect(await reading).toMatchObject({ value: 'one', outcome: 'not-stored', detail: 'memory' })
  })

  it('when the input is asked for again: what was leased is given back, or expires', async () => {
    const { readList, loading, store, clock, deriving } = await setUp()
    store.faults.hold(key, 'user-groups')
    const reading = readList(deriving, loading('groups'))
    await settle()
    vi.spyOn(store, 'open').mockRejectedValueOnce(unavailable())
    await clock.advance(10)
    expect(await reading).toMatchObject({ value: 'list of groups', detail: 'memory' })
    expect(store.leases.has(listKey)).toBe(false)
  })

  it('when it is filled: what was loaded is the answer, and is served from memory while the store stays away', async () => {
    const { read, loading, never, store, soon } = await setUp()
    const load = loading('one')
    await read(async () => {
      const loaded = await load()
      store.fault = 'away'
      return loaded
    })
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory' })
  })

  it('when it is filled, and comes back: the copy is not taken for what the store has', async () => {
    const { read, loading, store } = await setUp()
    vi.spyOn(store, 'fill').mockRejectedValueOnce(unavailable())
    await read(loading('one'))
    store.faults.evictLease(key)
    expect(await read(loading('two'))).toMatchObject({ value: 'two', outcome: 'stored' })
  })

  it('when a lease is freed', async () => {
    const { readList, loading, never, store } = await setUp()
    vi.spyOn(store, 'releaseLease').mockRejectedValueOnce(unavailable())
    expect(await readList(loading('from SQL'), never)).toMatchObject({ value: 'from SQL', outcome: 'stored' })
  })

  it.each(['leftOf', 'open', 'releaseLease'] as const)(
    'is something else than a fault of the program: %s',
    async (of) => {
      const { read, readList, loading, never, store } = await setUp()
      if (of === 'leftOf') await read(loading('one'))
      vi.spyOn(store, of).mockRejectedValueOnce(new TypeError('a fault'))
      const reading = of === 'releaseLease' ? readList(loading('from SQL'), never) : read(never)
      await expect(reading).rejects.toThrow('a fault')
    },
  )
})

describe('a replica, while the master is away', () => {
  async function withReplica() {
    const all = await setUp()
    const { instance, loading, store } = all
    await instance().read(loading('one'))
    const { bytes = Buffer.alloc(0) } = store.entries.get(key) ?? {}
    store.fault = 'away'
    const readReplica = vi.fn(async (): Promise<EntryRead> => {
      store.calls.push('replica')
      return { kind: 'found', bytes, ttlMs: 500 }
    })
    Object.assign(store, { readReplica })
    store.calls.length = 0
    return { ...all, readReplica }
  }

  it('is asked behind the barrier, and its answer is judged and kept', async () => {
    const { read, never, store, soon, readReplica, seen, clock } = await withReplica()
    expect(await soon(read(never))).toMatchObject({ value: 'one', outcome: 'hit', detail: 'replica', ttlMs: 500 })
    expect(store.calls).toEqual([`open ${key}`, 'log', 'replica'])
    expect(seen.at(-1)).toBe('hit user-groups from replica')
    clock.nowMs += 2
    expect(await soon(read(never))).toMatchObject({ value: 'one', detail: 'memory' })
    expect(readReplica).toHaveBeenCalledTimes(1)
  })

  it('has not heard of a commit that the barrier brought: its entry is not served', async () => {
    const { read, loading, soon, commit, seen } = await withReplica()
    commit(20, [alice])
    const fresh = loading('fresh', { stamp: stamp('21:21:') })
    expect(await soon(read(fresh))).toMatchObject({ value: 'fresh', outcome: 'not-stored', detail: 'memory' })
    expect(seen).toContain('rejected user-groups invalidated')
  })

  it('is not asked where the barrier cannot be had', async () => {
    const { read, never, soon, log, readReplica } = await withReplica()
    log.failure = new Error('statement timeout')
    expect(await soon(read(never))).toMatchObject({ outcome: 'bypass' })
    expect(readReplica).not.toHaveBeenCalled()
  })

  it.each<[string, () => Promise<EntryRead> | null]>([
    ['has nothing', async () => ({ kind: 'absent' })],
    ['is there no more', () => null],
    ['cannot answer either', () => Promise.reject(unavailable('replica-away'))],
  ])('%s: the value is loaded', async (_what, answers) => {
    const { read, loading, soon, store } = await withReplica()
    Object.assign(store, { readReplica: answers })
    expect(await soon(read(loading('two')))).toMatchObject({ value: 'two', detail: 'memory' })
  })

  it('is asked for the input of a list too, and not again when what it had was outdated', async () => {
    const { readList, never, loading, soon, deriving, readReplica } = await withReplica()
    expect(await soon(readList(deriving, never))).toMatchObject({ value: 'list of one', detail: 'memory' })
    // The list itself lies under another key: the replica's bytes are not its.
    expect(readReplica).toHaveBeenCalledTimes(2)
    const other = await withReplica()
    const twice = async (input: () => Promise<LayerRead<string>>) => {
      await input()
      return other.deriving(input)
    }
    expect(await other.soon(other.readList(twice, other.loading('anew')))).toMatchObject({ value: 'list of anew' })
    expect(loading).toBeDefined()
  })
})

describe('a caller that has no other way to ask', () => {
  it('is answered from the cache as long as that may answer', async () => {
    const { always, loading, never } = await setUp()
    expect(await always(loading('one'))).toMatchObject({ value: 'one', outcome: 'stored' })
    expect(await always(never)).toMatchObject({ value: 'one', outcome: 'hit' })
  })

  it('is answered by the load, and that of its input, where the cache may not: nothing is kept or stored', async () => {
    const { always, alwaysList, read, loading, never, store, log, deriving, soon } = await setUp()
    await read(loading('one'))
    store.fault = unavailable('redis-timeout')
    log.failure = new Error('statement timeout')
    expect(await soon(always(loading('two')))).toMatchObject({
      value: 'two',
      outcome: 'not-stored',
      detail: 'redis-timeout',
      ttlMs: 0,
    })
    expect(await soon(alwaysList(deriving, loading('groups')))).toMatchObject({
      value: 'list of groups',
      outcome: 'not-stored',
      detail: 'redis-timeout',
    })
    log.failure = null
    store.fault = 'nothing'
    await soon(read(never)).then((found) => expect(found).toMatchObject({ value: 'one' }))
  })

  it('hears what the load throws, and that there is no input', async () => {
    const { always, never, log, store, deriving, soon } = await setUp()
    store.fault = 'away'
    log.failure = new Error('statement timeout')
    await expect(soon(always(never))).rejects.toThrow('nothing is loaded here')
    await expect(soon(always(deriving as never))).rejects.toThrow('this entry has no input')
  })
})

it('what a request may still wait is told to each command of it', async () => {
  const { readList, read, loading, never, store, deriving, soon, instance } = await setUp()
  const wait = new RequestWait(100)
  const [opened, filled, released, left] = [
    vi.spyOn(store, 'open'),
    vi.spyOn(store, 'fill'),
    vi.spyOn(store, 'releaseLease'),
    vi.spyOn(store, 'leftOf'),
  ]
  await readList(loading('from SQL'), never, wait)
  await read(loading('groups'), wait)
  await read(never, wait)
  for (const spy of [opened, filled, left]) for (const call of spy.mock.calls) expect(call[1]).toBe(wait)
  expect(left).toHaveBeenCalledTimes(1)
  expect(released.mock.calls.map((call) => call[2])).toEqual([wait])
  const readReplica = vi.fn(async (): Promise<EntryRead> => ({ kind: 'absent' }))
  Object.assign(store, { readReplica })
  store.fault = 'away'
  await soon(instance().readList(deriving, loading('groups'), wait))
  expect(readReplica.mock.calls.map((call: unknown[]) => call[1])).toEqual([wait, wait])
})

describe('the copy of this process alone', () => {
  it('is not looked for in the store, not leased and not loaded, where there is none', async () => {
    const { copy, store } = await setUp()
    expect(await copy()).toBeNull()
    expect(store.calls).toEqual([])
  })

  it('is served while the store says that it is the current fill', async () => {
    const { copy, read, instance, loading, store } = await setUp()
    await read(loading('one'))
    store.calls.length = 0
    expect(await copy()).toMatchObject({ value: 'one', outcome: 'hit' })
    expect(store.calls).toEqual([`left ${key}`])
    expect(await instance().copy()).toBeNull()
    store.faults.evict(key)
    store.calls.length = 0
    expect(await copy()).toBeNull()
    expect(store.calls).toEqual([`left ${key}`])
  })

  it('is not served once it was invalidated, or the log is lost', async () => {
    const { copy, read, loading, index, clock, log, soon } = await setUp()
    await read(loading('one'))
    index.note({ xid: xid(20), tags: [alice] }, DATABASE)
    expect(await copy()).toBeNull()
    await read(loading('two', { stamp: stamp('21:21:') }))
    log.failure = new Error('statement timeout')
    await clock.advance(BOUND_MS + POLL_MS)
    const asking = copy()
    await clock.advance(500)
    expect(await soon(asking)).toBeNull()
  })

  it('is served without the store behind a read of the log, unless a commit has outdated it', async () => {
    const { copy, read, loading, store, commit, soon } = await setUp()
    await read(loading('one'))
    store.fault = 'away'
    store.calls.length = 0
    expect(await soon(copy())).toMatchObject({ value: 'one', outcome: 'hit', detail: 'memory' })
    expect(store.calls).toEqual([`left ${key}`, 'log'])
    commit(20, [alice])
    expect(await soon(copy())).toBeNull()
  })

  it('hides no fault of the program', async () => {
    const { copy, read, loading, store } = await setUp()
    await read(loading('one'))
    vi.spyOn(store, 'leftOf').mockRejectedValueOnce(new TypeError('a fault'))
    await expect(copy()).rejects.toThrow('a fault')
  })
})
