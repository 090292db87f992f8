import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeadlines } from './deadlines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('deadlines', () => {
  it('expire once, when their time is over, in the order in which they began', () => {
    const deadlines = createDeadlines({ afterMs: 1000 })
    const expired: string[] = []
    deadlines.start(performance.now(), () => expired.push('first'))
    vi.advanceTimersByTime(300)
    deadlines.start(performance.now(), () => expired.push('second'))
    vi.advanceTimersByTime(699)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(101)
    expect(expired).toEqual(['first'])
    vi.advanceTimersByTime(5000)
    expect(expired).toEqual(['first', 'second'])
  })

  it('that are due together give other work a turn in between, and may still end meanwhile', () => {
    const deadlines = createDeadlines({ afterMs: 1000 })
    const happened: string[] = []
    const all = Array.from({ length: 25 }, (_, at) =>
      deadlines.start(performance.now(), () => happened.push(String(at))),
    )
    const last = all[24]
    vi.advanceTimersByTime(1000)
    setImmediate(() => {
      happened.push('another')
      if (last) deadlines.end(last)
    })
    vi.runAllTicks()
    vi.advanceTimersToNextTimer().advanceTimersByTime(100)
    expect(happened.indexOf('another')).toBeGreaterThan(0)
    expect(happened.indexOf('another')).toBeLessThan(10)
    expect(happened.filter((each) => each !== 'another')).toEqual([...Array(24).keys()].map(String))
  })

  it('that end in time do nothing, and then no timer runs', () => {
    const deadlines = createDeadlines({ afterMs: 1000 })
    const expire = vi.fn()
    deadlines.end(deadlines.start(performance.now(), expire))
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(2000)
    expect(expire).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
    deadlines.start(performance.now(), expire)
    vi.advanceTimersByTime(1100)
    expect(expire).toHaveBeenCalledOnce()
  })

  describe('after a pause of the process', () => {
    /** The clock moves by itself; `check` is the timer's callback, whenever it comes. */
    function paused() {
      let nowMs = 0
      vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
      const deadlines = createDeadlines({ afterMs: 1000 })
      const expired: string[] = []
      return {
        expired,
        start: (name: string) => deadlines.start(nowMs, () => expired.push(name)),
        pass: (ms: number) => {
          nowMs += ms
        },
        check: () => vi.advanceTimersToNextTimer(),
      }
    }

    it('give the requests that were waiting as much more time, and a turn of the event loop', () => {
      const { start, pass, check, expired } = paused()
      start('waiting')
      pass(10)
      check()
      pass(4000)
      check()
      expect(expired, 'though it began 4010 ms ago').toEqual([])
      for (let step = 0; step < 2; step++) {
        pass(490)
        check()
      }
      expect(expired).toEqual([])
      pass(30)
      check()
      expect(expired).toEqual(['waiting'])
    })

    it('give no more time to a request that began after it', () => {
      const { start, pass, check, expired } = paused()
      start('waiting')
      pass(4000)
      start('new')
      check()
      for (let step = 0; step < 3; step++) {
        pass(334)
        check()
      }
      expect(expired).toContain('new')
    })

    it('do not take a busy event loop for one', () => {
      const { start, pass, check, expired } = paused()
      start('waiting')
      for (let step = 0; step < 4; step++) {
        pass(300)
        check()
      }
      expect(expired).toEqual(['waiting'])
    })
  })
})
