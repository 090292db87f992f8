import { type Standing, standingNamed } from '../../harness/slices.ts'
import { WATCHED } from '../../suites/consoles.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atLeast } from '../verdict.ts'

export function consolesSection(standings: readonly Standing[]): Section {
  // Processor time of the whole instance, so what the consoles themselves ask for counts against the hits.
  const { processor, throughput } = standingNamed(standings, WATCHED).toFirst
  const ratio = (processor ?? throughput).median
  return {
    verdicts: [atLeast('hits with three consoles open ÷ without', 0.95, ratio, 'consoles')],
    text: ['### With consoles open', standingTable(standings)],
    plots: [],
  }
}
