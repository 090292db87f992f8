/** What is removed: entries, whole layers, what a flush has left; and what an administrator is shown. */
import type { EntryKey } from '../entry-store.ts'
import {
  aliceGroups,
  aliceList,
  bobList,
  CONTRACT_LAYERS,
  catalogue,
  fillId,
  LEASE_MS,
  layer,
  type StoreUnderTest,
  type TestRunner,
  TTL_MS,
} from './store-under-test.ts'

export function describeRemoving({ describe, it, expect }: TestRunner, on: StoreUnderTest): void {
  const { lease, fillOf, fill, stored, read, bodyOf } = on

  describe('an invalidation', () => {
    it('removes exactly the keys it names and counts those that were there', async () => {
      await stored('alices')
      await stored('bobs', { key: bobList })
      expect(await on.store.invalidate([aliceGroups, aliceList])).toBe(1)
      expect(await read()).toEqual({ kind: 'absent' })
      expect(bodyOf(await read(bobList))).toBe('body of bobs')
      expect(await on.store.invalidate([aliceList])).toBe(0)
      expect(await on.store.invalidate([])).toBe(0)
    })

    it('ends the leases of the keys it names, also where no entry was', async () => {
      const [list, groups] = await on.store.open([
        { key: aliceList, layer, leaseMs: LEASE_MS },
        { key: aliceGroups, layer: 'user-groups', leaseMs: LEASE_MS },
      ])
      expect(await on.store.invalidate([aliceGroups, aliceList])).toBe(0)
      if (list?.kind !== 'leased' || groups?.kind !== 'leased') throw new Error('both are free')
      const fills = [
        fillOf(groups.lease, 'groups', { key: aliceGroups, layer: 'user-groups' }),
        fillOf(list.lease, 'list'),
      ]
      expect(await on.store.fill(fills)).toEqual([false, false])
    })

    it('counts a key once that is named twice', async () => {
      await stored('alices')
      expect(await on.store.invalidate([aliceList, aliceList])).toBe(1)
    })

    it('leaves other users’ leases alone', async () => {
      const bobs = await lease(bobList)
      await on.store.invalidate([aliceList])
      expect(await fill(bobs, 'bobs', { key: bobList })).toBe(true)
    })

    it('of thousands of keys removes each and ends each lease', async () => {
      const users = Array.from({ length: 2500 }, (_, index) => `resources:{user ${index}}` as EntryKey)
      const [first, last] = [users[0] as EntryKey, users.at(-1) as EntryKey]
      const held = await lease(last)
      await stored('first', { key: first })
      expect(await on.store.invalidate(users)).toBe(1)
      expect(await fill(held, 'late', { key: last })).toBe(false)
      expect(await read(first)).toEqual({ kind: 'absent' })
    })
  })

  describe('a flush', () => {
    it('stops every entry of the layer from counting, at once', async () => {
      await stored('alices')
      await on.store.replaceGenerations([layer])
      expect(await read()).toEqual({ kind: 'flushed' })
      expect(await on.store.read([{ key: aliceList, layer, knownFillId: fillId('alices') }])).toEqual([
        { kind: 'flushed' },
      ])
    })

    it('leaves other layers as they are', async () => {
      await stored('groups', { key: aliceGroups, layer: 'user-groups' })
      await on.store.replaceGenerations([layer, 'resources'])
      expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
    })

    it('is over with the next fill', async () => {
      await stored('old')
      await on.store.replaceGenerations(CONTRACT_LAYERS.names)
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

      await on.store.replaceGenerations(['resources'])
      expect(await on.store.sweep(['resources'])).toBe(2)
      expect(bodyOf(await read(catalogue, 'resources'))).toBe('absent')
      expect(bodyOf(await read(all))).toBe('body of user called all')
      await on.store.replaceGenerations(['user-resources'])
      expect(await on.store.sweep(['user-resources'])).toBe(2)
      expect(bodyOf(await read())).toBe('absent')
      expect(bodyOf(await read(aliceGroups, 'user-groups'))).toBe('body of groups')
      await on.store.replaceGenerations(['user-groups'])
      expect(await on.store.sweep(['user-groups'])).toBe(1)
      expect(await on.store.sweep(CONTRACT_LAYERS.names)).toBe(0)
    })

    it('leaves what was filled or leased since the flush, and removes leases from before it', async () => {
      await stored('old', { key: bobList })
      await lease(aliceList)
      await on.store.replaceGenerations([layer])
      await stored('new')
      const carols = 'resources:{carol}' as EntryKey
      const held = await lease(carols)
      expect(await on.store.sweep([layer])).toBe(1)
      expect(bodyOf(await read())).toBe('body of new')
      expect(bodyOf(await read(bobList))).toBe('absent')
      expect(await fill(held, 'carols', { key: carols })).toBe(true)
      await lease(bobList)
      await on.store.replaceGenerations([layer])
      expect(await on.store.sweep([layer])).toBe(3)
    })

    it('removes damage, and everything where the generation was lost', async () => {
      await stored('alices')
      await stored('bobs', { key: bobList })
      await on.harness.overwrite(bobList, Buffer.from('short'), TTL_MS)
      expect(await on.store.sweep([layer])).toBe(1)
      expect(bodyOf(await read())).toBe('body of alices')
      await on.harness.evictGeneration(layer)
      expect(await on.store.sweep([layer])).toBe(1)
      expect(bodyOf(await read())).toBe('absent')
    })
  })

  describe('an inspection', () => {
    it('shows what is stored, also after a flush', async () => {
      expect(await on.store.inspect(aliceList, layer)).toBeNull()
      await stored('one')
      const shown = await on.store.inspect(aliceList, layer)
      expect(shown).toMatchObject({ currentGeneration: true, ttlMs: expect.any(Number) })
      expect(shown?.bytes.toString()).toContain('body of one')
      await on.store.replaceGenerations([layer])
      expect(await on.store.inspect(aliceList, layer)).toMatchObject({ currentGeneration: false, bytes: shown?.bytes })
    })
  })
}
