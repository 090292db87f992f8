import { type Standing, standingNamed } from '../../harness/slices.ts'
import { BENTOCACHE, PACKAGE } from '../../suites/package.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atLeast } from '../verdict.ts'

export function packageSection(standings: readonly Standing[]): Section {
  const rate = (name: string) => standingNamed(standings, name).perSecond.median
  return {
    verdicts: [
      atLeast(`${PACKAGE} ÷ ${BENTOCACHE}, the same handler`, 1.5, rate(PACKAGE) / rate(BENTOCACHE), 'package'),
    ],
    text: ['### The cache as a package', standingTable(standings)],
    plots: [],
  }
}
