/** Random sequences of kill, stop, restart, partition and wipe. DRILL_SEQUENCES and DRILL_SEED choose others. */
import { expect, test } from 'vitest'
import { runSeeds } from '../support/lane.ts'
import { skipReason } from '../support/live.ts'

const count = Number(process.env.DRILL_SEQUENCES ?? 200)
const first = Number(process.env.DRILL_SEED ?? 1)
const HOUR_MS = 3_600_000

const quantile = (values: number[], q: number): string =>
  `${((values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0) / 1000).toFixed(1)} s`

test.skipIf(skipReason)(
  'no random sequence of faults makes two masters for long, rolls back past a live node, or takes more than 30 s to recover',
  { timeout: 3 * HOUR_MS },
  async () => {
    const seeds = Array.from({ length: count }, (_, i) => first + i)
    const results = await runSeeds({
      seeds,
      subnets: [31, 32, 33, 34],
      progress: ({ seed, servingMs, violations }, done) =>
        console.log(
          `${done} of ${count}: seed ${seed}, recovery ${servingMs} ms${violations.length > 0 ? ' VIOLATED' : ''}`,
        ),
    })
    const serving = results.map(({ servingMs }) => servingMs)
    const whole = results.map(({ wholeMs }) => wholeMs)
    const two = Math.max(...results.map(({ twoMastersMs }) => twoMastersMs))
    console.log(
      `DRILL random order: ${results.length} sequences, recovery p50 ${quantile(serving, 0.5)}, p99 ${quantile(serving, 0.99)}, ` +
        `max ${quantile(serving, 1)}; whole p50 ${quantile(whole, 0.5)}, max ${quantile(whole, 1)}; two masters at most ${two} ms`,
    )
    expect(results.filter(({ violations }) => violations.length > 0)).toEqual([])
  },
)
