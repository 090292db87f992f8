/** Rate limits over several instances, and without Redis. */
import { afterAll, describe, expect, it } from 'vitest'
import { LAYERS } from '../../src/domain/layers.ts'
import { createRedis } from '../../src/redis/index.ts'
import { createSharedCounter } from '../../src/redis/shared-counter.ts'
import { becomes } from '../support/becomes.ts'
import { newPrefix, withMaster } from '../support/service.ts'
import { masterPort } from '../support/stack.ts'

const WINDOW = { name: 'write', limit: 5, windowSeconds: 60 }
const open: ReturnType<typeof createRedis>[] = []

function instance(url: string, prefix: string) {
  const redis = createRedis({ layers: LAYERS, url, prefix, budgetMs: 100 })
  open.push(redis)
  return { redis, counter: createSharedCounter({ redis: redis.redis, guard: redis.guard, prefix, ...WINDOW }) }
}
afterAll(() => Promise.all(open.map((redis) => redis.close())))

describe('a counter shared by instances', () => {
  it('counts for all of them together, under the prefix, and forgets with the window', async () => {
    const prefix = newPrefix()
    const url = `redis://127.0.0.1:${await masterPort()}`
    const [one, two] = [instance(url, prefix), instance(url, prefix)]
    await becomes(() => one.redis.answers() && two.redis.answers(), true)
    const results = []
    for (let call = 0; call < 3; call++)
      results.push(await one.counter.consume('al{ice}*'), await two.counter.consume('al{ice}*'))
    expect(results.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false])
    expect(results.map(({ remaining }) => remaining)).toEqual([4, 3, 2, 1, 0, 0])
    expect((await two.counter.consume('bob')).remaining).toBe(4)
    const ttls = await withMaster(async (redis) => {
      const names = (await redis.scan(0, 'MATCH', `${prefix}rate:*`, 'COUNT', 100_000))[1]
      return Promise.all(names.map(async (name) => [name.slice(prefix.length), (await redis.ttl(name)) > 0]))
    })
    expect(ttls.toSorted()).toEqual([
      ['rate:write:{al%7Bice%7D*}', true],
      ['rate:write:{bob}', true],
    ])
  })

  it('goes on per instance while Redis is away: limited, at once, and never refused for it', async () => {
    const { counter } = instance('redis://127.0.0.1:1', newPrefix())
    const startedAt = performance.now()
    const results = []
    for (let call = 0; call < 6; call++) results.push(await counter.consume('alice'))
    expect(results.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false])
    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})
