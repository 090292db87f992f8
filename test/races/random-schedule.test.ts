import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EntryStore, LogFollower } from '../../src/cache/index.ts'
import { endingSchedules, schedules } from './arbitrary-schedule.ts'
import { runSchedule } from './random-schedule.ts'

const consistent = (over: Parameters<typeof runSchedule>[2] = {}, drawn = schedules) =>
  fc.asyncProperty(fc.scheduler(), drawn, async (scheduler, schedule) => {
    expect(await runSchedule(scheduler, schedule, over)).toEqual([])
  })

describe('in random schedules with a healthy store and followers that hear nothing', () => {
  it('every read is explained by a state committed around it', async () => {
    await fc.assert(consistent(), { numRuns: 400, seed: 20_261_124 })
  }, 60_000)

  it('a store whose fills ignore leases is caught', async () => {
    const ignoringLeases = (store: EntryStore): EntryStore => ({
      ...store,
      async fill(fills) {
        // Takes whatever lease there is, as a plain SET would.
        await store.invalidate(fills.map(({ key }) => key))
        const leases = await store.takeLeases(fills.map(({ key, layer }) => ({ key, layer, leaseMs: 1000 })))
        return store.fill(fills.map((fill, i) => ({ ...fill, lease: leases[i] ?? fill.lease })))
      },
    })
    const run = fc.check(consistent({ wrapStore: ignoringLeases }), {
      // One schedule in a thousand shows it; the first that does ends the search.
      numRuns: 20_000,
      seed: 20_261_124,
      endOnFailure: true,
    })
    expect((await run).failed).toBe(true)
  }, 60_000)
})

describe('in random schedules in which access ends, with wall clocks four seconds apart', () => {
  it('every read is explained by a state committed around it, at an instant around it', async () => {
    await fc.assert(consistent({}, endingSchedules), { numRuns: 400, seed: 20_261_129 })
  }, 60_000)

  const weakened: Record<string, (follower: LogFollower) => LogFollower> = {
    'the end of an entry ignored': (follower) => ({
      ...follower,
      judge: ({ stamp, tags }, retention) => follower.judge({ stamp, tags }, retention),
      time: { ...follower.time, latestMs: () => Number.NEGATIVE_INFINITY, earliestMs: () => Number.NEGATIVE_INFINITY },
    }),
    'the earliest that it may be taken for the present': (follower) => ({
      ...follower,
      judge: (entry, retention) =>
        (entry.until ?? Number.POSITIVE_INFINITY) <= follower.time.earliestMs()
          ? 'ended'
          : follower.judge({ ...entry, until: null }, retention),
      time: { ...follower.time, latestMs: follower.time.earliestMs },
    }),
  }
  it.each(Object.entries(weakened))(
    'is caught: %s',
    async (_name, wrapFollower) => {
      const bounds = { numRuns: 20_000, seed: 20_261_129, endOnFailure: true }
      expect((await fc.check(consistent({ wrapFollower }, endingSchedules), bounds)).failed).toBe(true)
    },
    120_000,
  )
})
