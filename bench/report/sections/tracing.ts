import { type Standing, standingNamed } from '../../harness/slices.ts'
import { OFF, OFF_AGAIN, SAMPLED } from '../../suites/tracing.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atMost } from '../verdict.ts'

export function tracingSection(standings: readonly Standing[]): Section {
  const cost = (name: string) => {
    const { serverUs, perSecond } = standingNamed(standings, name)
    return serverUs?.median ?? 1 / perSecond.median
  }
  const without = (cost(OFF) + cost(OFF_AGAIN)) / 2
  const measure = 'a hit with one request in a hundred traced ÷ without traces (mean of two instances), processor time'
  return {
    verdicts: [atMost(measure, 1.03, cost(SAMPLED) / without, 'tracing')],
    text: ['### Traces', standingTable(standings)],
    plots: [],
  }
}
