import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, inject } from 'vitest'
import { createRedis } from '../../src/redis/index.ts'
import { becomes } from '../support/becomes.ts'
import { describeEntryStore } from '../support/entry-store-contract.ts'

let admin: Redis
beforeAll(() => {
  admin = new Redis({ sentinels: inject('sentinels'), name: inject('masterName') })
})
afterAll(() => admin.disconnect())

describeEntryStore('the Redis entry store', async () => {
  const prefix = `contract-${randomBytes(6).toString('hex')}:`
  const redis = createRedis({
    sentinels: inject('sentinels'),
    masterName: inject('masterName'),
    prefix,
    budgetMs: 1000,
  })
  await becomes(() => redis.answers(), true)
  return {
    store: redis.store,
    elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    overwrite: async (key, bytes, ttlMs) => void (await admin.set(prefix + key, bytes, 'PX', ttlMs)),
    evict: async (key) => void (await admin.unlink(prefix + key)),
    evictParts: async (key) => void (await admin.unlink(`${prefix}${key}:parts`)),
    evictLease: async (key) => void (await admin.unlink(`${prefix}${key}:lease`)),
    evictGeneration: async (layer) => void (await admin.unlink(`${prefix}generation:${layer}`)),
    close: () => redis.close(),
  }
})
