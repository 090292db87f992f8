/** What every entry store does, whatever it is built on; run against the in-memory one and against Redis. */
import { fillIdIn } from '../entry-codec.ts'
import {
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type Fill,
  LARGEST_ENTRY_BYTES,
  type LayerName,
  type Lease,
  type Opened,
  type OpenRequest,
} from '../entry-store.ts'
import { defineLayers, type LayerNames } from '../layers.ts'

/** What the suite needs of a test runner: vitest's functions, or jest's. */
export interface TestRunner {
  /** Groups tests. */
  readonly describe: (name: string, tests: () => void) => unknown
  /** Declares one test. */
  readonly it: (name: string, test: () => Promise<void>) => unknown
  /** Runs before each test of the suite. */
  readonly beforeEach: (run: () => Promise<void>) => unknown
  /** Runs after each test of the suite. */
  readonly afterEach: (run: () => Promise<void>) => unknown
  /** Assertions as of jest. */
  readonly expect: Expect
}

export interface Expect {
  (actual: unknown): Matchers & { readonly not: Matchers }
  any(type: unknown): unknown
  anything(): unknown
  stringMatching(pattern: RegExp): unknown
}

export interface Matchers {
  toBe(expected: unknown): void
  toBeGreaterThan(expected: number): void
  toBeLessThanOrEqual(expected: number): void
  toBeNull(): void
  toContain(expected: unknown): void
  toEqual(expected: unknown): void
  toHaveLength(expected: number): void
  toMatchObject(expected: object): void
}

/** One empty store, and what Redis or others may do to it. */
export interface EntryStoreHarness {
  readonly store: EntryStore
  /** Lets so many milliseconds pass for the store. */
  elapse(ms: number): Promise<void>
  /** Puts any bytes under the key, as another program would. */
  overwrite(key: EntryKey, bytes: Buffer, ttlMs: number): Promise<void>
  /** Removes the entry behind the store. */
  evict(key: EntryKey): Promise<void>
  /** Removes the lease behind the store. */
  evictLease(key: EntryKey): Promise<void>
  /** Removes the generation of the layer behind the store. */
  evictGeneration(layer: LayerName): Promise<void>
  /** After each test. */
  close(): Promise<void>
}

/** The table that the suite's entries are of: a store is opened for it. */
const CONTRACT_LAYERS = defineLayers({
  resources: { key: () => 'resources:all', ttl: { hours: 12 }, retention: 'lasting' },
  'user-groups': { key: (user: string) => `user:groups:{${user}}`, ttl: { minutes: 15 } },
  'user-resources': {
    key: (user: string) => `resources:{${user}}`,
    ttl: { minutes: 15 },
    from: ['resources', 'user-groups'],
  },
})

const aliceGroups = 'user:groups:{alice}' as EntryKey
export const aliceList = 'resources:{alice}' as EntryKey
export const bobList = 'resources:{bob}' as EntryKey
const catalogue = 'resources:all' as EntryKey
export const layer: LayerName = 'user-resources'

const LEASE_MS = 60_000
const TTL_MS = 60_000

export function entryBytes(fillId: string, generation: string, body = 'body'): Buffer {
  return Buffer.from(`portcullis1 ${fillId} ${generation}\n{}\n${body}`)
}

export const fillId = (name: string) => name.padEnd(16, '.')

/**
 * Declares the tests of one store.
 * @param runner `{ describe, it, beforeEach, afterEach, expect }` of vitest or jest
 * @param open an empty store for this table of layers; it is asked for one before each test
 */
export function describeEntryStore(
  { describe, it, beforeEach, afterEach, expect }: TestRunner,
  name: string,
  open: (layers: LayerNames) => Promise<EntryStoreHarness>,
): void {
  describe(name, () => {
    let harness: EntryStoreHarness
    let store: EntryStore
    beforeEach(async () => {
      harness = await open(CONTRACT_LAYERS)
      store = harness.store
    })
    afterEach(() => harness.close())

    async function lease(key = aliceList, options: { leaseMs?: number; layer?: LayerName } = {}): Promise<Lease> {
      const [taken] = await store.takeLeases([
        { key, layer: options.layer ?? layer, leaseMs: options.leaseMs ?? LEASE_MS },
      ])
      if (!taken) throw new Error(`the lease of ${key} is held by another`)
      return taken
    }

    function fillOf(held: Lease, id: string, more: Partial<Fill> = {}): Fill {
      const body = more.bytes?.toString() ?? `body of ${id}`
      const bytes = entryBytes(fillId(id), held.generation, body)
      return { key: aliceList, layer, lease: held, ttlMs: TTL_MS, ...more, bytes }
    }

    const fill = async (held: Lease, id: string, more?: Partial<Fill>) =>
      (await store.fill([fillOf(held, id, more)]))[0]
    const stored = async (id: string, more?: Partial<Fill>) => fill(await lease(more?.key, more), id, more)
    const read = async (key = aliceList, of: LayerName = layer): Promise<EntryRead> =>
      (await store.read([{ key, layer: of }]))[0] as EntryRead
    const bodyOf = (answer: EntryRead | undefined) =>
      answer?.kind === 'found' ? answer.bytes.toString().split('\n')[2] : answer?.kind

    describe('reading', () => {
      it('answers absent for what was never filled', async () => {
        expect(await read()).toEqual({ kind: 'absent' })
      })

      it('returns the bytes exactly as filled, with what is left of their life', async () => {
        const held = await lease()
        const bytes = Buffer.concat([entryBytes(fillId('one'), held.generation), Buffer.from([0, 255, 13, 10, 128])])
        expect(await store.fill([{ ...fillOf(held, 'one'), bytes }])).toEqual([true])
        const answer = await read()
        expect(answer).toMatchObject({ kind: 'found', bytes })
        expect(answer.kind === 'found' && answer.ttlMs).toBeGreaterThan(TTL_MS - 5000)
        expect(answer.kind === 'found' && answer.ttlMs).toBeLessThanOrEqual(TTL_MS)
      })

      it('moves nothing to who already holds this very fill', async () => {
        await stored('one')
        expect(await store.read([{ key: aliceList, layer, knownFillId: fillId('one') }])).toEqual([
          { kind: 'same', ttlMs: expect.any(Number) },
        ])
      })

      it('returns an entry as large as one may be, and says of a larger one only that it is', async () => {
        const bytes = (length: number) => {
          const whole = Buffer.alloc(length, 'x')
          entryBytes(fillId('one'), held.generation).copy(whole)
          return whole
        }
        const held = await lease()
        await harness.overwrite(aliceList, bytes(LARGEST_ENTRY_BYTES), TTL_MS)
        expect((await read()).kind).toBe('found')
        await harness.overwrite(aliceList, bytes(LARGEST_ENTRY_BYTES + 1), TTL_MS)
        expect(await read()).toEqual({ kind: 'too-large' })
      })

      it('returns the other fill to who holds an older one', async () => {
        await stored('one')
        await store.invalidate([aliceList])
        await stored('two')
        const [answer] = await store.read([{ key: aliceList, layer, knownFillId: fillId('one') }])
        expect(bodyOf(answer)).toBe('body of two')
      })

      it('moves nothing of several that are held, but the one that was filled anew', async () => {
        await stored('alices')
        await stored('bobs', { key: bobList })
        const held = [aliceList, bobList, aliceList, bobList].map((key, index) => ({
          key,
          layer,
          knownFillId: fillId(['alices', 'bobs', 'older', 'alices'][index] ?? ''),
        }))
        expect((await store.read(held)).map(bodyOf)).toEqual(['same', 'same', 'body of alices', 'body of bobs'])
      })

      it('answers many requests in their order', async () => {
        await stored('bobs', { key: bobList })
        const requests = [aliceList, bobList, aliceGroups, bobList].map((key) => ({ key, layer }))
        expect((await store.read(requests)).map(bodyOf)).toEqual(['absent', 'body of bobs', 'absent', 'body of bobs'])
        expect(await store.read([])).toEqual([])
      })

      it('answers hundreds of requests in their order', async () => {
        const bucket = (number: number) => `resources:all:${number.toString(16).padStart(2, '0')}` as EntryKey
        const buckets = Array.from({ length: 256 }, (_, number) => bucket(number))
        const leases = await store.takeLeases(
          buckets.map((key) => ({ key, layer: 'resources' as const, leaseMs: LEASE_MS })),
        )
        const fills = buckets.map((key, at) => fillOf(leases[at] as Lease, `${at}`, { key, layer: 'resources' }))
        expect(await store.fill(fills)).toEqual(buckets.map(() => true))
        const answers = await store.read(buckets.map((key) => ({ key, layer: 'resources' as const })))
        expect(answers.map(bodyOf)).toEqual(buckets.map((_, at) => `body of ${at}`))
      })

      it('answers absent once the life of the entry is over', async () => {
        await stored('short', { ttlMs: 30 })
        await harness.elapse(40)
        expect(await read()).toEqual({ kind: 'absent' })
      })

      it('hands out another program’s value as damage, without its bytes', async () => {
        await stored('one')
        for (const bytes of ['short', 'x'.repeat(100_000), `portcullis2${' '.repeat(100)}`]) {
          await harness.overwrite(aliceList, Buffer.from(bytes), TTL_MS)
          expect(await read()).toEqual({ kind: 'found', bytes: Buffer.alloc(0), ttlMs: 0 })
        }
      })

      it('answers absent when the generation was lost: a flush could have come in between', async () => {
        await stored('one')
        await harness.evictGeneration(layer)
        expect(await read()).toEqual({ kind: 'absent' })
      })
    })

    describe('a lease', () => {
      it('is held by one at a time', async () => {
        const held = await lease()
        expect(held.token).toHaveLength(16)
        expect(held.generation).toHaveLength(16)
        expect(await store.takeLeases([{ key: aliceList, layer, leaseMs: LEASE_MS }])).toEqual([null])
      })

      it('is taken by exactly one of many who ask together', async () => {
        const asked = Array.from({ length: 50 }, () => store.takeLeases([{ key: aliceList, layer, leaseMs: LEASE_MS }]))
        const taken = (await Promise.all(asked)).flat().filter((each) => each !== null)
        expect(taken).toHaveLength(1)
      })

      it('is taken where it is free and refused where it is not, in one call', async () => {
        await lease(bobList)
        const taken = await store.takeLeases([aliceList, bobList].map((key) => ({ key, layer, leaseMs: LEASE_MS })))
        expect(taken.map((each) => each !== null)).toEqual([true, false])
      })

      it('is free again when it was released, when it expired, and after the fill it allowed', async () => {
        await store.releaseLease(aliceList, await lease())
        await lease(aliceList, { leaseMs: 30 })
        await harness.elapse(40)
        expect(await fill(await lease(), 'one')).toBe(true)
        await lease()
      })

      it('is not ended by a holder whose own has expired', async () => {
        const expired = await lease(aliceList, { leaseMs: 30 })
        await harness.elapse(40)
        const present = await lease()
        await store.releaseLease(aliceList, expired)
        expect(await fill(present, 'present')).toBe(true)
      })

      it('from before a flush makes nobody wait', async () => {
        const before = await lease()
        await store.replaceGenerations([layer])
        const after = await lease()
        expect(await fill(before, 'before')).toBe(false)
        expect(await fill(after, 'after')).toBe(true)
        expect(bodyOf(await read())).toBe('body of after')
      })

      it('names the same generation in the whole layer and another in each layer', async () => {
        const [alices, bobs] = [await lease(aliceList), await lease(bobList)]
        const other = await lease(aliceGroups, { layer: 'user-groups' })
        expect(alices.generation).toBe(bobs.generation)
        expect(other.generation).not.toBe(alices.generation)
      })
    })

    describe('a fill is refused', () => {
      it('without a lease', async () => {
        const { generation } = await lease(bobList)
        expect(await fill({ token: 'f'.repeat(16), generation }, 'one')).toBe(false)
        expect(await read()).toEqual({ kind: 'absent' })
      })

      it('after an invalidation, whatever came after it', async () => {
        const before = await lease()
        await store.invalidate([aliceList])
        expect(await fill(before, 'stale')).toBe(false)
        expect(await read()).toEqual({ kind: 'absent' })
      })

      it('after an invalidation and another lease, which stays good', async () => {
        const before = await lease()
        await store.invalidate([aliceList])
        const after = await lease()
        expect(await fill(before, 'stale')).toBe(false)
        expect(await fill(after, 'fresh')).toBe(true)
        expect(bodyOf(await read())).toBe('body of fresh')
      })

      it('after the lease has expired', async () => {
        const held = await lease(aliceList, { leaseMs: 30 })
        await harness.elapse(40)
        expect(await fill(held, 'late')).toBe(false)
        expect(await read()).toEqual({ kind: 'absent' })
      })

      it('after the lease was evicted', async () => {
        const held = await lease()
        await harness.evictLease(aliceList)
        expect(await fill(held, 'late')).toBe(false)
        expect(await read()).toEqual({ kind: 'absent' })
      })

      it('after a flush of its layer, and not after one of another layer', async () => {
        const [groups, list] = [await lease(aliceGroups, { layer: 'user-groups' }), await lease()]
        await store.replaceGenerations(['user-groups'])
        expect(await fill(groups, 'groups', { key: aliceGroups, layer: 'user-groups' })).toBe(false)
        expect(await fill(list, 'list')).toBe(true)
      })

      it('after the generation was lost, also when another took its place', async () => {
        const held = await lease()
        await harness.evictGeneration(layer)
        expect(await fill(held, 'late')).toBe(false)
        const again = await lease()
        await harness.evictGeneration(layer)
        await lease(bobList)
        expect(await fill(again, 'late')).toBe(false)
        expect(await read()).toEqual({ kind: 'absent' })
      })

      it('the second time: a lease allows one', async () => {
        const held = await lease()
        expect(await fill(held, 'one')).toBe(true)
        expect(await fill(held, 'two')).toBe(false)
        expect(bodyOf(await read())).toBe('body of one')
      })

      it('one by one: others in the same call are stored', async () => {
        const [alices, bobs] = [await lease(aliceList), await lease(bobList)]
        await store.invalidate([aliceList])
        const fills = [fillOf(alices, 'alices'), fillOf(bobs, 'bobs', { key: bobList })]
        expect(await store.fill(fills)).toEqual([false, true])
        expect(bodyOf(await read(bobList))).toBe('body of bobs')
      })
    })

    describe('a fill of several entries', () => {
      it('is stored and refused entry by entry, in the order in which they were given', async () => {
        const [groups, list, bobs] = [
          await lease(aliceGroups, { layer: 'user-groups' }),
          await lease(),
          await lease(bobList),
        ]
        await store.invalidate([aliceList])
        const fills = [
          fillOf(groups, 'groups', { key: aliceGroups, layer: 'user-groups' }),
          fillOf(list, 'list'),
          fillOf(bobs, 'bobs', { key: bobList, ttlMs: 30 }),
        ]
        expect(await store.fill(fills)).toEqual([true, false, true])
        expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
        expect(bodyOf(await read())).toBe('absent')
        expect(bodyOf(await read(bobList))).toBe('body of bobs')
        await harness.elapse(40)
        expect(bodyOf(await read(bobList))).toBe('absent')
        expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
      })

      it('ends the lease of each, also where the fill is refused because the layer was flushed', async () => {
        const [groups, list] = [await lease(aliceGroups, { layer: 'user-groups' }), await lease()]
        await store.replaceGenerations(['user-groups'])
        const fills = [fillOf(groups, 'groups', { key: aliceGroups, layer: 'user-groups' }), fillOf(list, 'list')]
        expect(await store.fill(fills)).toEqual([false, true])
        await lease(aliceGroups, { layer: 'user-groups' })
        await lease()
      })

      it('is answered in its order also where it is too large for one round trip', async () => {
        const users = Array.from({ length: 5 }, (_, index) => `resources:{user ${index}}` as EntryKey)
        const held: Lease[] = []
        for (const user of users) held.push(await lease(user))
        await store.invalidate([users[2] as EntryKey])
        const body = Buffer.from('x'.repeat(500_000))
        const fills = users.map((key, at) => fillOf(held[at] as Lease, `${at}`, { key, bytes: body }))
        expect(await store.fill(fills)).toEqual([true, true, false, true, true])
        expect(await store.fill([])).toEqual([])
      })
    })

    describe('opening', () => {
      const groupsRequest: OpenRequest = { key: aliceGroups, layer: 'user-groups', leaseMs: LEASE_MS }
      const listRequest: OpenRequest = { key: aliceList, layer, leaseMs: LEASE_MS }
      const openOne = async (more: Partial<OpenRequest> = {}) =>
        (await store.open([{ ...listRequest, ...more }]))[0] as Opened
      const leaseIn = (opened: Opened | undefined): Lease => {
        if (opened?.kind !== 'leased') throw new Error(`nothing was leased: ${opened?.kind}`)
        return opened.lease
      }
      const kinds = (opened: readonly Opened[]) => opened.map(({ kind }) => kind)

      it('finds an entry that is there, with what is left of its life, and takes no lease', async () => {
        await stored('one')
        const found = await openOne()
        expect(found).toMatchObject({ kind: 'found', ttlMs: expect.any(Number) })
        expect(found.kind === 'found' && found.bytes.toString()).toContain('body of one')
        expect(found.kind === 'found' && found.ttlMs).toBeGreaterThan(TTL_MS - 5000)
        expect(found.kind === 'found' && found.ttlMs).toBeLessThanOrEqual(TTL_MS)
        await lease()
      })

      it('takes a lease where nothing is there, and a fill under it is accepted once', async () => {
        const opened = await openOne()
        expect(opened).toEqual({
          kind: 'leased',
          lease: { token: expect.stringMatching(/^.{16}$/), generation: expect.stringMatching(/^.{16}$/) },
        })
        expect(await fill(leaseIn(opened), 'one')).toBe(true)
        expect(await fill(leaseIn(opened), 'two')).toBe(false)
        expect(bodyOf(await read())).toBe('body of one')
      })

      it('says that another holds the lease', async () => {
        const held = leaseIn(await openOne())
        expect(await openOne()).toEqual({ kind: 'busy' })
        expect(await store.takeLeases([listRequest])).toEqual([null])
        await store.releaseLease(aliceList, held)
        expect((await openOne()).kind).toBe('leased')
      })

      it('finds an entry although its lease is held: a look does not wait for a load', async () => {
        await stored('one')
        await lease()
        expect((await openOne()).kind).toBe('found')
      })

      it('gives the lease to exactly one of many who open together', async () => {
        const opened = await Promise.all(Array.from({ length: 50 }, () => openOne()))
        expect(opened.filter(({ kind }) => kind === 'leased')).toHaveLength(1)
        expect(opened.filter(({ kind }) => kind === 'busy')).toHaveLength(49)
      })

      it('takes a lease that expires by itself', async () => {
        const dead = leaseIn(await openOne({ leaseMs: 30 }))
        await harness.elapse(40)
        const living = leaseIn(await openOne())
        expect(await fill(dead, 'late')).toBe(false)
        expect(await fill(living, 'present')).toBe(true)
      })

      it('takes a lease that an invalidation ends', async () => {
        const held = leaseIn(await openOne())
        await store.invalidate([aliceList])
        expect(await fill(held, 'stale')).toBe(false)
        expect((await openOne()).kind).toBe('leased')
      })

      it('takes no notice of a lease from before a flush, and that one cannot fill any more', async () => {
        const before = leaseIn(await openOne())
        await store.replaceGenerations([layer])
        const after = leaseIn(await openOne())
        expect(await fill(before, 'before')).toBe(false)
        expect(await fill(after, 'after')).toBe(true)
      })

      it('asks about the target and what it is derived from, and leases both where neither is there', async () => {
        const opened = await store.open([listRequest, groupsRequest])
        expect(kinds(opened)).toEqual(['leased', 'leased'])
        const [list, groups] = opened.map(leaseIn)
        const fills = [
          fillOf(groups as Lease, 'groups', { key: aliceGroups, layer: 'user-groups' }),
          fillOf(list as Lease, 'list'),
        ]
        expect(await store.fill(fills)).toEqual([true, true])
        expect(bodyOf(await read())).toBe('body of list')
        expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
      })

      it('brings the input where only the target is not there', async () => {
        await stored('groups', { key: aliceGroups, layer: 'user-groups' })
        const opened = await store.open([listRequest, groupsRequest])
        expect(kinds(opened)).toEqual(['leased', 'found'])
        expect(opened[1]?.kind === 'found' && opened[1].bytes.toString()).toContain('body of groups')
      })

      it('does not ask about the input where the target is there, or leased by another', async () => {
        await stored('one')
        expect(kinds(await store.open([listRequest, groupsRequest]))).toEqual(['found'])
        await store.invalidate([aliceList])
        await lease()
        expect(kinds(await store.open([listRequest, groupsRequest]))).toEqual(['busy'])
        // Its lease is free: it was not taken on the way.
        await lease(aliceGroups, { layer: 'user-groups' })
      })

      it('says that the input is leased by another, and holds the lease of the target', async () => {
        await lease(aliceGroups, { layer: 'user-groups' })
        const opened = await store.open([listRequest, groupsRequest])
        expect(kinds(opened)).toEqual(['leased', 'busy'])
        expect(await fill(leaseIn(opened[0]), 'list')).toBe(true)
      })

      it('counts a fill that the caller must not use as absent, and brings any other', async () => {
        await stored('one')
        expect(await openOne({ refusedFillId: fillId('two') })).toMatchObject({ kind: 'found' })
        const opened = await openOne({ refusedFillId: fillId('one') })
        expect(opened).toEqual({ kind: 'leased', lease: expect.anything() })
        // It is still there for others, and is replaced by the fill.
        expect(bodyOf(await read())).toBe('body of one')
        expect(await fill(leaseIn(opened), 'two')).toBe(true)
        expect(bodyOf(await read())).toBe('body of two')
      })

      it('recognises the fill that the caller must not use also where damage has made it no text', async () => {
        const { generation } = await lease(bobList)
        const bytes = entryBytes(fillId('one'), generation)
        bytes[15] = 0xff
        await harness.overwrite(aliceList, bytes, TTL_MS)
        expect(await openOne()).toMatchObject({ kind: 'found', bytes })
        expect((await openOne({ refusedFillId: fillIdIn(bytes) })).kind).toBe('leased')
      })

      it('waits for the holder where the only fill is one that the caller must not use', async () => {
        await stored('one')
        await lease()
        expect(await openOne({ refusedFillId: fillId('one') })).toEqual({ kind: 'busy' })
      })

      it('takes a lease in the place of what a flush made worthless, and says so', async () => {
        await stored('one')
        await store.replaceGenerations([layer])
        const opened = await openOne()
        expect(opened).toMatchObject({ kind: 'leased', instead: 'flushed' })
        expect(await fill(leaseIn(opened), 'two')).toBe(true)
        expect((await openOne()).kind).toBe('found')
      })

      it('takes a lease in the place of damage and of another program’s value, and says so', async () => {
        for (const bytes of ['short', 'x'.repeat(100_000), `portcullis2${' '.repeat(100)}`, 'portcullis1 cut']) {
          await harness.overwrite(aliceList, Buffer.from(bytes), TTL_MS)
          const opened = await openOne()
          expect(opened).toMatchObject({ kind: 'leased', instead: 'damaged' })
          expect(await fill(leaseIn(opened), 'one')).toBe(true)
          expect((await openOne()).kind).toBe('found')
        }
      })

      it('moves what is as large as an entry may be, and takes a lease in the place of what is larger', async () => {
        const { generation } = await lease(bobList)
        const whole = Buffer.alloc(LARGEST_ENTRY_BYTES + 1, 'x')
        entryBytes(fillId('one'), generation).copy(whole)
        await harness.overwrite(aliceList, whole.subarray(0, LARGEST_ENTRY_BYTES), TTL_MS)
        expect((await openOne()).kind).toBe('found')
        await harness.overwrite(aliceList, whole, TTL_MS)
        expect(await openOne()).toMatchObject({ kind: 'leased', instead: 'too-large' })
      })

      it('takes a lease where the life of the entry is over', async () => {
        await stored('short', { ttlMs: 30 })
        await harness.elapse(40)
        expect((await openOne()).kind).toBe('leased')
      })

      it('takes a lease, under another generation, where the generation was lost', async () => {
        await stored('one')
        const { generation } = await lease(bobList)
        await harness.evictGeneration(layer)
        const opened = await openOne()
        expect(opened).toEqual({ kind: 'leased', lease: expect.anything() })
        expect(leaseIn(opened).generation).not.toBe(generation)
        expect(await fill(leaseIn(opened), 'two')).toBe(true)
        expect(bodyOf(await read())).toBe('body of two')
      })

      it('of nothing is nothing', async () => {
        expect(await store.open([])).toEqual([])
      })
    })

    describe('what is left of a known fill', () => {
      const left = (id: string, key = aliceList) => store.leftOf({ key, layer, knownFillId: fillId(id) })

      it('is what is left of its life while it is the current one', async () => {
        await stored('one')
        const ms = await left('one')
        expect(ms).toBeGreaterThan(TTL_MS - 5000)
        expect(ms).toBeLessThanOrEqual(TTL_MS)
      })

      const absences: readonly (readonly [string, () => Promise<unknown>])[] = [
        ['it was never there', async () => {}],
        ['another fill is there', async () => stored('two')],
        ['it was invalidated', async () => (await stored('one')) && store.invalidate([aliceList])],
        ['it was evicted', async () => (await stored('one')) && harness.evict(aliceList)],
        ['its layer was flushed', async () => (await stored('one')) && store.replaceGenerations([layer])],
        ['its generation was lost', async () => (await stored('one')) && harness.evictGeneration(layer)],
        ['its life is over', async () => (await stored('one', { ttlMs: 30 })) && harness.elapse(40)],
        [
          'damage is there',
          async () => (await stored('one')) && harness.overwrite(aliceList, Buffer.from('x'), TTL_MS),
        ],
        ['it is that of another key', async () => stored('one', { key: bobList })],
      ]
      for (const [what, happens] of absences)
        it(`is nothing when ${what}`, async () => {
          await happens()
          expect(await left('one')).toBeNull()
        })

      it('is told to each of many who ask at once', async () => {
        await stored('alices')
        await stored('bobs', { key: bobList })
        const asked = await Promise.all([
          left('alices'),
          left('bobs', bobList),
          left('alices', bobList),
          left('none'),
          left('alices'),
        ])
        expect(asked.map((each) => each !== null)).toEqual([true, true, false, false, true])
      })
    })

    describe('an invalidation', () => {
      it('removes exactly the keys it names and counts those that were there', async () => {
        await stored('alices')
        await stored('bobs', { key: bobList })
        expect(await store.invalidate([aliceGroups, aliceList])).toBe(1)
        expect(await read()).toEqual({ kind: 'absent' })
        expect(bodyOf(await read(bobList))).toBe('body of bobs')
        expect(await store.invalidate([aliceList])).toBe(0)
        expect(await store.invalidate([])).toBe(0)
      })

      it('ends the leases of the keys it names, also where no entry was', async () => {
        const [list, groups] = await store.open([
          { key: aliceList, layer, leaseMs: LEASE_MS },
          { key: aliceGroups, layer: 'user-groups', leaseMs: LEASE_MS },
        ])
        expect(await store.invalidate([aliceGroups, aliceList])).toBe(0)
        if (list?.kind !== 'leased' || groups?.kind !== 'leased') throw new Error('both are free')
        const fills = [
          fillOf(groups.lease, 'groups', { key: aliceGroups, layer: 'user-groups' }),
          fillOf(list.lease, 'list'),
        ]
        expect(await store.fill(fills)).toEqual([false, false])
      })

      it('counts a key once that is named twice', async () => {
        await stored('alices')
        expect(await store.invalidate([aliceList, aliceList])).toBe(1)
      })

      it('leaves other users’ leases alone', async () => {
        const bobs = await lease(bobList)
        await store.invalidate([aliceList])
        expect(await fill(bobs, 'bobs', { key: bobList })).toBe(true)
      })

      it('of thousands of keys removes each and ends each lease', async () => {
        const users = Array.from({ length: 2500 }, (_, index) => `resources:{user ${index}}` as EntryKey)
        const [first, last] = [users[0] as EntryKey, users.at(-1) as EntryKey]
        const held = await lease(last)
        await stored('first', { key: first })
        expect(await store.invalidate(users)).toBe(1)
        expect(await fill(held, 'late', { key: last })).toBe(false)
        expect(await read(first)).toEqual({ kind: 'absent' })
      })
    })

    describe('a flush', () => {
      it('stops every entry of the layer from counting, at once', async () => {
        await stored('alices')
        await store.replaceGenerations([layer])
        expect(await read()).toEqual({ kind: 'flushed' })
        expect(await store.read([{ key: aliceList, layer, knownFillId: fillId('alices') }])).toEqual([
          { kind: 'flushed' },
        ])
      })

      it('leaves other layers as they are', async () => {
        await stored('groups', { key: aliceGroups, layer: 'user-groups' })
        await store.replaceGenerations([layer, 'resources'])
        expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
      })

      it('is over with the next fill', async () => {
        await stored('old')
        await store.replaceGenerations(CONTRACT_LAYERS.names)
        await stored('new')
        expect(bodyOf(await read())).toBe('body of new')
      })
    })

    describe('a sweep', () => {
      it('removes what a flush of the layer made worthless, and nothing of another layer', async () => {
        const bucket = 'resources:all:0a' as EntryKey
        const all = 'resources:{all}' as EntryKey
        await stored('catalogue', { key: catalogue, layer: 'resources' })
        await stored('bucket', { key: bucket, layer: 'resources' })
        await stored('groups', { key: aliceGroups, layer: 'user-groups' })
        await stored('alices')
        await stored('user called all', { key: all })

        await store.replaceGenerations(['resources'])
        expect(await store.sweep(['resources'])).toBe(2)
        expect(bodyOf(await read(catalogue, 'resources'))).toBe('absent')
        expect(bodyOf(await read(all))).toBe('body of user called all')
        await store.replaceGenerations(['user-resources'])
        expect(await store.sweep(['user-resources'])).toBe(2)
        expect(bodyOf(await read())).toBe('absent')
        expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
        await store.replaceGenerations(['user-groups'])
        expect(await store.sweep(['user-groups'])).toBe(1)
        expect(await store.sweep(CONTRACT_LAYERS.names)).toBe(0)
      })

      it('leaves what was filled or leased since the flush, and removes leases from before it', async () => {
        await stored('old', { key: bobList })
        await lease(aliceList)
        await store.replaceGenerations([layer])
        await stored('new')
        const carols = 'resources:{carol}' as EntryKey
        const held = await lease(carols)
        expect(await store.sweep([layer])).toBe(1)
        expect(bodyOf(await read())).toBe('body of new')
        expect(bodyOf(await read(bobList))).toBe('absent')
        expect(await fill(held, 'carols', { key: carols })).toBe(true)
        await lease(bobList)
        await store.replaceGenerations([layer])
        expect(await store.sweep([layer])).toBe(3)
      })

      it('removes damage, and everything where the generation was lost', async () => {
        await stored('alices')
        await stored('bobs', { key: bobList })
        await harness.overwrite(bobList, Buffer.from('short'), TTL_MS)
        expect(await store.sweep([layer])).toBe(1)
        expect(bodyOf(await read())).toBe('body of alices')
        await harness.evictGeneration(layer)
        expect(await store.sweep([layer])).toBe(1)
        expect(bodyOf(await read())).toBe('absent')
      })
    })

    describe('an inspection', () => {
      it('shows what is stored, also after a flush', async () => {
        expect(await store.inspect(aliceList, layer)).toBeNull()
        await stored('one')
        const shown = await store.inspect(aliceList, layer)
        expect(shown).toMatchObject({ currentGeneration: true, ttlMs: expect.any(Number) })
        expect(shown?.bytes.toString()).toContain('body of one')
        await store.replaceGenerations([layer])
        expect(await store.inspect(aliceList, layer)).toMatchObject({ currentGeneration: false, bytes: shown?.bytes })
      })
    })
  })
}
