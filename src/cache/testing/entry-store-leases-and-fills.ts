/** Who may fill, and what a fill needs to be accepted. */
import type { EntryKey, Lease } from '../entry-store.ts'
import {
  aliceGroups,
  aliceList,
  bobList,
  LEASE_MS,
  layer,
  type StoreUnderTest,
  type TestRunner,
} from './store-under-test.ts'

export function describeLeasesAndFills({ describe, it, expect }: TestRunner, on: StoreUnderTest): void {
  const { lease, fillOf, fill, read, bodyOf } = on

  describe('a lease', () => {
    it('is held by one at a time', async () => {
      const held = await lease()
      expect(held.token).toHaveLength(16)
      expect(held.generation).toHaveLength(16)
      expect(await on.store.takeLeases([{ key: aliceList, layer, leaseMs: LEASE_MS }])).toEqual([null])
    })

    it('is taken by exactly one of many who ask together', async () => {
      const asked = Array.from({ length: 50 }, () =>
        on.store.takeLeases([{ key: aliceList, layer, leaseMs: LEASE_MS }]),
      )
      const taken = (await Promise.all(asked)).flat().filter((each) => each !== null)
      expect(taken).toHaveLength(1)
    })

    it('is taken where it is free and refused where it is not, in one call', async () => {
      await lease(bobList)
      const taken = await on.store.takeLeases([aliceList, bobList].map((key) => ({ key, layer, leaseMs: LEASE_MS })))
      expect(taken.map((each) => each !== null)).toEqual([true, false])
    })

    it('is free again when it was released, when it expired, and after the fill it allowed', async () => {
      await on.store.releaseLease(aliceList, await lease())
      await lease(aliceList, { leaseMs: 30 })
      await on.harness.elapse(40)
      expect(await fill(await lease(), 'one')).toBe(true)
      await lease()
    })

    it('is not ended by a holder whose own has expired', async () => {
      const expired = await lease(aliceList, { leaseMs: 30 })
      await on.harness.elapse(40)
      const present = await lease()
      await on.store.releaseLease(aliceList, expired)
      expect(await fill(present, 'present')).toBe(true)
    })

    it('from before a flush makes nobody wait', async () => {
      const before = await lease()
      await on.store.replaceGenerations([layer])
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
      await on.store.invalidate([aliceList])
      expect(await fill(before, 'stale')).toBe(false)
      expect(await read()).toEqual({ kind: 'absent' })
    })

    it('after an invalidation and another lease, which stays good', async () => {
      const before = await lease()
      await on.store.invalidate([aliceList])
      const after = await lease()
      expect(await fill(before, 'stale')).toBe(false)
      expect(await fill(after, 'fresh')).toBe(true)
      expect(bodyOf(await read())).toBe('body of fresh')
    })

    it('after the lease has expired', async () => {
      const held = await lease(aliceList, { leaseMs: 30 })
      await on.harness.elapse(40)
      expect(await fill(held, 'late')).toBe(false)
      expect(await read()).toEqual({ kind: 'absent' })
    })

    it('after the lease was evicted', async () => {
      const held = await lease()
      await on.harness.evictLease(aliceList)
      expect(await fill(held, 'late')).toBe(false)
      expect(await read()).toEqual({ kind: 'absent' })
    })

    it('after a flush of its layer, and not after one of another layer', async () => {
      const [groups, list] = [await lease(aliceGroups, { layer: 'user-groups' }), await lease()]
      await on.store.replaceGenerations(['user-groups'])
      expect(await fill(groups, 'groups', { key: aliceGroups, layer: 'user-groups' })).toBe(false)
      expect(await fill(list, 'list')).toBe(true)
    })

    it('after the generation was lost, also when another took its place', async () => {
      const held = await lease()
      await on.harness.evictGeneration(layer)
      expect(await fill(held, 'late')).toBe(false)
      const again = await lease()
      await on.harness.evictGeneration(layer)
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
      await on.store.invalidate([aliceList])
      const fills = [fillOf(alices, 'alices'), fillOf(bobs, 'bobs', { key: bobList })]
      expect(await on.store.fill(fills)).toEqual([false, true])
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
      await on.store.invalidate([aliceList])
      const fills = [
        fillOf(groups, 'groups', { key: aliceGroups, layer: 'user-groups' }),
        fillOf(list, 'list'),
        fillOf(bobs, 'bobs', { key: bobList, ttlMs: 30 }),
      ]
      expect(await on.store.fill(fills)).toEqual([true, false, true])
      expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
      expect(bodyOf(await read())).toBe('absent')
      expect(bodyOf(await read(bobList))).toBe('body of bobs')
      await on.harness.elapse(40)
      expect(bodyOf(await read(bobList))).toBe('absent')
      expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
    })

    it('ends the lease of each, also where the fill is refused because the layer was flushed', async () => {
      const [groups, list] = [await lease(aliceGroups, { layer: 'user-groups' }), await lease()]
      await on.store.replaceGenerations(['user-groups'])
      const fills = [fillOf(groups, 'groups', { key: aliceGroups, layer: 'user-groups' }), fillOf(list, 'list')]
      expect(await on.store.fill(fills)).toEqual([false, true])
      await lease(aliceGroups, { layer: 'user-groups' })
      await lease()
    })

    it('is answered in its order also where it is too large for one round trip', async () => {
      const users = Array.from({ length: 5 }, (_, index) => `resources:{user ${index}}` as EntryKey)
      const held: Lease[] = []
      for (const user of users) held.push(await lease(user))
      await on.store.invalidate([users[2] as EntryKey])
      const body = Buffer.from('x'.repeat(500_000))
      const fills = users.map((key, at) => fillOf(held[at] as Lease, `${at}`, { key, bytes: body }))
      expect(await on.store.fill(fills)).toEqual([true, true, false, true, true])
      expect(await on.store.fill([])).toEqual([])
    })
  })
}
