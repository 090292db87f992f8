/** P1 and P9 on real processes: whatever happens to Redis, every read is answered, and the cache comes back by itself. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { until } from '../support/becomes.ts'
import { asRoot, isWithoutRedis, outcomeOf, type Service, smallOrganisation, startService } from '../support/service.ts'
import {
  dropDatabase,
  freshDatabase,
  hang,
  kill,
  restart,
  resume,
  startAllRedis,
  stopAllRedis,
  waitForHealthyCluster,
} from '../support/stack.ts'

let databaseUrl: string
let service: Service

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl })
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
})
afterAll(async () => {
  await service?.close()
  await dropDatabase(databaseUrl)
})
afterEach(() => waitForHealthyCluster())

interface Load {
  readonly outcomes: string[]
  readonly errors: unknown[]
  /** The longest any read took, in milliseconds. */
  slowestMs: number
  stop(): Promise<void>
}

/** Reads as several users without a pause between, until it is stopped. */
function readAllTheTime(): Load {
  let stopped = false
  const load: Load = { outcomes: [], errors: [], slowestMs: 0, stop: async () => {} }
  const readers = ['ann', 'ben', 'cid', 'dee'].map(async (user) => {
    while (!stopped) {
      const startedMs = performance.now()
      try {
        load.outcomes.push(await outcomeOf(service, user))
      } catch (error) {
        load.errors.push(error)
      }
      load.slowestMs = Math.max(load.slowestMs, performance.now() - startedMs)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })
  load.stop = async () => {
    stopped = true
    await Promise.all(readers)
  }
  return load
}

const hitsAgain = async () => (await outcomeOf(service, 'ann')) === 'hit'
const wentWithoutRedis = (load: Load) => load.outcomes.some(isWithoutRedis)

describe('while reads go on', () => {
  it('a killed master costs no read, and the promoted replica serves hits', async () => {
    await until(hitsAgain, 5000)
    const load = readAllTheTime()
    const victim = await kill('master')
    await until(() => load.outcomes.some((outcome) => outcome !== 'hit'), 10_000)
    await until(hitsAgain, 20_000)
    await load.stop()
    await restart(victim)
    expect(load.errors).toEqual([])
  })

  it('a hanging master costs no read', async () => {
    await until(hitsAgain, 5000)
    const load = readAllTheTime()
    const victim = await hang('master')
    await until(() => load.outcomes.some((outcome) => outcome !== 'hit'), 10_000)
    await until(hitsAgain, 20_000)
    await load.stop()
    await resume(victim)
    expect(load.errors).toEqual([])
  })

  it('the loss of every Redis and every Sentinel costs no read; a revocation then still holds when they return', async () => {
    await until(hitsAgain, 5000)
    expect((await service.visible('cid')).map(({ name }) => name)).toContain('blue-plan')
    const load = readAllTheTime()
    // With SIGTERM they write a snapshot: what was cached comes back with them.
    await stopAllRedis('SIGTERM')
    await until(() => wentWithoutRedis(load), 5000)
    await service.portcullis.mutations.removeUserFromGroup(
      { group: { name: 'dept/blue' }, userId: 'cid' as UserId },
      asRoot,
    )
    expect((await service.visible('cid')).map(({ name }) => name)).not.toContain('blue-plan')
    await startAllRedis()
    await until(hitsAgain, 20_000)
    await load.stop()
    expect((await service.visible('cid')).map(({ name }) => name)).not.toContain('blue-plan')
    expect(load.errors).toEqual([])
  })

  it('a flush ordered while Redis is down holds when it returns', async () => {
    await until(async () => (await hitsAgain()) && (await outcomeOf(service, 'dee')) === 'hit', 5000)
    await stopAllRedis('SIGTERM')
    await until(async () => isWithoutRedis(await outcomeOf(service, 'ann')), 5000)
    const { value } = await service.portcullis.cache.flush({ scope: 'all' }, { reason: 'test', dryRun: false }, asRoot)
    expect(value.store).toBe('unavailable')
    await startAllRedis()
    await until(async () => !isWithoutRedis(await outcomeOf(service, 'dee')), 20_000)
    const status = (await service.portcullis.cache.status()) as { layers: Record<string, { rejections: object }> }
    expect(status.layers['user-resources']?.rejections).toHaveProperty('invalidated')
  })
})
