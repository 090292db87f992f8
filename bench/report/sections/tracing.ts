import { type Standing, standingNamed } from '../../harness/slices.ts'
import { SAMPLED } from '../../suites/tracing.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atLeast } from '../verdict.ts'

export function tracingSection(standings: readonly Standing[]): Section {
  const { toFirst } = standingNamed(standings, SAMPLED)
  const left = (toFirst.processor ?? toFirst.throughput).median
  return {
    verdicts: [
      atLeast('hits with one in a hundred traced ÷ without traces, per processor time', 0.97, left, 'tracing'),
    ],
    text: ['### Traces', standingTable(standings)],
    plots: [],
  }
}
