/** What a read of an entry answers, and what is left of the life of a known fill. */
import { type EntryKey, LARGEST_ENTRY_BYTES, type Lease } from '../entry-store.ts'
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

export function describeReading({ describe, it, expect }: TestRunner, on: StoreUnderTest): void {
  const { lease, fillOf, stored, read, bodyOf } = on

  describe('reading', () => {
    it('answers absent for what was never filled', async () => {
      expect(await read()).toEqual({ kind: 'absent' })
    })

    it('returns the bytes exactly as filled, with what is left of their life', async () => {
      const held = await lease()
      const bytes = Buffer.concat([entryBytes(fillId('one'), held.generation), Buffer.from([0, 255, 13, 10, 128])])
      expect(await on.store.fill([{ ...fillOf(held, 'one'), bytes }])).toEqual([true])
      const answer = await read()
      expect(answer).toMatchObject({ kind: 'found', bytes })
      expect(answer.kind === 'found' && answer.ttlMs).toBeGreaterThan(TTL_MS - 5000)
      expect(answer.kind === 'found' && answer.ttlMs).toBeLessThanOrEqual(TTL_MS)
    })

    it('moves nothing to a reader that already holds this fill', async () => {
      await stored('one')
      expect(await on.store.read([{ key: aliceList, layer, knownFillId: fillId('one') }])).toEqual([
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
      await on.harness.overwrite(aliceList, bytes(LARGEST_ENTRY_BYTES), TTL_MS)
      expect((await read()).kind).toBe('found')
      await on.harness.overwrite(aliceList, bytes(LARGEST_ENTRY_BYTES + 1), TTL_MS)
      expect(await read()).toEqual({ kind: 'too-large' })
    })

    it('returns the new fill to a reader that holds an older one', async () => {
      await stored('one')
      await on.store.invalidate([aliceList])
      await stored('two')
      const [answer] = await on.store.read([{ key: aliceList, layer, knownFillId: fillId('one') }])
      expect(bodyOf(answer)).toBe('body of two')
    })

    it('moves nothing of several that are held, but the one that was filled again', async () => {
      await stored('alices')
      await stored('bobs', { key: bobList })
      const held = [aliceList, bobList, aliceList, bobList].map((key, index) => ({
        key,
        layer,
        knownFillId: fillId(['alices', 'bobs', 'older', 'alices'][index] ?? ''),
      }))
      expect((await on.store.read(held)).map(bodyOf)).toEqual(['same', 'same', 'body of alices', 'body of bobs'])
    })

    it('answers many requests in their order', async () => {
      await stored('bobs', { key: bobList })
      const requests = [aliceList, bobList, aliceGroups, bobList].map((key) => ({ key, layer }))
      expect((await on.store.read(requests)).map(bodyOf)).toEqual(['absent', 'body of bobs', 'absent', 'body of bobs'])
      expect(await on.store.read([])).toEqual([])
    })

    it('answers hundreds of requests in their order', async () => {
      const bucket = (number: number) => `resources:all:${number.toString(16).padStart(2, '0')}` as EntryKey
      const buckets = Array.from({ length: 256 }, (_, number) => bucket(number))
      const leases = await on.store.takeLeases(
        buckets.map((key) => ({ key, layer: 'resources' as const, leaseMs: LEASE_MS })),
      )
      const fills = buckets.map((key, at) => fillOf(leases[at] as Lease, `${at}`, { key, layer: 'resources' }))
      expect(await on.store.fill(fills)).toEqual(buckets.map(() => true))
      const answers = await on.store.read(buckets.map((key) => ({ key, layer: 'resources' as const })))
      expect(answers.map(bodyOf)).toEqual(buckets.map((_, at) => `body of ${at}`))
    })

    it('answers absent once the life of the entry is over', async () => {
      await stored('short', { ttlMs: 30 })
      await on.harness.elapse(40)
      expect(await read()).toEqual({ kind: 'absent' })
    })

    it('hands out another program’s value as damage, without its bytes', async () => {
      await stored('one')
      for (const bytes of ['short', 'x'.repeat(100_000), `portcullis2${' '.repeat(100)}`]) {
        await on.harness.overwrite(aliceList, Buffer.from(bytes), TTL_MS)
        expect(await read()).toEqual({ kind: 'found', bytes: Buffer.alloc(0), ttlMs: 0 })
      }
    })

    it('answers absent when the generation was lost: a flush could have come in between', async () => {
      await stored('one')
      await on.harness.evictGeneration(layer)
      expect(await read()).toEqual({ kind: 'absent' })
    })
  })

  describe('what is left of a known fill', () => {
    const left = (id: string, key = aliceList) => on.store.leftOf({ key, layer, knownFillId: fillId(id) })

    it('is what is left of its life while it is the current one', async () => {
      await stored('one')
      const ms = await left('one')
      expect(ms).toBeGreaterThan(TTL_MS - 5000)
      expect(ms).toBeLessThanOrEqual(TTL_MS)
    })

    const absences: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['it was never there', async () => {}],
      ['another fill is there', async () => stored('two')],
      ['it was invalidated', async () => (await stored('one')) && on.store.invalidate([aliceList])],
      ['it was evicted', async () => (await stored('one')) && on.harness.evict(aliceList)],
      ['its layer was flushed', async () => (await stored('one')) && on.store.replaceGenerations([layer])],
      ['its generation was lost', async () => (await stored('one')) && on.harness.evictGeneration(layer)],
      ['its life is over', async () => (await stored('one', { ttlMs: 30 })) && on.harness.elapse(40)],
      [
        'damage is there',
        async () => (await stored('one')) && on.harness.overwrite(aliceList, Buffer.from('x'), TTL_MS),
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
}
