import { standingNamed } from '../../harness/slices.ts'
import { ENDING, ENDLESS, type ExpiryResult } from '../../suites/expiry.ts'
import type { Storm } from '../../suites/expiry-storm.ts'
import { standingTable } from '../markdown.ts'
import type { Section } from '../section.ts'
import { atLeast, atMost } from '../verdict.ts'

const SUITE = 'expiry'
const ms = (value: number) => `${value.toFixed(1)} ms`

export function expirySection({ hits, inLoops, atHalf }: ExpiryResult): Section {
  const rate = (name: string) => standingNamed(hits, name).perSecond.median
  return {
    verdicts: [
      atLeast('a hit with an end ÷ one without', 0.98, rate(ENDING) / rate(ENDLESS), SUITE),
      ...verdictsOf(inLoops, 'closed loops'),
      ...verdictsOf(atHalf, 'half of that rate'),
    ],
    text: ['### Access that ends', standingTable(hits), told(inLoops), told(atHalf)],
    plots: [],
  }
}

function verdictsOf({ ends, before, during }: Storm, load: string) {
  return [
    atMost(
      `${load}: p99 of readers beside ${many(ends)} ends in one second ÷ before`,
      2,
      during.unconcernedP99Ms / before.unconcernedP99Ms,
      SUITE,
    ),
    atMost(`${load}: the same of readers who lose what ends`, 2, during.concernedP99Ms / before.concernedP99Ms, SUITE),
    atMost(`${load}: longest pause meanwhile, in milliseconds`, 10, during.longestPauseMs, SUITE),
  ]
}

const many = (ends: number) => ends.toLocaleString('en')

function told({ ends, rate, before, during }: Storm): string {
  const load = rate === null ? 'Readers ask in closed loops' : `Readers ask ${many(rate)} times a second`
  return `${load}, and ${many(ends)} grants end in one second. Before it, readers who lose nothing have a p99 of ${ms(before.unconcernedP99Ms)} and those who lose one access after the other ${ms(before.concernedP99Ms)}; in that second ${ms(during.unconcernedP99Ms)} and ${ms(during.concernedP99Ms)}. The longest pause of the instance is ${ms(before.longestPauseMs)} before and ${ms(during.longestPauseMs)} in it; that of the process that makes the load ${ms(before.longestPauseOfLoadMs)} and ${ms(during.longestPauseOfLoadMs)}.`
}
