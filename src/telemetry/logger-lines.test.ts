import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createGatheredLines } from './logger.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function scene() {
  const written: string[] = []
  const flushSync = vi.fn()
  const lines = createGatheredLines(
    { write: (text) => void written.push(text), flushSync },
    { atLeastChars: 8, withinMs: 100 },
  )
  return { written, flushSync, lines }
}

describe('gathered lines', () => {
  it('are written together, after a while', () => {
    const { written, lines } = scene()
    lines.write('a\n')
    vi.advanceTimersByTime(60)
    lines.write('b\n')
    vi.advanceTimersByTime(39)
    expect(written).toEqual([])
    vi.advanceTimersByTime(1)
    expect(written).toEqual(['a\nb\n'])
    vi.advanceTimersByTime(1000)
    expect(written).toHaveLength(1)
  })

  it('are written at once when there are enough, and later lines wait again', () => {
    const { written, lines } = scene()
    lines.write('abcd\n')
    lines.write('efgh\n')
    expect(written).toEqual(['abcd\nefgh\n'])
    lines.write('i\n')
    vi.advanceTimersByTime(99)
    expect(written).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(written.at(-1)).toBe('i\n')
  })

  it('are all written at a flush, before the sink is flushed', () => {
    const { written, flushSync, lines } = scene()
    lines.write('a\n')
    flushSync.mockImplementation(() => expect(written).toEqual(['a\n']))
    lines.flushSync()
    expect(flushSync).toHaveBeenCalledOnce()
    vi.advanceTimersByTime(1000)
    expect(written).toHaveLength(1)
  })
})
