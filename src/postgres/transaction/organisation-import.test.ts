import { expect, it } from 'vitest'
import { paced } from './organisation-import.ts'

it('tells of an import every so often, and of a short one nothing', () => {
  let nowMs = 100_000
  const told: number[] = []
  const progress = paced(
    2000,
    () => nowMs,
    ({ written }) => told.push(written),
  )
  const wrote = (written: number, afterMs: number) => {
    nowMs += afterMs
    progress({ written, total: 100 })
  }
  wrote(10, 0)
  wrote(20, 1900)
  expect(told).toEqual([])
  wrote(30, 100)
  wrote(40, 1999)
  expect(told).toEqual([30])
  wrote(50, 1)
  expect(told).toEqual([30, 50])
  // The next one, an hour later.
  wrote(10, 3_600_000)
  expect(told).toEqual([30, 50])
})
