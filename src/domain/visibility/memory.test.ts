/** What the catalogue and the held lists keep alive: no more than what they answer with. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { GroupId } from '../model.ts'
import { createCatalogue } from './catalogue.ts'
import { bucketOfItems, decodeBucket, encodeBucket } from './catalogue-bucket.ts'
import { GroupOrder, type Placed } from './group-order.ts'
import { HeldList } from './held-list.ts'
import { inOwnMemory } from './own-memory.ts'
import { idIn, itemOf, team } from './test-items.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** What a weak reference was read from is kept to the end of the turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

const items = (count: number) =>
  Array.from({ length: count }, (_, at) => itemOf(idIn(0, at), `plan-${at}`, [[team, 'read']]))

describe('a buffer that is kept', () => {
  it('leaves the block that it shares with others', () => {
    const shared = Buffer.from('a few bytes')
    expect(shared.buffer.byteLength).toBe(Buffer.poolSize)
    const own = inOwnMemory(shared)
    expect([own.toString(), own.buffer.byteLength]).toEqual(['a few bytes', shared.length])
  })

  it('stays where it is alone, or nearly', () => {
    const alone = Buffer.allocUnsafeSlow(1000)
    expect(inOwnMemory(alone)).toBe(alone)
    const most = alone.subarray(100)
    expect(inOwnMemory(most)).toBe(most)
  })

  it.each([
    ['a resource that changed', bucketOfItems(items(1)).texts],
    ['a bucket of the checkpoint', decodeBucket(encodeBucket(bucketOfItems(items(3)))).texts],
  ])('is not more than its bytes: %s', (_what, { buffer, length }) => {
    expect(buffer.byteLength).toBe(length)
  })

  it.each(['loaded', 'read from Redis', 'merged again'])('is not more than its bytes: a page that was %s', (how) => {
    const page = { body: Buffer.from('{"data":[]}'), etag: '"1"', nextCursor: null }
    const list = new HeldList(page, null)
    if (how === 'merged again') list.renew({ ...page, body: Buffer.from('{"data":[]}') }, null)
    const reply = Buffer.concat([Buffer.alloc(Buffer.poolSize), page.body])
    const meta = { etag: '"1"', nextCursor: null, until: null }
    const stored = { body: reply.subarray(Buffer.poolSize), meta }
    const held = how === 'read from Redis' ? HeldList.codec.decode(stored as never) : list
    const body = held.pageNow({ latestMs: () => 0 })?.body
    expect([body?.toString(), body?.buffer.byteLength]).toEqual(['{"data":[]}', page.body.length])
  })
})

describe('what was loaded again', () => {
  it('leaves nothing of the texts that it replaces, though nobody reads the lists of its groups', async () => {
    const catalogue = createCatalogue()
    const former = () => {
      const bucket = bucketOfItems(items(100))
      catalogue.replace(0, bucket)
      return new WeakRef(bucket.texts)
    }
    const texts = former()
    catalogue.replace(0, bucketOfItems(items(100)))
    await turn()
    collect()
    expect(texts.deref()).toBeUndefined()
  })

  it('leaves no more than a quarter of a list that nobody reads', async () => {
    const order = new GroupOrder<Placed & { current: boolean }>('team' as GroupId)
    const generations = Array.from({ length: 5 }, () => {
      const some = Array.from({ length: 100 }, (_, at) => ({ id: String(at), name: `plan-${at}`, current: true }))
      for (const each of some) order.append(each)
      return some
    })
    const former = generations.slice(0, -1).flatMap((generation) =>
      generation.map((each) => {
        each.current = false
        order.loosen()
        return new WeakRef(each)
      }),
    )
    generations.splice(0, 4)
    await turn()
    collect()
    expect(former.filter((each) => each.deref() !== undefined).length).toBeLessThanOrEqual(25)
    expect(order.granted).toHaveLength(100)
  })
})
