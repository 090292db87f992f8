/** Found, or leased, in one step. */
import { fillIdIn } from '../entry-codec.ts'
import { LARGEST_ENTRY_BYTES, type Lease, type Opened, type OpenRequest } from '../entry-store.ts'
import {
  aliceGroups,
  aliceList,
  bobList,
  entryBytes,
  fillId,
  LEASE_MS,
  layer,
  type StoreUnderTest,
  type TestRunner,
  TTL_MS,
} from './store-under-test.ts'

export function describeOpening({ describe, it, expect }: TestRunner, on: StoreUnderTest): void {
  const { lease, fillOf, fill, stored, read, bodyOf } = on

  describe('opening', () => {
    const groupsRequest: OpenRequest = { key: aliceGroups, layer: 'user-groups', leaseMs: LEASE_MS }
    const listRequest: OpenRequest = { key: aliceList, layer, leaseMs: LEASE_MS }
    const openOne = async (more: Partial<OpenRequest> = {}) =>
      (await on.store.open([{ ...listRequest, ...more }]))[0] as Opened
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
      expect(await on.store.takeLeases([listRequest])).toEqual([null])
      await on.store.releaseLease(aliceList, held)
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
      await on.harness.elapse(40)
      const living = leaseIn(await openOne())
      expect(await fill(dead, 'late')).toBe(false)
      expect(await fill(living, 'present')).toBe(true)
    })

    it('takes a lease that an invalidation ends', async () => {
      const held = leaseIn(await openOne())
      await on.store.invalidate([aliceList])
      expect(await fill(held, 'stale')).toBe(false)
      expect((await openOne()).kind).toBe('leased')
    })

    it('takes no notice of a lease from before a flush, and that one cannot fill any more', async () => {
      const before = leaseIn(await openOne())
      await on.store.replaceGenerations([layer])
      const after = leaseIn(await openOne())
      expect(await fill(before, 'before')).toBe(false)
      expect(await fill(after, 'after')).toBe(true)
    })

    it('asks about the target and what it is derived from, and leases both where neither is there', async () => {
      const opened = await on.store.open([listRequest, groupsRequest])
      expect(kinds(opened)).toEqual(['leased', 'leased'])
      const [list, groups] = opened.map(leaseIn)
      const fills = [
        fillOf(groups as Lease, 'groups', { key: aliceGroups, layer: 'user-groups' }),
        fillOf(list as Lease, 'list'),
      ]
      expect(await on.store.fill(fills)).toEqual([true, true])
      expect(bodyOf(await read())).toBe('body of list')
      expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
    })

    it('brings the input where only the target is not there', async () => {
      await stored('groups', { key: aliceGroups, layer: 'user-groups' })
      const opened = await on.store.open([listRequest, groupsRequest])
      expect(kinds(opened)).toEqual(['leased', 'found'])
      expect(opened[1]?.kind === 'found' && opened[1].bytes.toString()).toContain('body of groups')
    })

    it('does not ask about the input where the target is there, or leased by another', async () => {
      await stored('one')
      expect(kinds(await on.store.open([listRequest, groupsRequest]))).toEqual(['found'])
      await on.store.invalidate([aliceList])
      await lease()
      expect(kinds(await on.store.open([listRequest, groupsRequest]))).toEqual(['busy'])
      // Its lease is free: it was not taken on the way.
      await lease(aliceGroups, { layer: 'user-groups' })
    })

    it('says that the input is leased by another, and holds the lease of the target', async () => {
      await lease(aliceGroups, { layer: 'user-groups' })
      const opened = await on.store.open([listRequest, groupsRequest])
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
      await on.harness.overwrite(aliceList, bytes, TTL_MS)
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
      await on.store.replaceGenerations([layer])
      const opened = await openOne()
      expect(opened).toMatchObject({ kind: 'leased', instead: 'flushed' })
      expect(await fill(leaseIn(opened), 'two')).toBe(true)
      expect((await openOne()).kind).toBe('found')
    })

    it('takes a lease in the place of damage and of another program’s value, and says so', async () => {
      for (const bytes of ['short', 'x'.repeat(100_000), `portcullis2${' '.repeat(100)}`, 'portcullis1 cut']) {
        await on.harness.overwrite(aliceList, Buffer.from(bytes), TTL_MS)
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
      await on.harness.overwrite(aliceList, whole.subarray(0, LARGEST_ENTRY_BYTES), TTL_MS)
      expect((await openOne()).kind).toBe('found')
      await on.harness.overwrite(aliceList, whole, TTL_MS)
      expect(await openOne()).toMatchObject({ kind: 'leased', instead: 'too-large' })
    })

    it('takes a lease where the life of the entry is over', async () => {
      await stored('short', { ttlMs: 30 })
      await on.harness.elapse(40)
      expect((await openOne()).kind).toBe('leased')
    })

    it('takes a lease, under another generation, where the generation was lost', async () => {
      await stored('one')
      const { generation } = await lease(bobList)
      await on.harness.evictGeneration(layer)
      const opened = await openOne()
      expect(opened).toEqual({ kind: 'leased', lease: expect.anything() })
      expect(leaseIn(opened).generation).not.toBe(generation)
      expect(await fill(leaseIn(opened), 'two')).toBe(true)
      expect(bodyOf(await read())).toBe('body of two')
    })

    it('of nothing is nothing', async () => {
      expect(await on.store.open([])).toEqual([])
    })
  })
}
