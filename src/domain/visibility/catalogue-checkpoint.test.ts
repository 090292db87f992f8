import { describe, expect, it, vi } from 'vitest'
import { createInvalidationIndex, type EntryStore, StoreUnavailableError } from '../../cache/index.ts'
import {
  createFakeClock,
  createFaultyStore,
  createInMemoryEntryStore,
  DATABASE,
  entries,
  snapshot,
  stamp,
  unavailable,
  xid,
} from '../../cache/testing/index.ts'
import { bucketTag, catalogueBucketKey, catalogueKey, layerTag, retentionOf } from '../keys.ts'
import type { CatalogueItem } from '../source.ts'
import { createCatalogue } from './catalogue.ts'
import { bucketOfItems } from './catalogue-bucket.ts'
import { createCatalogueCheckpoint } from './catalogue-checkpoint.ts'
import { idIn, itemOf, lab, team, timeless } from './test-items.ts'

const BUCKETS = 20
const ALL = Array.from({ length: BUCKETS }, (_, number) => number)
const QUIET_MS = 2000
const TTL_MS = 60_000
const LEASE_MS = 10_000

async function all<T>(coming: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const each of coming) found.push(each)
  return found
}

const itemsOf = (bucket: number): CatalogueItem[] =>
  bucket === 3
    ? []
    : [
        itemOf(idIn(bucket, 1), `r${bucket}`, [
          [team, 'read'],
          [lab, 'admin'],
        ]),
        itemOf(idIn(bucket, 2), `s${bucket}`, [[lab, 'write']]),
      ]

function setUp() {
  const clock = createFakeClock()
  const store = createFaultyStore(createInMemoryEntryStore({ clock }))
  const seen: string[] = []

  /** Another process: it shares the store, and follows the log by itself. */
  function instance({ shape = 2, through = store as EntryStore } = {}) {
    const index = createInvalidationIndex({ retentionOf, maxTags: 1000 })
    index.reset({ position: stamp('20:20:'), floor: snapshot('1:1:'), rows: [] })
    const catalogue = createCatalogue()
    const followed = { whole: true, ms: QUIET_MS, isWhole: () => followed.whole, quietMs: () => followed.ms }
    const checkpoint = createCatalogueCheckpoint({
      ...{ store: through, entries, index, clock, catalogue },
      events: {
        hit: (layer, from) => seen.push(`hit ${layer} from ${from}`),
        rejected: (layer, why) => seen.push(`rejected ${layer} ${why}`),
      },
      bucketCount: BUCKETS,
      layer: { ttlMs: TTL_MS, leaseMs: LEASE_MS, shape },
    })
    return { index, catalogue, followed, checkpoint, save: () => checkpoint.save(followed) }
  }
  function filled(options?: Parameters<typeof instance>[0]) {
    const made = instance(options)
    for (const number of ALL) made.catalogue.replace(number, bucketOfItems(itemsOf(number)))
    return made
  }
  const stored = async () => {
    const answers = await store.read(ALL.map((number) => ({ key: catalogueBucketKey(number), layer: 'resources' })))
    return ALL.filter((number) => answers[number]?.kind === 'found')
  }
  const manifest = async () => (await store.read([{ key: catalogueKey, layer: 'resources' }]))[0]?.kind
  /** What a mutation does of a resource in the bucket. */
  const change = (bucket: number) => store.invalidate([catalogueKey, catalogueBucketKey(bucket)])
  /** The next fills, as lists of the buckets in them; the manifest is -1. */
  function fills() {
    const seen = vi.spyOn(store, 'fill')
    const numberOf = (key: string) => (key === catalogueKey ? -1 : Number.parseInt(key.slice(-2), 16))
    return () => seen.mock.calls.map(([some]) => some.map(({ key }) => numberOf(key)))
  }
  return { clock, store, seen, instance, filled, stored, manifest, change, fills }
}

const numbersIn = (loaded: readonly { number: number }[]) => loaded.map(({ number }) => number)

describe('saving the catalogue', () => {
  it('stores every bucket and a list of them, stamped with the position, a few at a time', async () => {
    const { filled, stored, manifest, fills, store } = setUp()
    const told = fills()
    expect(await filled().save()).toBe('saved')
    expect(await stored()).toEqual(ALL)
    expect(await manifest()).toBe('found')
    expect(told()).toEqual([ALL.slice(0, 16), ALL.slice(16), [-1]])
    const [answer] = await store.read([{ key: catalogueBucketKey(7), layer: 'resources' }])
    const entry = answer?.kind === 'found' ? entries.decode(catalogueBucketKey(7), answer.bytes) : null
    expect(entry).toMatchObject({ shape: 2, stamp: stamp('20:20:'), tags: [bucketTag(7), layerTag('resources')] })
    expect(answer).toMatchObject({ ttlMs: TTL_MS })
  })

  it.each<[string, (made: ReturnType<ReturnType<typeof setUp>['filled']>) => void]>([
    ['it is not whole', ({ followed }) => Object.assign(followed, { whole: false })],
    ['it changed just now', ({ followed }) => Object.assign(followed, { ms: QUIET_MS - 1 })],
    ['the position is not known', ({ index }) => index.note({ xid: xid(9), tags: [] }, 'restarted')],
  ])('is put off while %s, and hinders nobody for longer than a lease', async (_what, happens) => {
    const { filled, stored, manifest, clock } = setUp()
    const made = filled()
    happens(made)
    expect(await made.save()).toBe('not-now')
    expect([await stored(), await manifest()]).toEqual([[], 'absent'])
    clock.nowMs += LEASE_MS
    expect(await filled().save()).toBe('saved')
  })

  it('is over while the list is there, whichever instance stored it', async () => {
    const { filled, fills, store } = setUp()
    const [one, other] = [filled(), filled()]
    await one.save()
    const told = fills()
    const leases = vi.spyOn(store, 'takeLeases')
    expect(await one.save()).toBe('not-now')
    expect(await other.save()).toBe('not-now')
    expect(told()).toEqual([])
    expect(leases).not.toHaveBeenCalled()
  })

  it('stores again only what is missing', async () => {
    const { filled, change, fills, manifest } = setUp()
    const made = filled()
    await made.save()
    await change(5)
    expect(await manifest()).toBe('absent')
    const told = fills()
    expect(await made.save()).toBe('saved')
    expect(told()).toEqual([[5], [-1]])
  })

  it('stores what another process stored only where this one has not read it', async () => {
    const { filled, instance, change, fills } = setUp()
    await filled().save()
    await change(5)
    const other = instance()
    for await (const { number, bucket } of other.checkpoint.load(ALL)) other.catalogue.replace(number, bucket)
    other.catalogue.replace(5, bucketOfItems(itemsOf(5)))
    const told = fills()
    expect(await other.save()).toBe('saved')
    expect(told()).toEqual([[5], [-1]])
  })

  it('is done by one instance at a time', async () => {
    const { filled, store, fills } = setUp()
    const lease = await store.takeLeases([{ key: catalogueKey, layer: 'resources', leaseMs: LEASE_MS }])
    const told = fills()
    expect(await filled().save()).toBe('not-now')
    expect(told()).toEqual([])
    if (lease[0]) await store.releaseLease(catalogueKey, lease[0])
    const results = await Promise.all([filled().save(), filled().save()])
    expect(results.toSorted()).toEqual(['not-now', 'saved'])
  })

  it('stops as soon as it is not quiet any more, and goes on later with what is missing', async () => {
    const { filled, stored, manifest, store, fills } = setUp()
    const made = filled()
    const fill = store.fill
    const spy = vi.spyOn(store, 'fill').mockImplementationOnce(async (some) => {
      made.followed.ms = 0
      return fill(some)
    })
    expect(await made.save()).toBe('not-now')
    expect([await stored(), await manifest()]).toEqual([ALL.slice(0, 16), 'absent'])
    spy.mockRestore()
    made.followed.ms = QUIET_MS
    const told = fills()
    expect(await made.save()).toBe('saved')
    expect(told()).toEqual([ALL.slice(16), [-1]])
  })

  it('is stamped with the position of the step in which each bucket is taken, and lets readers have their turn', async () => {
    const { filled, store } = setUp()
    const made = filled()
    const take = store.takeLeases
    vi.spyOn(store, 'takeLeases').mockImplementation(async (requests) => {
      // In the turns between the buckets the log goes on, with nothing of the catalogue.
      if (requests.length > 1) setImmediate(() => made.index.advance(snapshot('30:30:'), []))
      return take(requests)
    })
    expect(await made.save()).toBe('saved')
    const stampOf = async (number: number) => {
      const [answer] = await store.read([{ key: catalogueBucketKey(number), layer: 'resources' }])
      return answer?.kind === 'found' && entries.decode(catalogueBucketKey(number), answer.bytes)?.stamp
    }
    expect([await stampOf(0), await stampOf(15)]).toEqual([stamp('20:20:'), stamp('30:30:')])
  })

  it('stops within some that it encodes: what is no longer quiet is not sent', async () => {
    const { filled, stored, store } = setUp()
    const made = filled()
    const take = store.takeLeases
    vi.spyOn(store, 'takeLeases').mockImplementation(async (requests) => {
      if (requests.length > 1) setImmediate(() => Object.assign(made.followed, { ms: 0 }))
      return take(requests)
    })
    expect(await made.save()).toBe('not-now')
    expect(await stored()).toEqual([])
  })

  it('looks whether it is still quiet under the leases: what it knew before may have changed', async () => {
    const { filled, stored, store } = setUp()
    const made = filled()
    const take = store.takeLeases
    vi.spyOn(store, 'takeLeases').mockImplementation(async (requests) => {
      const leases = await take(requests)
      if (requests.length > 1) made.followed.whole = false
      return leases
    })
    expect(await made.save()).toBe('not-now')
    expect(await stored()).toEqual([])
  })

  it('stores nothing over what a mutation has removed meanwhile, and no list', async () => {
    const { filled, stored, manifest, store, change } = setUp()
    const made = filled()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (some) => {
      await change(2)
      return fill(some)
    })
    expect(await made.save()).toBe('not-now')
    expect([await stored(), await manifest()]).toEqual([ALL.slice(0, 16).toSpliced(2, 1), 'absent'])
    vi.restoreAllMocks()
    expect(await made.save()).toBe('saved')
    expect(await stored()).toEqual(ALL)
  })

  it('stores no list where a mutation has removed a bucket that was there already', async () => {
    const { filled, manifest, store, change } = setUp()
    const made = filled()
    await made.save()
    await change(1)
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (some) => {
      await change(9)
      return fill(some)
    })
    expect(await made.save()).toBe('not-now')
    expect(await manifest()).toBe('absent')
  })

  it('does not wait for a bucket that another one is storing', async () => {
    const { filled, store, manifest } = setUp()
    await store.takeLeases([{ key: catalogueBucketKey(2), layer: 'resources', leaseMs: LEASE_MS }])
    expect(await filled().save()).toBe('not-now')
    expect(await manifest()).toBe('absent')
  })

  it('is put off without the store, and hides no fault of the program', async () => {
    const { filled, store } = setUp()
    const made = filled()
    store.fault = unavailable('redis-timeout')
    expect(await made.save()).toBe('not-now')
    store.fault = 'nothing'
    vi.spyOn(store, 'read').mockRejectedValueOnce(new TypeError('a fault'))
    await expect(made.save()).rejects.toThrow('a fault')
  })
})

describe('a process that starts', () => {
  async function saved() {
    const all = setUp()
    await all.filled().save()
    return all
  }

  it('takes the buckets that are asked for, as they were', async () => {
    const { instance, filled } = await saved()
    const { checkpoint, catalogue } = instance()
    const loaded = await all(checkpoint.load([7, 3]))
    expect(numbersIn(loaded)).toEqual([7, 3])
    expect(loaded.map((each) => each.stamp)).toEqual([stamp('20:20:'), stamp('20:20:')])
    for await (const { number, bucket } of checkpoint.load(ALL)) catalogue.replace(number, bucket)
    const original = filled().catalogue
    for (const groups of [[team], [lab], [team, lab]])
      expect(timeless(catalogue).visible(groups, { count: 100 })).toEqual(
        timeless(original).visible(groups, { count: 100 }),
      )
    expect(catalogue.size).toBe(original.size)
  })

  it('does not take a bucket that changed after it was stored', async () => {
    const { instance } = await saved()
    const { checkpoint, index } = instance()
    index.advance(snapshot('21:21:'), [{ xid: xid(20), tags: [bucketTag(4)] }])
    expect(numbersIn(await all(checkpoint.load(ALL)))).toEqual(ALL.filter((number) => number !== 4))
    expect([checkpoint.holds(4, stamp('20:20:')), checkpoint.holds(5, stamp('20:20:'))]).toEqual([false, true])
    expect(checkpoint.holds(4, stamp('21:21:'))).toBe(true)
  })

  it.each<[string, (made: ReturnType<ReturnType<typeof setUp>['instance']>) => void]>([
    [
      'the whole layer was flushed by the log',
      ({ index }) => index.advance(snapshot('21:21:'), [{ xid: xid(20), tags: [layerTag('resources')] }]),
    ],
    ['more was forgotten than it covers', ({ index }) => index.raiseFloor('lasting', snapshot('21:21:'))],
    [
      'the database is another',
      ({ index }) => index.reset({ position: stamp('20:20:', 'restored'), floor: snapshot('1:1:'), rows: [] }),
    ],
    ['the position is not known', ({ index }) => index.note({ xid: xid(9), tags: [] }, 'restarted')],
  ])('takes nothing where %s', async (_what, happens) => {
    const { instance } = await saved()
    const made = instance()
    happens(made)
    expect(await all(made.checkpoint.load(ALL))).toEqual([])
  })

  it('judges by what is remembered for as long as the catalogue may live', async () => {
    const { instance } = await saved()
    const { checkpoint, index } = instance()
    index.raiseFloor('volatile', snapshot('30:30:'))
    expect(checkpoint.holds(1, stamp('20:20:'))).toBe(true)
    expect(DATABASE).toBe(index.position?.database)
  })

  it('takes nothing of the shape of another release', async () => {
    const { instance, seen } = await saved()
    expect(await all(instance({ shape: 3 }).checkpoint.load(ALL))).toEqual([])
    expect(await all(instance({ shape: 1 }).checkpoint.load(ALL))).toEqual([])
    expect(new Set(seen)).toEqual(new Set(['rejected resources other-shape']))
  })

  it('takes nothing that is damaged, lies under another key, or was not written with the secret', async () => {
    const { instance, store, seen } = await saved()
    const bytesOf = async (number: number) => {
      const [answer] = await store.read([{ key: catalogueBucketKey(number), layer: 'resources' }])
      return answer?.kind === 'found' ? Buffer.from(answer.bytes) : Buffer.alloc(0)
    }
    const cut = (await bytesOf(0)).subarray(0, -1)
    const changed = await bytesOf(1)
    changed[changed.length - 1] = 0x21
    store.faults.overwrite(catalogueBucketKey(0), cut, TTL_MS)
    store.faults.overwrite(catalogueBucketKey(1), changed, TTL_MS)
    store.faults.overwrite(catalogueBucketKey(2), await bytesOf(4), TTL_MS)
    store.faults.overwrite(catalogueBucketKey(3), Buffer.from('rubbish'), TTL_MS)
    expect(numbersIn(await all(instance().checkpoint.load(ALL)))).toEqual(ALL.slice(4))
    expect(seen.slice(0, 4)).toEqual(Array(4).fill('rejected resources damaged'))
    expect(seen.slice(4)).toEqual(Array(BUCKETS - 4).fill('hit resources from master'))
  })

  it('takes nothing of a bucket whose value cannot be read, although it is authentic', async () => {
    const { instance, store, filled } = await saved()
    const key = catalogueBucketKey(6)
    const [answer] = await store.read([{ key, layer: 'resources' }])
    const entry = answer?.kind === 'found' ? entries.decode(key, answer.bytes) : null
    if (!entry || answer?.kind !== 'found') throw new Error('nothing was stored')
    const generation = answer.bytes.toString('latin1', 29, 45)
    const bytes = entries.encode(key, { ...entry, body: Buffer.from('[]\n') }, { token: '', generation })
    store.faults.overwrite(key, bytes, TTL_MS)
    const made = filled()
    expect(numbersIn(await all(made.checkpoint.load(ALL)))).toEqual(ALL.filter((number) => number !== 6))
    // And it is stored again the next time.
    await store.invalidate([catalogueKey])
    expect(await made.save()).toBe('saved')
    expect(numbersIn(await all(instance().checkpoint.load([6])))).toEqual([6])
  })

  it('is never in memory as a whole: beside what is being taken, the next sixteen are on their way', async () => {
    const { instance, store } = await saved()
    const read = vi.spyOn(store, 'read')
    const coming = instance()
      .checkpoint.load([...ALL, ...ALL])
      [Symbol.asyncIterator]()
    expect(numbersIn([(await coming.next()).value])).toEqual([0])
    const asked = () => read.mock.calls.map(([requests]) => requests.length)
    expect(asked()).toEqual([16, 16])
    for (let taken = 1; taken < 16; taken++) await coming.next()
    expect(asked()).toEqual([16, 16])
    expect(numbersIn([(await coming.next()).value])).toEqual([16])
    expect(asked()).toEqual([16, 16, 8])
  })

  it('takes nothing that was flushed, and nothing from a store that cannot be asked', async () => {
    const { instance, store, seen } = await saved()
    store.fault = unavailable('redis-timeout')
    expect(await all(instance().checkpoint.load(ALL))).toEqual([])
    store.fault = 'nothing'
    await store.replaceGenerations(['resources'])
    expect(await all(instance().checkpoint.load(ALL))).toEqual([])
    expect(new Set(seen)).toEqual(new Set(['rejected resources flushed']))
    vi.spyOn(store, 'read').mockRejectedValueOnce(new TypeError('a fault'))
    await expect(all(instance().checkpoint.load(ALL))).rejects.toThrow('a fault')
    expect(new StoreUnavailableError('redis-timeout').code).toBe('store-unavailable')
  })
})
