/** A Redis that is well and refuses what it is asked: the breaker stays closed, so somebody must say it. */
import { expect, it, onTestFinished } from 'vitest'
import { aliceList, layer } from '../../src/cache/testing/index.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import { createRedis } from '../../src/redis/index.ts'
import { becomes } from '../support/becomes.ts'
import { startRedisServer } from '../support/redis-server.ts'

it('a Redis Cluster, which refuses reads of several keys, is named once in the log, in the status and in a metric', async () => {
  const server = await startRedisServer({ 'cluster-enabled': 'yes' })
  onTestFinished(server.close)
  await server.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  const said: { fields: object; text: string }[] = []
  const counted: string[] = []
  const redis = createRedis({
    layers: LAYERS,
    url: server.url,
    prefix: 'refused:',
    budgetMs: 1000,
    logger: { warn: (fields, text) => said.push({ fields, text }), info() {} },
    sink: { command() {}, breaker() {}, error: (...labels) => counted.push(labels.join(' ')) },
  })
  onTestFinished(redis.close)
  await becomes(redis.answers, true)
  // Until it has looked at its slots it says that it is down.
  said.length = 0
  counted.length = 0
  for (let time = 0; time < 5; time++) {
    await becomes(() => redis.guard.admits(), true)
    await expect(redis.store.read([{ key: aliceList, layer }])).rejects.toMatchObject({ detail: 'redis-error' })
  }
  expect(redis.guard.state()).toBe('closed')
  expect(counted).toEqual(Array(5).fill('command read crossslot'))
  expect(said).toEqual([
    {
      fields: { connection: 'command read', address: `127.0.0.1:${server.port}`, reason: 'crossslot' },
      text: expect.stringContaining("CROSSSLOT Keys in request don't hash to the same slot"),
    },
  ])
  expect((await redis.status()).errors).toEqual([
    expect.objectContaining({ connection: 'command read', reason: 'crossslot' }),
  ])
})
