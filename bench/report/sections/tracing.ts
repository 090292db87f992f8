import { mean } from 'simple-statistics'
import { type Standing, standingNamed } from '../../harness/slices.ts'
import { INSTANCES, instanceOf, OFF, SAMPLED } from '../../suites/tracing.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atMost } from '../verdict.ts'

export function tracingSection(standings: readonly Standing[]): Section {
  const costOf = (name: string) => {
    const { serverUs, perSecond } = standingNamed(standings, name)
    return serverUs?.median ?? 1 / perSecond.median
  }
  const cost = (name: string) => mean(Array.from({ length: INSTANCES }, (_, at) => costOf(instanceOf(name, at))))
  const measure = `a hit with one request in a hundred traced ÷ without traces (means of ${INSTANCES} instances), processor time`
  return {
    verdicts: [atMost(measure, 1.03, cost(SAMPLED) / cost(OFF), 'tracing')],
    text: ['### Traces', standingTable(standings)],
    plots: [],
  }
}
