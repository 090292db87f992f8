/**
 * Random sequences of kill, stop, restart, partition and wipe, beside the service, which is read and changed all the time:
 * DRILL_SEQUENCES of them (200), from DRILL_SEED (1) on, in DRILL_LANES at once (8); a part of them is a range of seeds. DRILL_LOG names a file that gets the verdict of each seed.
 */
import { appendFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type LaneResult, runSeeds } from '../support/lane.ts'
import { skipReason } from '../support/live.ts'

const count = Number(process.env.DRILL_SEQUENCES ?? 200)
const first = Number(process.env.DRILL_SEED ?? 1)
const lanes = Number(process.env.DRILL_LANES ?? 8)
const logFile = process.env.DRILL_LOG
const HOUR_MS = 3_600_000

const quantile = (values: number[], q: number): string =>
  `${((values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0) / 1000).toFixed(1)} s`

function record(result: LaneResult, done: number): void {
  const { seed, servingMs, reads, violations } = result
  console.log(
    `${done} of ${count}: seed ${seed}, recovery ${servingMs} ms, ${reads} reads${violations.length > 0 ? ' VIOLATED' : ''}`,
  )
  if (logFile) appendFileSync(logFile, `${JSON.stringify(result)}\n`)
}

test.skipIf(skipReason)(
  'no random sequence of faults fails a read, makes two masters for long, rolls back past a live node, or takes more than 30 s to recover',
  { timeout: 3 * HOUR_MS },
  async () => {
    const results = await runSeeds({
      seeds: Array.from({ length: count }, (_, i) => first + i),
      subnets: Array.from({ length: lanes }, (_, i) => 31 + i),
      served: true,
      progress: record,
    })
    const serving = results.map(({ servingMs }) => servingMs)
    const whole = results.map(({ wholeMs }) => wholeMs)
    const two = Math.max(...results.map(({ twoMastersMs }) => twoMastersMs))
    const reads = results.reduce((sum, one) => sum + one.reads, 0)
    const slowest = Math.max(...results.map(({ slowestReadMs }) => slowestReadMs))
    const held = results.filter(({ heldAlive }) => heldAlive).length
    console.log(
      `DRILL random order over ${results[0]?.network}: ${results.length} sequences, recovery p50 ${quantile(serving, 0.5)}, p99 ${quantile(serving, 0.99)}, ` +
        `max ${quantile(serving, 1)}; whole p50 ${quantile(whole, 0.5)}, max ${quantile(whole, 1)}; two masters at most ${two} ms; ` +
        `a live node held what could have been lost in ${held}; ` +
        `${reads} reads, slowest ${slowest} ms`,
    )
    expect(results.flatMap(({ seed, violations }) => violations.map((one) => `seed ${seed}: ${one}`))).toEqual([])
  },
)
