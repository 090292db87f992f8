import { describe, expect, test } from 'vitest'
import { runSeeds } from './support/lane.ts'
import { skipReason } from './support/live.ts'
import { drawSequence } from './support/sequence.ts'

describe('random sequences', () => {
  test('a seed always draws the same sequence, and every fault is drawn', () => {
    expect(drawSequence(7)).toEqual(drawSequence(7))
    const drawn = new Set(Array.from({ length: 50 }, (_, seed) => drawSequence(seed).map(({ fault }) => fault)).flat())
    expect(drawn.size).toBe(7)
  })

  test.skipIf(skipReason)('two fixed seeds hold the invariants', { timeout: 150_000 }, async () => {
    const results = await runSeeds({ seeds: [1, 2], subnets: [13, 14] })
    expect(results.flatMap(({ violations }) => violations)).toEqual([])
  })
})
