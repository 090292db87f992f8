/** Random schedules for fast-check: few writers' steps, many overlapping reads. */
import fc from 'fast-check'
import { OPERATIONS, type Schedule } from './random-schedule.ts'

const bit = fc.constantFrom<0 | 1>(0, 1)

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  writes: fc.array(fc.record({ operation: fc.constantFrom(...OPERATIONS), group: bit, by: bit }), {
    minLength: 1,
    maxLength: 4,
  }),
  readers: fc.array(fc.array(bit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
  evictions: fc.array(fc.constantFrom('entry', 'lease', 'groups-lease', 'generation', 'everything'), { maxLength: 2 }),
})
