import { type Standing, standingNamed } from '../../harness/slices.ts'
import { BARE_POST, BATCH, BY_GROUPS, BY_LIST } from '../../suites/evaluation.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atLeast, atMost } from '../verdict.ts'

const SUITE = 'evaluation'

export function evaluationSection(standings: readonly Standing[]): Section {
  const rate = (name: string) => standingNamed(standings, name).perSecond.median
  return {
    verdicts: [
      atLeast(`${BY_LIST} ÷ ${BARE_POST}`, 0.4, rate(BY_LIST) / rate(BARE_POST), SUITE),
      atLeast(`${BY_GROUPS} ÷ ${BARE_POST}`, 0.4, rate(BY_GROUPS) / rate(BARE_POST), SUITE),
      atMost('a batch of 50 ÷ one evaluation, time each', 8, rate(BY_LIST) / rate(BATCH), SUITE),
    ],
    text: ['### Decisions', standingTable(standings)],
    plots: [],
  }
}
