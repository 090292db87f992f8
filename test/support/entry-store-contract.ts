/** What every entry store does, whatever it is built on; run against the in-memory one and against Redis. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type Fill,
  LARGEST_ENTRY_BYTES,
  LAYERS,
  type LayerName,
  type Lease,
} from '../../src/cache/index.ts'

/** One empty store, and what Redis or others may do to it. */
export interface EntryStoreHarness {
  readonly store: EntryStore
  elapse(ms: number): Promise<void>
  overwrite(key: EntryKey, bytes: Buffer, ttlMs: number): Promise<void>
  evict(key: EntryKey): Promise<void>
  evictParts(key: EntryKey): Promise<void>
  evictLease(key: EntryKey): Promise<void>
  evictGeneration(layer: LayerName): Promise<void>
  close(): Promise<void>
}

export const aliceGroups = 'user:groups:{alice}' as EntryKey
export const aliceList = 'resources:{alice}' as EntryKey
export const bobList = 'resources:{bob}' as EntryKey
export const catalogue = 'resources:all' as EntryKey
export const layer: LayerName = 'user-resources'

const LEASE_MS = 60_000
const TTL_MS = 60_000

export function entryBytes(fillId: string, generation: string, body = 'body'): Buffer {
  return Buffer.from(`portcullis1 ${fillId} ${generation}\n{}\n${body}`)
}

export const fillId = (name: string) => name.padEnd(16, '.')

export function describeEntryStore(name: string, open: () => Promise<EntryStoreHarness>): void {
  describe(name, () => {
    let harness: EntryStoreHarness
    let store: EntryStore
    beforeEach(async () => {
      harness = await open()
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
      return { key: aliceList, layer, lease: held, fillId: fillId(id), ttlMs: TTL_MS, ...more, bytes }
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

    describe('the parts of an entry', () => {
      const parts = [Buffer.from('page two'), Buffer.from([0, 1, 255])]

      it('are read one at a time, for the fill that they belong to', async () => {
        await stored('one', { parts })
        expect(await store.readPart(aliceList, fillId('one'), 1)).toEqual(parts[0])
        expect(await store.readPart(aliceList, fillId('one'), 2)).toEqual(parts[1])
        expect(await store.readPart(aliceList, fillId('one'), 3)).toBeNull()
        expect(await store.readPart(aliceList, fillId('other'), 1)).toBeNull()
      })

      it('go with an invalidation, with their life, and with a fill that has none', async () => {
        await stored('one', { parts })
        await store.invalidate([aliceList])
        expect(await store.readPart(aliceList, fillId('one'), 1)).toBeNull()
        await stored('two', { parts, ttlMs: 30 })
        await harness.elapse(40)
        expect(await store.readPart(aliceList, fillId('two'), 1)).toBeNull()
        await stored('three', { parts })
        await stored('four')
        expect(await store.readPart(aliceList, fillId('three'), 1)).toBeNull()
      })

      it('of a longer fill do not show through a shorter one', async () => {
        await stored('long', { parts })
        await stored('short', { parts: [Buffer.from('only')] })
        expect(await store.readPart(aliceList, fillId('short'), 1)).toEqual(Buffer.from('only'))
        expect(await store.readPart(aliceList, fillId('short'), 2)).toBeNull()
        expect(await store.readPart(aliceList, fillId('long'), 2)).toBeNull()
      })

      it('may be evicted alone', async () => {
        await stored('one', { parts })
        await harness.evictParts(aliceList)
        expect(await store.readPart(aliceList, fillId('one'), 1)).toBeNull()
        expect(bodyOf(await read())).toBe('body of one')
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
        await store.replaceGenerations(LAYERS)
        await stored('new')
        expect(bodyOf(await read())).toBe('body of new')
      })
    })

    describe('a sweep', () => {
      it('removes what belongs to the layer, and nothing else', async () => {
        const bucket = 'resources:all:0a' as EntryKey
        const all = 'resources:{all}' as EntryKey
        await stored('catalogue', { key: catalogue, layer: 'resources' })
        await stored('bucket', { key: bucket, layer: 'resources' })
        await stored('groups', { key: aliceGroups, layer: 'user-groups' })
        await stored('alices', { parts: [Buffer.from('part')] })
        await stored('user called all', { key: all })

        expect(await store.sweep(['resources'])).toBe(2)
        expect(bodyOf(await read(catalogue, 'resources'))).toBe('absent')
        expect(bodyOf(await read(all))).toBe('body of user called all')
        expect(await store.sweep(['user-resources'])).toBe(3)
        expect(bodyOf(await read())).toBe('absent')
        expect(await store.readPart(aliceList, fillId('alices'), 1)).toBeNull()
        expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
        expect(await store.sweep(['user-groups'])).toBe(1)
        expect(await store.sweep(LAYERS)).toBe(0)
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
