import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EntryKey } from '../../src/cache/index.ts'
import { describeEntryStore } from '../../src/cache/testing/index.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { createRedis, type RedisAdapter } from '../../src/redis/index.ts'
import { becomes } from '../support/becomes.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { masterName, sentinels } from '../support/stack.ts'

let admin: Redis
beforeAll(() => {
  admin = new Redis({ sentinels, name: masterName })
})
afterAll(() => admin.disconnect())

describeEntryStore({ describe, it, beforeEach, afterEach, expect }, 'the Redis entry store', async (layers) => {
  const prefix = `contract-${randomBytes(6).toString('hex')}:`
  const redis = createRedis({
    layers,
    sentinels,
    masterName,
    prefix,
    budgetMs: 1000,
  })
  await becomes(() => redis.answers(), true)
  return {
    store: redis.store,
    elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    overwrite: async (key, bytes, ttlMs) => void (await admin.set(prefix + key, bytes, 'PX', ttlMs)),
    evict: async (key) => void (await admin.unlink(prefix + key)),
    evictLease: async (key) => void (await admin.unlink(`${prefix}${key}:lease`)),
    evictGeneration: async (layer) => void (await admin.unlink(`${prefix}generation:${layer}`)),
    close: () => redis.close(),
  }
})

describe('what somebody else left under our names', () => {
  const prefix = 'left:'
  const list = 'resources:{alice}' as EntryKey
  const layer = 'user-resources'
  const FILL_ID = 'a'.repeat(16)
  const HUGE = 64 * 1024 * 1024
  let server: RedisServer
  let redis: RedisAdapter
  beforeAll(async () => {
    server = await startRedisServer()
    redis = createRedis({ layers: LAYERS, url: server.url, prefix, budgetMs: 1000 })
    await waitUntil('Redis answers', async () => redis.answers(), { timeoutMs: 5000 })
  })
  afterAll(async () => {
    await redis.close()
    await server.close()
  })

  async function filled(): Promise<void> {
    await server.admin.unlink(prefix + list, `${prefix}${list}:lease`)
    const [lease] = await redis.store.takeLeases([{ key: list, layer, leaseMs: 1000 }])
    if (!lease) throw new Error('the lease is free')
    const bytes = Buffer.from(`portcullis1 ${FILL_ID} ${lease.generation}\n{}\nbody`)
    const fill = {
      key: list,
      layer,
      lease,
      bytes,
      ttlMs: 60_000,
    } as const
    expect(await redis.store.fill([fill])).toEqual([true])
  }

  async function bytesSentDuring(work: () => Promise<unknown>): Promise<number> {
    const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await server.admin.info('stats'))?.[1])
    const before = await sent()
    await work()
    return (await sent()) - before
  }

  it.each([
    ['an entry', () => redis.store.read([{ key: list, layer }]), [{ kind: 'too-large' }]],
    [
      'an entry that is opened',
      () => redis.store.open([{ key: list, layer, leaseMs: 50 }]),
      [{ kind: 'leased', instead: 'too-large' }],
    ],
    ['an entry that an administrator asks for', () => redis.store.inspect(list, layer), { bytes: { length: 46 } }],
  ])('is not moved when it is 64 MB: %s', async (_, ask, answer) => {
    await filled()
    await server.admin.setrange(prefix + list, HUGE, 'x')
    let given: unknown
    const sent = await bytesSentDuring(async () => {
      given = await ask()
    })
    // The bytes first: the difference of 64 MB is nothing to print.
    expect(sent).toBeLessThan(100_000)
    expect(given).toMatchObject(answer as object)
  })

  it('is a damaged entry, of whatever type: a lease is taken in its place, and the fill replaces it', async () => {
    await server.admin.unlink(prefix + list, `${prefix}${list}:lease`)
    await server.admin.rpush(prefix + list, 'one', 'two')
    const [opened] = await redis.store.open([{ key: list, layer, leaseMs: 1000 }])
    expect(opened).toMatchObject({ kind: 'leased', instead: 'damaged' })
    if (opened?.kind !== 'leased') throw new Error('the lease is free')
    const bytes = Buffer.from(`portcullis1 ${FILL_ID} ${opened.lease.generation}\n{}\nbody`)
    expect(await redis.store.fill([{ key: list, layer, lease: opened.lease, bytes, ttlMs: 60_000 }])).toEqual([true])
    expect(await redis.store.open([{ key: list, layer, leaseMs: 1000 }])).toMatchObject([{ kind: 'found', bytes }])
  })

  it('is not an entry without an end of its life: the promise about it could not be kept', async () => {
    await filled()
    await server.admin.persist(prefix + list)
    expect(await redis.store.open([{ key: list, layer, leaseMs: 50 }])).toEqual([
      { kind: 'leased', lease: expect.anything() },
    ])
  })

  it('is no generation for long: the next fill has one of ours again', async () => {
    await server.admin.set(`${prefix}generation:${layer}`, randomBytes(200))
    await filled()
    expect(await redis.store.read([{ key: list, layer }])).toMatchObject([{ kind: 'found' }])
  })
})
