import { describe, expect, it } from 'vitest'
import { inPieces } from './in-pieces.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)

describe('work in pieces', () => {
  it.each([0, 1, 999, 1000, 1001, 2500])('sees each of %i items once, in order', async (count) => {
    const seen: number[] = []
    await inPieces(numbers(count), (item) => seen.push(item))
    expect(seen).toEqual(numbers(count))
  })

  it('lets others have their turn in between', async () => {
    const events: (number | 'another')[] = []
    const working = inPieces(numbers(2500), (item) => void (item % 1000 === 0 && events.push(item)))
    setImmediate(() => events.push('another'))
    await working
    expect(events).toEqual([0, 1000, 'another', 2000])
  })

  it('ends with what a piece throws', async () => {
    const seen: number[] = []
    const failing = inPieces(numbers(3000), (item) => {
      if (item === 1500) throw new Error('no')
      seen.push(item)
    })
    await expect(failing).rejects.toThrow('no')
    expect(seen).toHaveLength(1500)
  })
})
