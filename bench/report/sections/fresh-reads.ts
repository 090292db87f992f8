import type { FreshReadsResult } from '../../suites/fresh-reads.ts'
import { ms, table, whole } from '../markdown.ts'
import type { Section } from '../section.ts'
import { lineChart } from '../svg.ts'
import { atMost, withinMs } from '../verdict.ts'

const SUITE = 'fresh-reads'

export function freshReadsSection(results: readonly FreshReadsResult[]): Section {
  const [smallest, largest] = [results[0], results.at(-1)]
  if (!smallest || !largest) return { verdicts: [], text: [], plots: [] }
  const at = `${whole(largest.resources)} resources`
  const title = 'The read after one update, by catalogue size'
  return {
    verdicts: [
      withinMs(`fresh read after one update, ${at}, p50`, 5, largest.readMs.p50, SUITE),
      atMost(
        `fresh read after one update, ${at} ÷ ${whole(smallest.resources)}, p50`,
        1.2,
        largest.readMs.p50 / smallest.readMs.p50,
        SUITE,
      ),
    ],
    text: [
      '### The read after an update',
      'One user, one change to what they see, and the read that presents its token.',
      table(
        ['resources', 'read p50', 'p90', 'p99', 'the change p50', 'p99'],
        results.map(({ resources, readMs, changeMs }) => [
          whole(resources),
          ...[readMs.p50, readMs.p90, readMs.p99, changeMs.p50, changeMs.p99].map(ms),
        ]),
      ),
    ],
    plots: [
      {
        file: 'fresh-reads.svg',
        title,
        svg: lineChart({
          title,
          x: { label: 'resources in the catalogue', scale: 'log' },
          y: { label: 'ms' },
          lines: [
            { name: 'p50', points: results.map(({ resources, readMs }) => [resources, readMs.p50] as const) },
            { name: 'p90', points: results.map(({ resources, readMs }) => [resources, readMs.p90] as const) },
          ],
        }),
      },
    ],
  }
}
