import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { isPortFree } from '../../src/local/ports.ts'
import { replicationOf } from '../../src/local/redis-questions.ts'
import {
  dropDatabase,
  freshDatabase,
  hang,
  kill,
  master,
  masterName,
  masterPort,
  portOf,
  query,
  restart,
  resume,
  sentinels,
  stackState,
  startAllRedis,
  stopAllRedis,
  waitForHealthyCluster,
} from '../support/stack.ts'

describe('the local stack', () => {
  it('runs PostgreSQL 18, three Redis servers and three Sentinels, each a process of its own', async () => {
    const { processes } = await stackState()
    expect(processes.map(({ name }) => name)).toEqual([
      'postgres',
      'redis-1',
      'redis-2',
      'redis-3',
      'sentinel-1',
      'sentinel-2',
      'sentinel-3',
    ])
    expect(new Set(processes.map(({ pid }) => pid)).size).toBe(7)
  })

  it('hands out databases with the schema and without each other’s rows', async () => {
    const [one, other] = await Promise.all([freshDatabase(), freshDatabase()])
    await query(one, `INSERT INTO users (id) VALUES ('alice')`)
    expect(await query(one, 'SELECT id FROM users')).toEqual([{ id: 'alice' }])
    expect(await query(other, 'SELECT id FROM users')).toEqual([])
    await Promise.all([one, other].map(dropDatabase))
  })
})

describe('a fault in the local stack', () => {
  afterEach(() => waitForHealthyCluster())

  it('kills the master, and the Sentinels promote another; the killed one returns as its replica', async () => {
    const killed = await kill('master')
    await restart(killed)
    await waitForHealthyCluster()
    expect(await master()).not.toBe(killed)
    expect(await replicationOf(await portOf(killed))).toMatchObject({ role: 'slave', master_link_status: 'up' })
  })

  it('keeps what was written before the kill', async () => {
    const key = `kept-${process.pid}`
    await onMaster((redis) => redis.set(key, 'value'))
    await onMaster((redis) => redis.wait(2, 1_000))
    await restart(await kill('master'))
    await waitForHealthyCluster()
    expect(await onMaster((redis) => redis.get(key))).toBe('value')
  })

  it('takes all of Redis away and brings it back', async () => {
    const port = await masterPort()
    await stopAllRedis('SIGKILL')
    expect(await isPortFree(port)).toBe(true)
    expect((await stackState()).processes.map(({ name }) => name)).toEqual(['postgres'])
    await startAllRedis()
    expect(await onMaster((redis) => redis.ping())).toBe('PONG')
  })

  it('hangs a replica without ending it', async () => {
    const replica = (await master()) === 'redis-1' ? 'redis-2' : 'redis-1'
    await hang(replica)
    await expect(replicationOf(await portOf(replica))).rejects.toThrow()
    expect(await isPortFree(await portOf(replica))).toBe(false)
    await resume(replica)
    expect(await replicationOf(await portOf(replica))).toMatchObject({ role: 'slave' })
  })
})

async function onMaster<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ sentinels, name: masterName })
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}
