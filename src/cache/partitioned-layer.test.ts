import { describe, expect, it, vi } from 'vitest'
import type { Entry } from './entry-codec.ts'
import type { EntryKey } from './entry-store.ts'
import { createInvalidationIndex } from './invalidation-index.ts'
import type { LayerEvents } from './layer.ts'
import { createPartitionedLayer } from './partitioned-layer.ts'
import { RequestWait } from './store-wait.ts'
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

const manifest = 'resources:all' as EntryKey
const bucketKey = (bucket: number) => `resources:all:${bucket}` as EntryKey
const bucketTag = (bucket: number) => `c:${bucket}` as Tag
const layerTag = 'l:resources' as Tag
const TTL_MS = 60_000
const LEASE_MS = 1000
const lease = { token: 'other', generation: 'generation-00001' }
const EVERYTHING = `${bucketKey(0)} ${bucketKey(1)} ${bucketKey(2)}`

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

function setUp({ events = true, leaseMs = LEASE_MS } = {}) {
  const clock = createFakeClock()
  const store = createFakeStore()
  const index = createInvalidationIndex({ retentionOf: () => 'lasting', maxTags: 1000 })
  index.reset({ position: stamp('20:20:'), floor: snapshot('1:1:'), rows: [] })
  const seen: string[] = []
  const source = { values: ['a0', 'b0', 'c0'], stamp: stamp('20:20:'), loads: [] as number[][] }
  const load = vi.fn(async (buckets: readonly number[]) => {
    store.calls.push(`load ${buckets.join(' ')}`)
    source.loads.push([...buckets])
    return { stamp: source.stamp, values: new Map(buckets.map((bucket) => [bucket, source.values[bucket] as string])) }
  })

  /** Another instance shares the store and the source, and nothing else. */
  function instance() {
    const held: string[] = []
    const layer = createPartitionedLayer<string>({
      name: 'resources',
      manifestKey: manifest,
      bucketCount: 3,
      bucketKey,
      tagsOf: (bucket) => [bucketTag(bucket), layerTag],
      load,
      encode: (value) => Buffer.from(value),
      decode(body) {
        if (body.toString() === 'poison') throw new TypeError('no such value')
        return body.toString()
      },
      onBucket: (bucket, value) => {
        held[bucket] = value
      },
      entries,
      ttlMs: TTL_MS,
      leaseMs,
      store,
      index,
      clock,
      events: events ? recording(seen) : {},
    })
    return { ...layer, held }
  }

  /** What a mutation of one bucket does: the log, then the keys. */
  async function change(bucket: number, value: string) {
    const id = xid(source.stamp.snapshot.xmax)
    source.values[bucket] = value
    source.stamp = stamp(`${id + 1}:${id + 1}:`)
    index.advance(source.stamp.snapshot, [{ xid: id, tags: [bucketTag(bucket)] }])
    await store.invalidate([bucketKey(bucket), manifest])
    store.calls.length = 0
    source.loads.length = 0
    seen.length = 0
  }

  const entryOf = (key: EntryKey): Entry => {
    const entry = entries.decode(key, store.entries.get(key)?.bytes ?? Buffer.alloc(0))
    if (!entry) throw new Error(`${key} holds no entry`)
    return entry
  }
  const put = (key: EntryKey, over: Partial<Entry>) => {
    const entry = { ...entryOf(key), ...over }
    const ttlMs = store.entries.get(key)?.ttlMs ?? TTL_MS
    store.entries.set(key, { bytes: entries.encode(key, entry, lease), ttlMs, fillId: entry.fillId })
  }
  return { clock, store, index, seen, source, load, instance, change, entryOf, put }
}

describe('a cold catalogue', () => {
  it('is loaded in one go under leases: the manifest’s first, then the buckets’, then the fills', async () => {
    const { instance, store, seen } = setUp()
    const one = instance()
    expect(await one.refresh()).toEqual({ outcome: 'stored' })
    expect(store.calls).toEqual([
      `read ${manifest}`,
      `lease ${manifest}`,
      `read ${EVERYTHING}`,
      `lease ${EVERYTHING}`,
      'load 0 1 2',
      `fill ${EVERYTHING}`,
      `fill ${manifest}`,
    ])
    expect(one.held).toEqual(['a0', 'b0', 'c0'])
    expect(seen).toEqual(['loaded resources 0', 'miss resources'])
    expect(store.leases.size).toBe(0)
  })

  it('asks for its leases and entries in its own layer, for as long as its leases may last', async () => {
    const { instance, store } = setUp()
    const read = vi.spyOn(store, 'read')
    const leased = vi.spyOn(store, 'takeLeases')
    await instance().refresh()
    expect(read.mock.calls[0]?.[0]).toEqual([{ key: manifest, layer: 'resources' }])
    expect(read.mock.calls[1]?.[0]).toEqual([0, 1, 2].map((b) => ({ key: bucketKey(b), layer: 'resources' })))
    expect(leased.mock.calls.flatMap(([requests]) => requests)).toEqual(
      [manifest, bucketKey(0), bucketKey(1), bucketKey(2)].map((key) => ({
        key,
        layer: 'resources',
        leaseMs: LEASE_MS,
      })),
    )
  })

  it('is stored with each bucket’s stamp and tags, and a manifest that names the fills', async () => {
    const { instance, store, entryOf, clock } = setUp()
    const filled = vi.spyOn(store, 'fill')
    await instance().refresh()
    expect(entryOf(bucketKey(1))).toMatchObject({
      stamp: stamp('20:20:'),
      tags: [bucketTag(1), layerTag],
      loadedAt: clock.wallMs(),
      meta: {},
    })
    const named = JSON.parse(entryOf(manifest).body.toString())
    expect(named).toEqual([0, 1, 2].map((bucket) => store.entries.get(bucketKey(bucket))?.fillId))
    expect(entryOf(manifest)).toMatchObject({
      stamp: stamp('20:20:'),
      tags: [layerTag],
      loadedAt: clock.wallMs(),
      meta: {},
    })
    expect(filled.mock.calls.flatMap(([fills]) => fills).map(({ layer, ttlMs }) => [layer, ttlMs])).toEqual(
      Array.from({ length: 4 }, () => ['resources', TTL_MS]),
    )
    expect(filled.mock.calls.flatMap(([fills]) => fills).map(({ fillId }) => fillId)).toEqual([
      ...named,
      entryOf(manifest).fillId,
    ])
  })

  it('says how long the load took, and lives from its end', async () => {
    const { instance, load, clock, seen } = setUp()
    const plain = load.getMockImplementation()
    load.mockImplementation(async (buckets) => {
      clock.nowMs += 9
      return plain?.(buckets) as never
    })
    const one = instance()
    await one.refresh()
    expect(seen).toContain('loaded resources 9')
    expect(one.servableForMs()).toBe(TTL_MS)
  })

  it('is loaded once for all who ask together', async () => {
    const { instance, source } = setUp()
    const one = instance()
    const outcomes = await Promise.all([one.refresh(), one.refresh(), one.refresh()])
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['stored', 'stored', 'stored'])
    expect(source.loads).toHaveLength(1)
  })

  it('needs no listener', async () => {
    const { instance, store, change, put, index, source, clock } = setUp({ events: false })
    await instance().refresh()
    await change(1, 'b1')
    const one = instance()
    expect((await one.refresh()).outcome).toBe('stored')
    expect((await one.refresh()).outcome).toBe('hit')
    store.entries.set(bucketKey(0), { bytes: Buffer.from('rubbish'), ttlMs: 5, fillId: 'x' })
    put(bucketKey(1), { body: Buffer.from('poison') })
    expect((await instance().refresh()).outcome).toBe('stored')
    vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind: 'flushed' }])
    vi.spyOn(store, 'fill').mockResolvedValueOnce([false])
    expect((await one.refresh()).outcome).toBe('not-stored')
    index.raiseFloor('lasting', snapshot('30:30:'))
    source.stamp = stamp('30:30:')
    store.leases.set(manifest, lease)
    const waiting = instance().refresh()
    await clock.advance(LEASE_MS + 64)
    expect((await waiting).outcome).toBe('not-stored')
  })

  it('that the loader did not give whole is an error, and the manifest’s lease is free again', async () => {
    const { instance, load, store } = setUp()
    load.mockResolvedValueOnce({ stamp: stamp('20:20:'), values: new Map([[0, 'a0']]) })
    await expect(instance().refresh()).rejects.toThrow('the loader left out bucket 1')
    expect(store.leases.has(manifest)).toBe(false)
  })
})

describe('a warm catalogue', () => {
  it('is proved current by one comparison of the manifest', async () => {
    const { instance, store, entryOf, seen } = setUp()
    const one = instance()
    await one.refresh()
    store.calls.length = 0
    seen.length = 0
    const read = vi.spyOn(store, 'read')
    expect(await one.refresh()).toEqual({ outcome: 'hit' })
    expect(store.calls).toEqual([`read ${manifest}`])
    expect(read.mock.calls[0]?.[0]).toEqual([
      { key: manifest, layer: 'resources', knownFillId: entryOf(manifest).fillId },
    ])
    expect(seen).toEqual(['hit resources'])
  })

  it('is fetched, not loaded, by another instance', async () => {
    const { instance, source, store, entryOf, seen } = setUp()
    await instance().refresh()
    store.calls.length = 0
    seen.length = 0
    const two = instance()
    expect(await two.refresh()).toEqual({ outcome: 'hit' })
    expect(store.calls).toEqual([`read ${manifest}`, `read ${EVERYTHING}`])
    expect(seen).toEqual(['hit resources'])
    expect(source.loads).toHaveLength(1)
    expect(two.held).toEqual(['a0', 'b0', 'c0'])
    const read = vi.spyOn(store, 'read')
    await two.refresh()
    expect(read.mock.calls[0]?.[0]).toEqual([expect.objectContaining({ knownFillId: entryOf(manifest).fillId })])
  })

  it('has a life that ends with that of its shortest bucket, as another instance finds it', async () => {
    const { instance, store, clock } = setUp()
    await instance().refresh()
    Object.assign(store.entries.get(bucketKey(1)) ?? {}, { ttlMs: 500 })
    const two = instance()
    await two.refresh()
    expect(two.servableForMs()).toBe(500)
    clock.nowMs += 499
    expect(two.servableForMs()).toBe(1)
    clock.nowMs += 1
    expect(two.servableForMs()).toBe(null)
    expect(await two.refresh()).toEqual({ outcome: 'stored' })
    expect(two.servableForMs()).toBe(TTL_MS - 500)
  })

  it('lends the manifest what is left of the shortest life', async () => {
    const { instance, store, clock } = setUp()
    const one = instance()
    await one.refresh()
    clock.nowMs += 400.5
    store.entries.delete(manifest)
    await one.refresh()
    expect(store.entries.get(manifest)?.ttlMs).toBe(TTL_MS - 401)
    clock.nowMs += TTL_MS - 401
    expect(one.servableForMs()).toBe(0.5)
    store.entries.delete(manifest)
    await one.refresh()
    expect(store.entries.get(manifest)?.ttlMs).toBe(1)
  })

  it('of which nothing changed moves nothing when its manifest is a new one', async () => {
    const { instance, store } = setUp()
    const [one, two] = [instance(), instance()]
    await one.refresh()
    await two.refresh()
    store.entries.delete(manifest)
    await one.refresh()
    store.calls.length = 0
    expect(await two.refresh()).toEqual({ outcome: 'hit' })
    expect(store.calls).toEqual([`read ${manifest}`])
  })

  it('needs no second judgement while nothing was invalidated', async () => {
    const { instance, index } = setUp()
    const one = instance()
    await one.refresh()
    one.servableForMs()
    const judged = vi.spyOn(index, 'judge')
    expect(one.servableForMs()).toBe(TTL_MS)
    expect(judged).not.toHaveBeenCalled()
  })

  it('is judged by the memory of what lasts', async () => {
    const { instance, index, seen, source } = setUp()
    const one = instance()
    await one.refresh()
    index.raiseFloor('volatile', snapshot('30:30:'))
    expect(one.servableForMs()).toBe(TTL_MS)
    index.raiseFloor('lasting', snapshot('30:30:'))
    expect(one.servableForMs()).toBe(null)
    source.stamp = stamp('30:30:')
    seen.length = 0
    const two = instance()
    await two.refresh()
    expect(seen.filter((each) => each.startsWith('rejected'))).toEqual(
      Array.from({ length: 4 }, () => 'rejected resources below-floor'),
    )
    expect(two.stamps()).toEqual([source.stamp, source.stamp, source.stamp])
  })

  it('is not servable before it was ever filled', () => {
    const one = setUp().instance()
    expect(one.servableForMs()).toBe(null)
    expect(one.stamps()).toEqual([])
  })

  it('tells the stamps of all its buckets', async () => {
    const { instance, change } = setUp()
    const one = instance()
    await one.refresh()
    const before = one.stamps()
    expect(before).toEqual([stamp('20:20:'), stamp('20:20:'), stamp('20:20:')])
    expect(one.stamps()).toBe(before)
    await change(2, 'c1')
    await one.refresh()
    expect(one.stamps()).toEqual([stamp('20:20:'), stamp('20:20:'), stamp('21:21:')])
  })
})

describe('after a change of one bucket', () => {
  it('that bucket alone is loaded, and the manifest stands at the new position', async () => {
    const { instance, source, change, entryOf, store } = setUp()
    const one = instance()
    await one.refresh()
    await change(1, 'b1')
    expect(one.servableForMs()).toBe(null)
    expect(await one.refresh()).toEqual({ outcome: 'stored' })
    expect(source.loads).toEqual([[1]])
    expect(one.held).toEqual(['a0', 'b1', 'c0'])
    expect(entryOf(manifest).stamp).toEqual(stamp('21:21:'))
    expect(store.calls).toContain(`read ${EVERYTHING}`)
  })

  it('another instance fetches only what it does not hold', async () => {
    const { instance, change, store } = setUp()
    const [one, two] = [instance(), instance()]
    await one.refresh()
    await two.refresh()
    await change(1, 'b1')
    await one.refresh()
    store.calls.length = 0
    expect(await two.refresh()).toEqual({ outcome: 'hit' })
    expect(store.calls).toEqual([`read ${manifest}`, `read ${bucketKey(1)}`])
    expect(two.held).toEqual(['a0', 'b1', 'c0'])
  })

  it('a manifest that was never deleted does not vouch for the bucket', async () => {
    const { instance, source, index, store } = setUp()
    const one = instance()
    await one.refresh()
    source.values[1] = 'b1'
    source.stamp = stamp('21:21:')
    index.advance(source.stamp.snapshot, [{ xid: xid(20), tags: [bucketTag(1)] }])
    expect(await one.refresh()).toEqual({ outcome: 'stored' })
    expect(one.held[1]).toBe('b1')
    expect(store.calls).toContain('load 1')
  })

  it('nor does a bucket that was never deleted pass the judgement of another instance', async () => {
    const { instance, source, index, seen } = setUp()
    await instance().refresh()
    source.values[1] = 'b1'
    source.stamp = stamp('21:21:')
    index.advance(source.stamp.snapshot, [{ xid: xid(20), tags: [bucketTag(1)] }])
    const two = instance()
    await two.refresh()
    expect(two.held).toEqual(['a0', 'b1', 'c0'])
    expect(seen).toContain('rejected resources invalidated')
  })

  it('buckets already held are not moved again for a rebuild', async () => {
    const { instance, change, store } = setUp()
    const one = instance()
    await one.refresh()
    await change(1, 'b1')
    const read = vi.spyOn(store, 'read')
    await one.refresh()
    const [, buckets] = read.mock.calls
    expect(buckets?.[0].map(({ knownFillId }) => knownFillId)).toEqual([
      store.entries.get(bucketKey(0))?.fillId,
      expect.any(String),
      store.entries.get(bucketKey(2))?.fillId,
    ])
  })
})

describe('a manifest that is not followed', () => {
  it('was flushed: said, and everything is asked for anew', async () => {
    const { instance, store, seen } = setUp()
    const one = instance()
    await one.refresh()
    seen.length = 0
    vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind: 'flushed' }])
    await one.refresh()
    expect(seen).toEqual(['rejected resources flushed', 'miss resources'])
  })

  it('belongs to an invalidated layer', async () => {
    const { instance, index, source, seen, store } = setUp()
    await instance().refresh()
    source.stamp = stamp('21:21:')
    index.advance(source.stamp.snapshot, [{ xid: xid(20), tags: [layerTag] }])
    seen.length = 0
    store.calls.length = 0
    expect(await instance().refresh()).toEqual({ outcome: 'stored' })
    expect(seen[0]).toBe('rejected resources invalidated')
    // What an invalidated manifest names is not worth fetching before there is a lease.
    expect(store.calls.slice(0, 2)).toEqual([`read ${manifest}`, `lease ${manifest}`])
    expect(source.loads.at(-1)).toEqual([0, 1, 2])
  })

  it.each(['not json', '{"0":"x"}', '["only one"]', '"abc"'])('says something else: %s', async (body) => {
    const { instance, put, source, store } = setUp()
    await instance().refresh()
    put(manifest, { body: Buffer.from(body) })
    store.calls.length = 0
    const two = instance()
    expect(await two.refresh()).toEqual({ outcome: 'stored' })
    expect(two.held).toEqual(['a0', 'b0', 'c0'])
    expect(source.loads).toHaveLength(1)
    expect(store.calls.slice(0, 2)).toEqual([`read ${manifest}`, `lease ${manifest}`])
  })

  it('is too large to be one, as are buckets: said, and loaded', async () => {
    const { instance, store, source, seen } = setUp()
    await instance().refresh()
    const read = store.read
    const tooLarge = async (requests: readonly unknown[]) => requests.map(() => ({ kind: 'too-large' as const }))
    vi.spyOn(store, 'read').mockImplementationOnce(tooLarge).mockImplementationOnce(tooLarge).mockImplementation(read)
    seen.length = 0
    source.loads.length = 0
    expect(await instance().refresh()).toEqual({ outcome: 'stored' })
    expect(source.loads).toEqual([[0, 1, 2]])
    expect(seen.filter((each) => each === 'rejected resources too-large')).toHaveLength(4)
  })

  it('was found on a replica: said too', async () => {
    const { instance, store, seen } = setUp()
    const one = instance()
    await one.refresh()
    vi.spyOn(store, 'read').mockResolvedValueOnce([{ kind: 'same', ttlMs: TTL_MS, replica: true }])
    expect(await one.refresh()).toEqual({ outcome: 'hit' })
    expect(seen).toContain('hit resources from replica')
  })

  it('is damaged, as are buckets', async () => {
    const { instance, store, put, seen, source } = setUp()
    await instance().refresh()
    store.entries.set(manifest, { bytes: Buffer.from('rubbish'), ttlMs: 5, fillId: 'x' })
    store.entries.set(bucketKey(0), { bytes: Buffer.from('rubbish'), ttlMs: 5, fillId: 'y' })
    put(bucketKey(1), { body: Buffer.from('poison') })
    seen.length = 0
    const two = instance()
    expect(await two.refresh()).toEqual({ outcome: 'stored' })
    expect(seen.filter((each) => each.startsWith('rejected'))).toEqual([
      'rejected resources damaged',
      'rejected resources damaged',
    ])
    expect(source.loads.at(-1)).toEqual([0, 1])
  })

  it('names a bucket that is gone: what was held of it is dropped', async () => {
    const { instance, store, put, source, entryOf } = setUp()
    const one = instance()
    await one.refresh()
    const named = JSON.parse(entryOf(manifest).body.toString()) as string[]
    put(manifest, { fillId: 'f'.repeat(16), body: Buffer.from(JSON.stringify(['0'.repeat(16), named[1], named[2]])) })
    store.entries.delete(bucketKey(0))
    store.calls.length = 0
    expect(await one.refresh()).toEqual({ outcome: 'stored' })
    expect(store.calls.slice(0, 2)).toEqual([`read ${manifest}`, `read ${bucketKey(0)}`])
    expect(source.loads.at(-1)).toEqual([0])
  })

  it('is fetched again after the copies were lost to time', async () => {
    const { instance, clock, source } = setUp()
    const one = instance()
    await one.refresh()
    clock.nowMs += TTL_MS
    await one.refresh()
    expect(one.servableForMs()).toBe(TTL_MS)
    expect(source.loads).toHaveLength(2)
  })
})

describe('while another instance rebuilds', () => {
  it('a reader waits, longer each time, and follows the manifest it stored', async () => {
    const { instance, store, clock, source, seen } = setUp()
    await instance().refresh()
    const built = store.entries.get(manifest)
    store.entries.delete(manifest)
    store.leases.set(manifest, lease)
    const two = instance()
    const waiting = two.refresh()
    await clock.advance(4 + 8 + 16 + 32 + 64)
    if (built) store.entries.set(manifest, built)
    await clock.advance(64)
    expect(await waiting).toEqual({ outcome: 'hit' })
    expect(clock.slept).toEqual([4, 8, 16, 32, 64, 64])
    expect(source.loads).toHaveLength(1)
    expect(seen.filter((each) => each.startsWith('waited'))).toEqual(
      [4, 12, 28, 60, 124].map((ms) => `waited resources ${ms}`),
    )
  })

  it('who comes meanwhile is answered by the look that ends the wait', async () => {
    const { instance, store, clock } = setUp()
    await instance().refresh()
    const built = store.entries.get(manifest)
    store.entries.delete(manifest)
    store.leases.set(manifest, lease)
    const two = instance()
    store.calls.length = 0
    const waiting = two.refresh()
    await clock.advance(0)
    const late = two.refresh()
    if (built) store.entries.set(manifest, built)
    await clock.advance(4)
    expect([(await waiting).outcome, (await late).outcome]).toEqual(['hit', 'hit'])
    expect(store.calls.filter((call) => call === `read ${manifest}`)).toHaveLength(2)
  })

  it('a reader waits two seconds at most, and nobody waits for the same dead holder again', async () => {
    const { instance, store, clock, source } = setUp({ leaseMs: 10_000 })
    store.leases.set(manifest, lease)
    const two = instance()
    const waiting = two.refresh()
    await clock.advance(1999)
    expect(source.loads).toEqual([])
    await clock.advance(64)
    expect(await waiting).toEqual({ outcome: 'not-stored' })
    const waited = clock.slept.length
    expect(await two.refresh()).toEqual({ outcome: 'not-stored' })
    expect(clock.slept).toHaveLength(waited)
    // A lease taken as late as then is over by now; whoever holds it may be alive.
    clock.nowMs = 1_000_000 + 10_000
    const patient = two.refresh()
    await clock.advance(0)
    expect(clock.slept).toHaveLength(waited + 1)
    await clock.advance(2100)
    await patient
  })

  it('a reader takes the lease over when it is free', async () => {
    const { instance, store, clock } = setUp()
    store.leases.set(manifest, lease)
    const waiting = instance().refresh()
    await clock.advance(3)
    store.leases.clear()
    await clock.advance(1)
    expect(await waiting).toEqual({ outcome: 'stored' })
  })

  it('a reader loads for himself once the lease must be over, stores the buckets but vouches for nothing', async () => {
    const { instance, store, clock, source } = setUp()
    store.leases.set(manifest, lease)
    const two = instance()
    const waiting = two.refresh()
    await clock.advance(LEASE_MS - 20)
    expect(source.loads).toEqual([])
    await clock.advance(84)
    expect(await waiting).toEqual({ outcome: 'not-stored' })
    expect(two.held).toEqual(['a0', 'b0', 'c0'])
    expect(store.entries.has(manifest)).toBe(false)
    expect(store.leases.get(manifest)).toEqual(lease)
    expect(store.calls).not.toContain(`release ${manifest}`)
  })

  it('a bucket whose lease is taken is loaded, not stored, and nothing vouches for it', async () => {
    const { instance, store } = setUp()
    store.leases.set(bucketKey(1), lease)
    const two = instance()
    expect(await two.refresh()).toEqual({ outcome: 'not-stored' })
    expect(two.held).toEqual(['a0', 'b0', 'c0'])
    expect([...store.entries.keys()]).toEqual([bucketKey(0), bucketKey(2)])
    expect(store.calls.at(-1)).toBe(`release ${manifest}`)
    expect(store.leases.has(manifest)).toBe(false)
  })
})

describe('a fill that is refused', () => {
  it('of a bucket leaves no manifest behind', async () => {
    const { instance, store, seen } = setUp()
    vi.spyOn(store, 'fill').mockResolvedValueOnce([true, false, true])
    expect(await instance().refresh()).toEqual({ outcome: 'not-stored' })
    expect(store.entries.has(manifest)).toBe(false)
    expect(seen.filter((each) => each.startsWith('refused'))).toEqual(['refused resources'])
    expect(store.leases.has(manifest)).toBe(false)
  })

  it('of the manifest is a miss that was not stored, and the next read does not believe it holds one', async () => {
    const { instance, store } = setUp()
    const fill = store.fill
    vi.spyOn(store, 'fill')
      .mockImplementationOnce((fills) => fill(fills))
      .mockResolvedValueOnce([false])
    const one = instance()
    expect(await one.refresh()).toEqual({ outcome: 'not-stored' })
    const read = vi.spyOn(store, 'read')
    await one.refresh()
    expect(read.mock.calls[0]?.[0]).toEqual([{ key: manifest, layer: 'resources' }])
  })

  it('is not offered when a bucket was invalidated while it was filled', async () => {
    const { instance, store, index } = setUp()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      const accepted = await fill(fills)
      index.note({ xid: xid(20), tags: [bucketTag(1)] }, DATABASE)
      return accepted
    })
    expect(await instance().refresh()).toEqual({ outcome: 'not-stored' })
    expect(store.entries.has(manifest)).toBe(false)
  })
})

describe('readers who ask together', () => {
  it('do not share what was not stored: nothing proves it', async () => {
    const { instance, store, source } = setUp()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      await store.invalidate([bucketKey(1)])
      return fill(fills)
    })
    const one = instance()
    const both = await Promise.all([one.refresh(), one.refresh()])
    expect(both.map(({ outcome }) => outcome)).toEqual(['not-stored', 'stored'])
    expect(source.loads).toEqual([[0, 1, 2], [1]])
  })

  it('do not share what was invalidated while it was stored', async () => {
    const { instance, store, source, index } = setUp()
    const fill = store.fill
    vi.spyOn(store, 'fill')
      .mockImplementationOnce((fills) => fill(fills))
      .mockImplementationOnce(async (fills) => {
        const accepted = await fill(fills)
        source.values[1] = 'b1'
        source.stamp = stamp('21:21:')
        index.note({ xid: xid(20), tags: [bucketTag(1)] }, DATABASE)
        return accepted
      })
    const one = instance()
    const first = one.refresh()
    const joined = one.refresh().then((read) => ({ ...read, held: one.held[1] }))
    expect(await first).toEqual({ outcome: 'stored' })
    expect(await joined).toEqual({ outcome: 'stored', held: 'b1' })
  })
})

describe('a store that fails', () => {
  it('at the first question is the caller’s to handle', async () => {
    const { instance, store } = setUp()
    store.failure = unavailable()
    await expect(instance().refresh()).rejects.toThrow('redis-unavailable')
  })

  it('at the last does not hide why, even when the lease cannot be released', async () => {
    const { instance, store } = setUp()
    vi.spyOn(store, 'fill').mockRejectedValueOnce(unavailable('redis-timeout'))
    vi.spyOn(store, 'releaseLease').mockRejectedValueOnce(unavailable('breaker-open'))
    await expect(instance().refresh()).rejects.toThrow('redis-timeout')
  })
})

describe('a refresh that takes longer than a reader may wait', () => {
  const BUDGET_MS = 100
  const PATIENCE_MS = 1000

  it('is waited for in vain; who comes until it is over is told at once, who comes then is answered', async () => {
    const { instance, load, clock } = setUp()
    const one = instance()
    const held = barrier()
    const plain = load.getMockImplementation() as typeof load
    load.mockImplementationOnce(async (buckets) => {
      await held.arrive()
      return plain(buckets)
    })
    const first = expect(one.refresh(new RequestWait(BUDGET_MS))).rejects.toThrow('refreshing')
    await held.reached
    await clock.advance(PATIENCE_MS + 1)
    await first
    await expect(one.refresh(new RequestWait(BUDGET_MS))).rejects.toThrow('refreshing')
    const patient = one.refresh()
    held.release()
    expect(await patient).toEqual({ outcome: 'stored' })
    expect(await one.refresh(new RequestWait(BUDGET_MS))).toEqual({ outcome: 'hit' })
  })

  it('makes nobody impatient for the next one', async () => {
    const { instance, load, clock, change } = setUp()
    const one = instance()
    const plain = load.getMockImplementation() as typeof load
    const delays = [PATIENCE_MS * 2, PATIENCE_MS / 2]
    load.mockImplementation(async (buckets) => {
      await clock.sleep(delays.shift() ?? 0)
      return plain(buckets)
    })
    const first = expect(one.refresh(new RequestWait(BUDGET_MS))).rejects.toThrow('refreshing')
    await clock.advance(PATIENCE_MS + 1)
    await first
    await clock.advance(PATIENCE_MS)
    await change(1, 'b1')
    const next = one.refresh(new RequestWait(BUDGET_MS))
    await settle()
    const joined = one.refresh(new RequestWait(BUDGET_MS))
    await clock.advance(PATIENCE_MS - 1)
    expect([await next, await joined].map(({ outcome }) => outcome)).toEqual(['stored', 'stored'])
  })
})

describe('a reader who comes', () => {
  /** Stops the given command of the store once, when it was carried out. */
  function holdAfter<Op extends 'fill' | 'read'>(store: ReturnType<typeof createFakeStore>, op: Op, nth = 1) {
    const held = barrier()
    const plain = store[op] as (argument: never) => Promise<never>
    let calls = 0
    vi.spyOn(store, op as 'fill').mockImplementation(async (argument) => {
      const answer = await plain(argument as never)
      if (++calls === nth) await held.arrive()
      return answer
    })
    return held
  }

  it('after the manifest was looked up is not answered by that look', async () => {
    const { instance, store, source } = setUp()
    const one = instance()
    await one.refresh()
    const held = holdAfter(store, 'read')
    const early = one.refresh()
    await held.reached
    // Another instance's commit, of which this one has not heard: only the delete tells.
    source.values[1] = 'b1'
    await store.invalidate([bucketKey(1), manifest])
    const late = one.refresh()
    await settle()
    held.release()
    expect((await early).outcome).toBe('hit')
    expect((await late).outcome).toBe('stored')
    expect(one.held[1]).toBe('b1')
  })

  it('after the manifest’s fill went out is not answered by that fill', async () => {
    const { instance, store, source } = setUp()
    const one = instance()
    const held = holdAfter(store, 'fill', 2)
    const early = one.refresh()
    await held.reached
    await store.invalidate([bucketKey(1), manifest])
    source.values[1] = 'b1'
    const late = one.refresh()
    await settle()
    held.release()
    await early
    expect((await late).outcome).toBe('stored')
    expect(one.held[1]).toBe('b1')
  })
})
