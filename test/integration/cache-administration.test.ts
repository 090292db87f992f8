/** What an administrator is told of the cache, against real servers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FlushScope } from '../../src/domain/api.ts'
import type { UserId } from '../../src/domain/model.ts'
import {
  asRoot,
  entriesInRedis,
  PATIENT,
  type Service,
  smallOrganisation,
  startService,
  withMaster,
} from '../support/service.ts'
import { dropDatabase, freshDatabase, startAllRedis, stopAllRedis, waitForHealthyCluster } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let stranger: Service

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: PATIENT })
  stranger = await startService({ databaseUrl, environment: PATIENT })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
})
afterAll(async () => {
  await stranger?.close()
  await service?.close()
  await dropDatabase(databaseUrl)
})

const dryRun = async (scope: FlushScope) => {
  const flushed = await service.portcullis.cache.flush(scope, { reason: 'a look', dryRun: true }, asRoot)
  return flushed.value.entries
}
const user = (id: string): FlushScope => ({ scope: 'user', user: id as UserId })

describe('the dry run of a flush', () => {
  it('counts the entries that are there, of this prefix only, without leases', async () => {
    for (const id of ['ann', 'ben']) await service.visible(id)
    await stranger.visible('cid')
    await withMaster((redis) => redis.set(`${service.prefix}resources:{cid}:lease`, 'held', 'EX', 60))
    const there = async (pattern: RegExp) => (await entriesInRedis(service.prefix)).filter((name) => pattern.test(name))
    expect(await there(/\{(ann|ben)\}$/)).not.toEqual([])
    for (const [scope, pattern] of [
      [user('ann'), /\{ann\}$/],
      [user('cid'), /\{cid\}$/],
      [{ scope: 'layer', layer: 'user-resources' }, /^resources:\{/],
      [{ scope: 'volatile' }, /\{/],
      [{ scope: 'all' }, /./],
    ] as const)
      expect([scope, await dryRun(scope)]).toEqual([scope, (await there(pattern)).length])
  })

  it('names no number while Redis is away', async () => {
    await stopAllRedis()
    try {
      expect(await dryRun({ scope: 'volatile' })).toBeNull()
    } finally {
      await startAllRedis()
      await waitForHealthyCluster()
    }
  })
})

describe('the state of the cache', () => {
  it('counts the reads that SQL answered, by reason', async () => {
    const counted = async () => {
      const { bypasses } = (await service.portcullis.cache.status()) as { bypasses: Record<string, number> }
      return bypasses.request ?? 0
    }
    const before = await counted()
    await service.truth('ann')
    expect(await counted()).toBe(before + 1)
  })
})
