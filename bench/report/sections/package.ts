import { type Standing, standingNamed } from '../../harness/slices.ts'
import { BENTOCACHE, PACKAGE } from '../../suites/package.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atLeast } from '../verdict.ts'

export function packageSection(standings: readonly Standing[]): Section {
  // Both only compute: processor time is the same ratio on a quiet machine, and a steadier one on a busy machine.
  const { processor, throughput } = standingNamed(standings, PACKAGE).toFirst
  const ratio = (processor ?? throughput).median
  return {
    verdicts: [atLeast(`${PACKAGE} ÷ ${BENTOCACHE}, the same handler`, 1.5, ratio, 'package')],
    text: ['### The cache as a package', standingTable(standings)],
    plots: [],
  }
}
