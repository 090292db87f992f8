import { standingNamed } from '../../harness/slices.ts'
import { ENDING, ENDLESS, type ExpiryResult } from '../../suites/expiry.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atLeast, atMost } from '../verdict.ts'

const SUITE = 'expiry'
const ms = (value: number) => `${value.toFixed(1)} ms`

export function expirySection({ hits, storm: { ends, before, during } }: ExpiryResult): Section {
  const rate = (name: string) => standingNamed(hits, name).perSecond.median
  const many = ends.toLocaleString('en')
  return {
    verdicts: [
      atLeast('a hit with an end ÷ one without', 0.98, rate(ENDING) / rate(ENDLESS), SUITE),
      atMost(
        `p99 of readers beside ${many} ends in one second ÷ before`,
        2,
        during.unconcernedP99Ms / before.unconcernedP99Ms,
        SUITE,
      ),
      atMost('the same of readers who lose what ends', 2, during.concernedP99Ms / before.concernedP99Ms, SUITE),
      atMost('longest pause meanwhile, in milliseconds', 10, during.longestPauseMs, SUITE),
    ],
    text: [
      '### Access that ends',
      standingTable(hits),
      `${many} grants end in one second. Before it, readers who lose nothing have a p99 of ${ms(before.unconcernedP99Ms)} and those who lose one access after the other ${ms(before.concernedP99Ms)}; in that second ${ms(during.unconcernedP99Ms)} and ${ms(during.concernedP99Ms)}. The longest pause is ${ms(before.longestPauseMs)} before and ${ms(during.longestPauseMs)} in it.`,
    ],
    plots: [],
  }
}
