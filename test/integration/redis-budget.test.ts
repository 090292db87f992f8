/** P1 by the clock: however many commands a request makes, it waits for a slow Redis as long as for one. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { becomes } from '../support/becomes.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { asRoot, outcomeOf, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const BUDGET_MS = 100
/** One answer of PostgreSQL, and what this machine's scheduler may add while others use it. */
const FALLBACK_MS = 80
const USERS = 60

let databaseUrl: string
let server: RedisServer
let proxy: FaultProxy
let service: Service

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  server = await startRedisServer()
  proxy = await startFaultProxy(server.port)
  const environment = { REDIS_SENTINELS: '', REDIS_MASTER_NAME: '', REDIS_URL: `redis://127.0.0.1:${proxy.port}` }
  service = await startService({ databaseUrl, environment })
  const users = Array.from({ length: USERS }, (_, at) => ({ id: `user-${at}` }))
  const memberships = users.map(({ id: user }) => ({ group: 'dept/red', user, role: 'member' as const }))
  await service.portcullis.mutations.importOrganisation(
    {
      ...smallOrganisation,
      users: [...smallOrganisation.users, ...users],
      memberships: [...smallOrganisation.memberships, ...memberships],
    },
    asRoot,
  )
})
afterAll(async () => {
  await service?.close()
  await proxy?.close()
  await server?.close()
  await dropDatabase(databaseUrl)
})
afterEach(async () => {
  proxy.become({})
  await becomes(async () => (await outcomeOf(service, 'ann')).startsWith('bypass'), false)
})

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

/** Redis has nothing of what the reads below need, and this process knows that it has not. */
async function coldCache(): Promise<void> {
  await service.portcullis.cache.flush({ scope: 'all' }, { reason: 'test', dryRun: false }, asRoot)
}

const late = (latencyMs: number) => proxy.become({ down: { latencyMs } })
const read = (user: string) => service.portcullis.reads.visibleResources(user as UserId, { limit: 50 }, {})

describe.each([20, 35, 60])('Redis answering each command %i ms late', (latencyMs) => {
  it('costs a miss, which asks many times, the budget of one command', async () => {
    await coldCache()
    const before = proxy.counts.delayed
    late(latencyMs)
    expect(await timed(() => read('user-1'))).toBeLessThan(BUDGET_MS + FALLBACK_MS)
    expect(proxy.counts.delayed - before).toBeGreaterThan(1)
  })

  it('costs many who miss together no more', async () => {
    await coldCache()
    late(latencyMs)
    const took = await Promise.all(Array.from({ length: USERS }, (_, at) => timed(() => read(`user-${at}`))))
    expect(Math.max(...took)).toBeLessThan(BUDGET_MS + 3 * FALLBACK_MS)
  })

  it('costs the counts and the groups no more', async () => {
    await coldCache()
    late(latencyMs)
    const { reads } = service.portcullis
    expect(await timed(() => reads.counts('ben' as UserId, {}))).toBeLessThan(BUDGET_MS + FALLBACK_MS)
    expect(await timed(() => reads.effectiveGroups('cid' as UserId, {}))).toBeLessThan(BUDGET_MS + FALLBACK_MS)
  })
})

describe('a catalogue that is gone', () => {
  it('is fetched to its end for the others when the one who began has waited enough', async () => {
    await coldCache()
    late(35)
    await read('user-2')
    await becomes(() => server.admin.exists(`${service.prefix}resources:all`), 1, 10_000)
    late(0)
    await becomes(() => outcomeOf(service, 'user-2'), 'hit')
  })
})

describe('a hit', () => {
  it('stays one where Redis is slow but in time', async () => {
    await becomes(() => outcomeOf(service, 'ann'), 'hit')
    late(60)
    expect(await outcomeOf(service, 'ann')).toBe('hit')
  })
})

describe('a mutation', () => {
  it('removes what it makes stale, also through a slow Redis: its delete is never cut short', async () => {
    await becomes(() => outcomeOf(service, 'ben'), 'hit')
    late(60)
    const { mutations } = service.portcullis
    await mutations.removeUserFromGroup({ group: { name: 'dept/red' }, userId: 'ben' as UserId }, asRoot)
    expect(await server.admin.exists(`${service.prefix}resources:{ben}`)).toBe(0)
  })
})
