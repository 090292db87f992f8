/** Random schedules for fast-check: few writers' steps, many overlapping reads. */
import fc from 'fast-check'
import { OPERATIONS, type Schedule } from './random-schedule.ts'

const bit = fc.constantFrom<0 | 1>(0, 1)

const TICKS = 12

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  writes: fc.array(fc.record({ operation: fc.constantFrom(...OPERATIONS), group: bit, by: bit }), {
    minLength: 1,
    maxLength: 4,
  }),
  readers: fc.array(fc.array(bit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
  evictions: fc.array(fc.constantFrom('entry', 'lease', 'groups-lease', 'generation', 'everything'), { maxLength: 2 }),
})

/** The same with ends, most of them while the schedule runs. */
export const endingSchedules: fc.Arbitrary<Schedule> = fc
  .tuple(
    schedules,
    fc.array(fc.option(fc.integer({ min: 1, max: TICKS }), { nil: undefined, freq: 4 }), {
      minLength: 4,
      maxLength: 4,
    }),
    fc.integer({ min: 1, max: TICKS }),
  )
  .map(([schedule, ends, ticks]) => ({
    ...schedule,
    ticks,
    writes: schedule.writes.map((write, at) => {
      const endsAfterMs = ends[at]
      return endsAfterMs === undefined ? write : { ...write, endsAfterMs }
    }),
  }))
