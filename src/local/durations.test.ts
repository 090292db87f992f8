import { expect, it } from 'vitest'
import { parseSeconds } from './durations.ts'

it.each([
  ['90s', 90],
  ['15m', 900],
  ['1h', 3_600],
  ['7d', 604_800],
  ['30', 30],
])('%s is %d seconds', (text, seconds) => {
  expect(parseSeconds(text)).toBe(seconds)
})

it.each(['', '0', '0h', '-1h', '1.5h', '1w', 'h', '1 h', '1h30m'])('%j is not a duration', (text) => {
  expect(parseSeconds(text)).toBeNull()
})
