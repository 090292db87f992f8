/** Redis behind three Sentinels: failovers that nobody has to look after. */
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EntryKey, StoreUnavailableError } from '../../src/cache/index.ts'
import { aliceList, entryBytes, fillId, layer } from '../../src/cache/testing/index.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import { askRedis } from '../../src/local/redis-questions.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { createConnection } from '../../src/redis/connection.ts'
import { createRedis, type RedisAdapter, type RedisDependencies } from '../../src/redis/index.ts'
import { createTopologyReader } from '../../src/redis/topology.ts'
import { becomes } from '../support/becomes.ts'
import {
  hang,
  kill,
  master,
  masterName,
  masterPort,
  portOf,
  restart,
  resume,
  sentinels,
  startAllRedis,
  stopAllRedis,
  waitForHealthyCluster,
} from '../support/stack.ts'

const BUDGET_MS = 100
const SLACK_MS = 100

let prefix = ''
let redis: RedisAdapter
let changes: string[]
let round = 0
const opened: { close(): unknown }[] = []

function open(more: Partial<RedisDependencies> = {}): RedisAdapter {
  const adapter = createRedis({
    layers: LAYERS,
    sentinels,
    masterName,
    prefix,
    budgetMs: BUDGET_MS,
    logger: {
      warn: (fields) => changes.push(`open: ${(fields as { detail: string }).detail}`),
      info: () => changes.push('closed'),
    },
    ...more,
  })
  opened.push(adapter)
  return adapter
}

beforeEach(async () => {
  await waitForHealthyCluster()
  prefix = `sentinel-${process.pid}-${++round}:`
  changes = []
  redis = open()
  await becomes(redis.answers, true)
})
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
})

async function storeEntry(key: EntryKey = aliceList): Promise<void> {
  const [lease] = await redis.store.takeLeases([{ key, layer, leaseMs: 5000 }])
  if (!lease) throw new Error('the lease is taken')
  const bytes = entryBytes(fillId('one'), lease.generation, 'of alice')
  expect(await redis.store.fill([{ key, layer, lease, bytes, ttlMs: 60_000 }])).toEqual([true])
}

async function read(from = redis): Promise<{ kind: string; ms: number }> {
  const startedMs = performance.now()
  const request = { key: aliceList, layer } as const
  const kind = await from.store.read([request]).then(
    ([answer]) => `${answer?.kind}`,
    async (error: unknown) => {
      if (!(error instanceof StoreUnavailableError)) return String(error)
      const answer = await from.store.readReplica?.(request)?.catch(() => null)
      return answer ? `${answer.kind} on a replica` : 'unavailable'
    },
  )
  return { kind, ms: performance.now() - startedMs }
}

/** Reads once before, then every 5 ms while `during` runs and until the master answers again. */
async function readsWhile(during: () => Promise<unknown>): Promise<{ kind: string; ms: number }[]> {
  const reads = [Promise.resolve(await read())]
  const reading = setInterval(() => reads.push(read()), 5)
  try {
    await during()
    await becomes(redis.answers, true, 15_000)
  } finally {
    clearInterval(reading)
  }
  return Promise.all(reads)
}

const slowest = (reads: readonly { ms: number }[]) => Math.max(...reads.map(({ ms }) => ms))
const kinds = (reads: readonly { kind: string }[]) => [...new Set(reads.map(({ kind }) => kind))].sort()

async function replicated(): Promise<void> {
  const admin = new Redis({ port: await masterPort(), host: '127.0.0.1' })
  await admin.wait(2, 1000)
  admin.disconnect()
}

async function failOver(): Promise<void> {
  const [sentinel] = sentinels
  await waitUntil(
    'a Sentinel agrees to fail over',
    async () => (await askRedis(sentinel?.port ?? 0, 'SENTINEL', ['FAILOVER', masterName])) === 'OK',
    { timeoutMs: 30_000, everyMs: 100 },
  )
}

describe('a failover', () => {
  it('after a kill: hits come from a replica, no read waits longer than its budget, and the new master is used', async () => {
    await storeEntry()
    await replicated()
    await becomes(async () => (await redis.status()).replicaReads, 'ready')
    const killed = await master()
    const reads = await readsWhile(() => kill('master'))
    expect(kinds(reads)).toEqual(expect.arrayContaining(['found', 'found on a replica']))
    expect(kinds(reads).filter((kind) => !/^(found|unavailable)/.test(kind))).toEqual([])
    expect(reads.filter(({ kind }) => kind === 'found on a replica').length).toBeGreaterThan(reads.length / 4)
    expect(slowest(reads)).toBeLessThan(BUDGET_MS + SLACK_MS)
    await storeEntry('resources:{bob}' as EntryKey)
    await restart(killed)
  })

  it('after a hang of the master', async () => {
    await storeEntry()
    await replicated()
    const hung = await hang('master')
    const reads = await readsWhile(async () => becomes(() => redis.guard.state(), 'open', 1000))
    expect(slowest(reads)).toBeLessThan(BUDGET_MS + SLACK_MS)
    expect(kinds(reads)).toContain('found on a replica')
    await resume(hung)
  })

  it('without replica reads: misses instead of hits, and nothing worse', async () => {
    const strict = open({ replicaReads: 'never' })
    await becomes(strict.answers, true)
    await storeEntry()
    expect((await read(strict)).kind).toBe('found')
    const killed = await kill('master')
    await becomes(() => strict.guard.state(), 'open', 1000)
    expect((await read(strict)).kind).toBe('unavailable')
    expect((await strict.status()).replicaReads).toBe('off')
    await becomes(strict.answers, true, 15_000)
    await restart(killed)
  })

  it('twenty times in a row: each is over by itself, and no reader sees it', { timeout: 300_000 }, async () => {
    await storeEntry()
    let reads = 0
    for (let turn = 0; turn < 20; turn++) {
      const before = await master()
      const during = await readsWhile(async () => {
        await failOver()
        await waitUntil('another is master', async () => (await master()) !== before, {
          timeoutMs: 10_000,
          everyMs: 20,
        })
      })
      reads += during.length
      expect(kinds(during).filter((kind) => !/^(found|absent|unavailable)/.test(kind))).toEqual([])
      expect(slowest(during)).toBeLessThan(BUDGET_MS + SLACK_MS)
    }
    expect(reads).toBeGreaterThan(20)
  })

  it('promotes a replica under a client with a command in flight', async () => {
    await storeEntry()
    const before = await master()
    const invalidations = readsWhile(async () => {
      await failOver()
      await waitUntil('another is master', async () => (await master()) !== before, { timeoutMs: 10_000, everyMs: 20 })
    })
    const outcomes = new Set<string>()
    while (redis.answers()) {
      const outcome = await redis.store.invalidate([aliceList]).then(
        () => 'done',
        (error: unknown) => (error instanceof StoreUnavailableError ? 'unavailable' : String(error)),
      )
      outcomes.add(outcome)
    }
    await invalidations
    expect([...outcomes].filter((each) => each !== 'done' && each !== 'unavailable')).toEqual([])
    expect(await redis.store.invalidate([aliceList])).toBeTypeOf('number')
  })
})

describe('a client that ended by itself', () => {
  /** The Sentinels with a hung one first, so that the search for the master waits for it. */
  const hungFirst = async () => {
    const hungPort = await portOf('sentinel-1')
    return sentinels.toSorted((one, other) => Number(other.port === hungPort) - Number(one.port === hungPort))
  }

  it('connects again after it was disconnected while it looked for the master', async () => {
    await hang('sentinel-1')
    const connection = createConnection({
      settings: { sentinels: await hungFirst(), masterName },
      role: 'master',
    })
    opened.push(connection)
    let ends = 0
    connection.redis.on('end', () => ends++)
    await becomes(() => connection.redis.status, 'connecting')
    // What the failover detector does when a Sentinel announces the new master; ioredis parks here for good.
    connection.reset()
    await becomes(() => ends, 1)
    await becomes(() => connection.isReady(), true)
    await resume('sentinel-1')
  })

  it('connects again when the master is killed while a Sentinel hangs', { timeout: 90_000 }, async () => {
    const settings = { sentinels: await hungFirst(), masterName }
    const connections = Array.from({ length: 6 }, () => createConnection({ settings, role: 'master' }))
    opened.push(...connections)
    await becomes(() => connections.every((each) => each.isReady()), true)
    await hang('sentinel-1')
    const killed = await kill('master')
    await becomes(() => connections.some((each) => each.isReady()), false)
    await becomes(() => connections.every((each) => each.isReady()), true, 30_000)
    await resume('sentinel-1')
    await restart(killed)
  })

  it('stays ended when we closed it', async () => {
    const connection = createConnection({
      settings: { sentinels, masterName },
      role: 'master',
    })
    await becomes(() => connection.isReady(), true)
    connection.close()
    await becomes(() => connection.redis.status, 'end')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(connection.redis.status).toBe('end')
  })
})

describe('all of Redis and all Sentinels gone', () => {
  it('costs nobody anything, also who starts then; all are back by themselves', { timeout: 60_000 }, async () => {
    await storeEntry()
    await stopAllRedis('SIGKILL')
    await becomes(() => redis.guard.state(), 'open', 1000)
    const late = open()
    const reads = await Promise.all(Array.from({ length: 100 }, () => read(late)))
    expect(kinds(reads)).toEqual(['unavailable'])
    expect(slowest(reads)).toBeLessThan(BUDGET_MS)
    const status = await late.status()
    expect(status).toMatchObject({
      connected: false,
      server: null,
      topology: { master: null, quorum: { reachable: 0, held: false } },
    })
    await startAllRedis()
    await becomes(() => [redis, late].every((each) => each.answers()), true, 15_000)
    expect((await read(late)).kind).toMatch(/found|absent/)
  })
})

describe('the topology', () => {
  it('names the master, the replicas with their lag, the Sentinels and the quorum', async () => {
    const { topology } = await redis.status()
    expect(topology).toMatchObject({
      master: {
        address: `127.0.0.1:${await masterPort()}`,
        flags: ['master'],
        subjectivelyDown: false,
        objectivelyDown: false,
      },
      quorum: { needed: 2, known: 3, reachable: 3, held: true },
      configEpoch: expect.any(Number),
      agreed: true,
    })
    expect(topology?.replicas).toHaveLength(2)
    for (const replica of topology?.replicas ?? []) {
      expect(replica).toMatchObject({
        linkUp: true,
        subjectivelyDown: false,
        lagBytes: expect.any(Number),
        lastHeardMs: expect.any(Number),
      })
    }
    expect(JSON.parse(JSON.stringify(topology))).toEqual(topology)
  })

  it('says what is down, in bounded time, while a Sentinel hangs and a replica is dead', async () => {
    const replica = (['redis-1', 'redis-2', 'redis-3'] as const).find((name) => name !== 'redis-1') ?? 'redis-2'
    const victim = (await master()) === replica ? 'redis-1' : replica
    const address = `127.0.0.1:${await portOf(victim)}`
    await kill(victim)
    await hang('sentinel-2')
    const reader = createTopologyReader({
      settings: { sentinels, masterName },
      timeoutMs: 300,
      freshMs: 0,
    })
    await becomes(
      async () => (await reader.read())?.replicas.find((each) => each.address === address)?.subjectivelyDown,
      true,
      15_000,
    )
    const startedMs = performance.now()
    const topology = await reader.read()
    expect(performance.now() - startedMs).toBeLessThan(2000)
    expect(topology?.quorum).toMatchObject({ reachable: 2, held: true })
    expect(topology?.sentinels.filter((each) => !each.reachable)).toHaveLength(1)
    await resume('sentinel-2')
    await restart(victim)
  })

  it('is asked for at most once a second', async () => {
    const reader = createTopologyReader({
      settings: { sentinels, masterName },
    })
    const [one, two] = await Promise.all([reader.read(), reader.read()])
    expect(two).toBe(one)
  })
})
