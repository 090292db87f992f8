import { standingNamed } from '../../harness/slices.ts'
import { BARE_POST, BATCH, BY_GROUPS, BY_LIST, type EvaluationResult } from '../../suites/evaluation.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atLeast, atMost } from '../verdict.ts'

const SUITE = 'evaluation'

export function evaluationSection({ standings, atHalf }: EvaluationResult): Section {
  const p99 = (name: string) => atHalf.find((point) => point.name === name)?.p99Ms ?? Number.NaN
  const at = `at ${Math.round(atHalf[0]?.rate ?? 0).toLocaleString('en')} requests/s`
  const rate = (name: string) => standingNamed(standings, name).perSecond.median
  return {
    verdicts: [
      atLeast(`${BY_LIST} ÷ ${BARE_POST}`, 0.4, rate(BY_LIST) / rate(BARE_POST), SUITE),
      atLeast(`${BY_GROUPS} ÷ ${BARE_POST}`, 0.4, rate(BY_GROUPS) / rate(BARE_POST), SUITE),
      atMost('a batch of 50 ÷ one evaluation, time each', 8, rate(BY_LIST) / rate(BATCH), SUITE),
      atMost(
        `p99 of one evaluation at half its ceiling ÷ bare Express's at the same rate`,
        2,
        p99(BY_LIST) / p99(BARE_POST),
        SUITE,
      ),
    ],
    text: [
      '### Decisions',
      standingTable(standings),
      `Latency ${at}: ${atHalf.map(({ name, p50Ms, p99Ms }) => `${name}, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`).join('; ')}.`,
    ],
    plots: [],
  }
}
