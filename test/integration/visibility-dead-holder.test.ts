/** A process that dies while it holds the catalogue's lease: the others answer well within a request's time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withMaster } from '../support/service.ts'
import { asRoot, named, startVisibilityFleet, user, type VisibilityFleet } from './visibility-fleet.ts'

/** Longer than any test: only another holder could end it. */
const DEAD_FOR_MS = 60_000
/** Requests are given up after five seconds. */
const ANSWERED_WITHIN_MS = 4000

let fleet: VisibilityFleet
beforeAll(async () => {
  fleet = await startVisibilityFleet()
})
afterAll(() => fleet?.close())

describe('a dead holder of the catalogue’s lease', () => {
  it('delays readers by less than a request may take, and not every one of them', async () => {
    await fleet.mutations.importOrganisation(
      {
        users: [{ id: 'ann' }, { id: 'ben' }],
        groups: [{ name: 'team' }],
        memberships: ['ann', 'ben'].map((id) => ({ group: 'team', user: id, role: 'member' as const })),
        resources: [{ name: 'plan', kind: 'document' }],
        grants: [{ group: 'team', resource: 'plan', permission: 'read' }],
      },
      asRoot,
    )
    await fleet.warm('ann', 'ben')
    await fleet.mutations.putGrant({ group: named('team'), resource: named('plan'), permission: 'write' }, asRoot)
    const { prefix } = fleet.instances[0]
    await withMaster(async (redis) => {
      const generation = await redis.get(`${prefix}generation:resources`)
      await redis.set(`${prefix}resources:all:lease`, `0123456789abcdef ${generation}`, 'PX', DEAD_FOR_MS)
    })
    const took: number[] = []
    for (const instance of fleet.instances) {
      for (const id of ['ann', 'ben']) {
        const startedMs = performance.now()
        const { body } = await instance.portcullis.reads.visibleResources(user(id), { limit: 50 }, {})
        took.push(performance.now() - startedMs)
        expect(body.toString()).toContain('"permission":"write"')
      }
    }
    expect(Math.max(...took)).toBeLessThan(ANSWERED_WITHIN_MS)
    expect(took.filter((ms) => ms > 1000).length).toBeLessThanOrEqual(fleet.instances.length)
  }, 60_000)
})
