/** `npm run drill -- schedules [--runs 100000] [--seed N]`: random schedules over the real cache in memory; a failing one prints its seed and steps. */

import fc from 'fast-check'
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import { schedules } from '../races/arbitrary-schedule.ts'
import { runSchedule } from '../races/random-schedule.ts'

const { runs, seed = Date.now() % 2_147_483_647 } = createScript(
  'npm run drill -- schedules',
  'Random schedules over the real cache in memory; a failing one prints its seed and steps.',
)
  .addOption(wholeNumber('--runs <n>', 'how many schedules', { lowest: 1 }).default(100_000))
  .addOption(wholeNumber('--seed <n>', 'repeats a former run'))
  .parse()
  .opts<{ runs: number; seed?: number }>()

/** Checked in portions, so that progress shows and a failure comes early. */
const PORTION = 1000

const startedMs = performance.now()
let reads = 0
for (let done = 0; done < runs; done += PORTION) {
  const property = fc.asyncProperty(fc.scheduler(), schedules, async (scheduler, schedule) => {
    reads += schedule.readers.flat().length
    const unexplained = await runSchedule(scheduler, schedule)
    if (unexplained.length > 0)
      throw new Error(`reads that no committed state explains: ${JSON.stringify(unexplained)}`)
  })
  const result = await fc.check(property, { numRuns: Math.min(PORTION, runs - done), seed: seed + done })
  if (result.failed) {
    console.error(fc.defaultReportMessage(result))
    process.exit(1)
  }
  const seconds = (performance.now() - startedMs) / 1000
  console.log(
    `${Math.min(done + PORTION, runs)} schedules, ${reads} reads judged, 0 unexplained, ${seconds.toFixed(0)} s`,
  )
}
console.log(`seed ${seed}: every read of ${runs} schedules is explained`)
