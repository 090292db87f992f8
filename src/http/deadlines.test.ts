import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeadlines } from './deadlines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('deadlines', () => {
  it('expire once, when their time is over, in the order of their beginning', () => {
    const { start } = createDeadlines({ afterMs: 1000 })
    const expired: string[] = []
    start(performance.now(), () => expired.push('first'))
    vi.advanceTimersByTime(300)
    start(performance.now(), () => expired.push('second'))
    vi.advanceTimersByTime(699)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(101)
    expect(expired).toEqual(['first'])
    vi.advanceTimersByTime(5000)
    expect(expired).toEqual(['first', 'second'])
  })

  it('that are due together let others have a turn in between, and may still end meanwhile', () => {
    const { start, end } = createDeadlines({ afterMs: 1000 })
    const happened: string[] = []
    const all = Array.from({ length: 25 }, (_, at) => start(performance.now(), () => happened.push(String(at))))
    const last = all[24]
    vi.advanceTimersByTime(1000)
    setImmediate(() => {
      happened.push('another')
      if (last) end(last)
    })
    vi.runAllTicks()
    vi.advanceTimersToNextTimer().advanceTimersByTime(100)
    expect(happened.indexOf('another')).toBeGreaterThan(0)
    expect(happened.indexOf('another')).toBeLessThan(10)
    expect(happened.filter((each) => each !== 'another')).toEqual([...Array(24).keys()].map(String))
  })

  it('that ended in time do nothing, and then no timer runs', () => {
    const { start, end } = createDeadlines({ afterMs: 1000 })
    const expire = vi.fn()
    end(start(performance.now(), expire))
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(2000)
    expect(expire).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
    start(performance.now(), expire)
    vi.advanceTimersByTime(1100)
    expect(expire).toHaveBeenCalledOnce()
  })
})
