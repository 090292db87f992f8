import { describe, expect, it, onTestFinished } from 'vitest'
import { createFakeClock, settle } from '../cache/testing/fake-clock.ts'
import { type EndedAccess, scheduleEndedAccess } from './ended-access.ts'

const EVERY_MS = 250

/** A job over ends that come by its own clock, with what it asked and what it reported. */
function scheduled(ends: number[], { ready = true } = {}) {
  const clock = createFakeClock()
  const state = { asked: 0, isAway: false, isBusy: false, isReady: ready, takesMs: 0 }
  const reported: string[] = []
  const job: EndedAccess = {
    async overdueMs() {
      state.asked++
      if (state.isAway) throw new Error('the database is away')
      return ends.length === 0 ? null : clock.nowMs - Math.min(...ends)
    },
    async end() {
      if (state.isBusy) return null
      clock.nowMs += state.takesMs
      const due = ends.filter((at) => at <= clock.nowMs).slice(0, 2)
      for (const at of due) ends.splice(ends.indexOf(at), 1)
      return { memberships: due.length, grants: 0 }
    },
  }
  const schedule = scheduleEndedAccess({
    endedAccess: job,
    clock,
    everyMs: EVERY_MS,
    isReady: () => state.isReady,
    events: {
      ended: ({ memberships }) => reported.push(`ended ${memberships}`),
      failed: () => reported.push('failed'),
      changed: (to) => reported.push(to),
    },
  })
  onTestFinished(schedule.stop)
  return { clock, state, reported, schedule }
}

describe('the job that ends access', () => {
  it('sleeps until the next end, and then removes the rows that are due', async () => {
    const { clock, reported } = scheduled([1_000_100])
    await settle()
    expect(clock.slept).toEqual([100])
    await clock.advance(100)
    expect(reported).toEqual(['ended 1'])
  })

  it('looks again within the interval: others give ends too', async () => {
    const ends = [9_000_000]
    const { clock, reported } = scheduled(ends)
    await settle()
    ends.push(clock.nowMs + 10)
    await clock.advance(EVERY_MS)
    expect(clock.slept[0]).toBe(EVERY_MS)
    expect(reported).toEqual(['ended 1'])
  })

  it('leaves nine times as long to others while there is more to do', async () => {
    const { clock, state, reported } = scheduled([1, 2, 3])
    state.takesMs = 40
    await settle()
    expect(reported).toEqual(['ended 2'])
    expect(clock.slept).toEqual([360])
    await clock.advance(360)
    expect(reported).toEqual(['ended 2', 'ended 1'])
  })

  it('waits where another instance does it, or where the due rows are locked, and says since when', async () => {
    const { clock, state, reported, schedule } = scheduled([1_000_000])
    state.isBusy = true
    await settle()
    expect(clock.slept).toEqual([EVERY_MS])
    await clock.advance(EVERY_MS)
    expect([reported, schedule.overdueMs()]).toEqual([[], EVERY_MS])
    state.isBusy = false
    await clock.advance(EVERY_MS)
    expect(reported).toEqual(['ended 1'])
    await clock.advance(EVERY_MS)
    expect(schedule.overdueMs()).toBe(0)
  })

  it('says once that it fails and once that it works again, counts each failure, and goes on', async () => {
    const { clock, state, reported } = scheduled([])
    state.isAway = true
    await settle()
    await clock.advance(EVERY_MS)
    await clock.advance(EVERY_MS)
    state.isAway = false
    await clock.advance(EVERY_MS)
    await clock.advance(EVERY_MS)
    expect(reported).toEqual(['failed', 'failing', 'failed', 'working'])
  })

  it('asks nothing before the service is ready, and nothing after it was stopped', async () => {
    const { clock, state, schedule } = scheduled([], { ready: false })
    await settle()
    await clock.advance(EVERY_MS)
    expect(state.asked).toBe(0)
    state.isReady = true
    await clock.advance(EVERY_MS)
    expect(state.asked).toBe(1)
    schedule.stop()
    await clock.advance(10 * EVERY_MS)
    expect(state.asked).toBe(1)
  })
})
