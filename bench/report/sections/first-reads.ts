import { standingNamed } from '../../harness/slices.ts'
import { BY_SQL, type FirstReadsResult, THROUGH_CACHE } from '../../suites/first-reads.ts'
import { ms, shares, table, whole } from '../markdown.ts'
import type { Section } from '../section.ts'
import { lineChart } from '../svg.ts'
import { atLeast, withinMs } from '../verdict.ts'

const SUITE = 'first-reads'
const MOST_AT_ONCE = 16
/** The sizes that the goals are set for. */
const JUDGED = [1000, 10_000]

export function firstReadsSection(results: readonly FirstReadsResult[]): Section {
  const cached = results.map(({ standings, ...at }) => ({ ...at, standing: standingNamed(standings, THROUGH_CACHE) }))
  const judged = cached.filter(({ resources }) => JUDGED.includes(resources))
  const title = 'First reads per second through the cache ÷ by SQL'
  const lines = [...new Set(cached.map(({ resources }) => resources))].map((resources) => ({
    name: `${whole(resources)} resources`,
    points: cached
      .filter((each) => each.resources === resources)
      .map(({ atOnce, standing }) => [atOnce, standing.toFirst.throughput.median] as const),
  }))
  return {
    verdicts: judged.flatMap(({ resources, atOnce, standing }) => [
      ...(atOnce === MOST_AT_ONCE
        ? [
            atLeast(
              `first reads/s through the cache ÷ by SQL, ${atOnce} at once, ${whole(resources)} resources`,
              1.5,
              standing.toFirst.throughput.median,
              SUITE,
            ),
          ]
        : []),
      ...(atOnce === 1
        ? [withinMs(`a miss, one at a time, ${whole(resources)} resources, p50`, 2, standing.latencyMs.p50, SUITE)]
        : []),
    ]),
    text: [
      '### First reads',
      'Each read is the first of another user, who sees 50 resources; beside it the same users by the one SQL statement.',
      table(
        ['resources', 'at once', '', 'reads/s', '÷ by SQL', 'p50', 'p99', 'failures', 'answered as'],
        results.flatMap(({ resources, atOnce, standings }) =>
          [BY_SQL, THROUGH_CACHE].map((name) => {
            const { perSecond, toFirst, latencyMs, failures, answeredAs } = standingNamed(standings, name)
            return [
              whole(resources),
              String(atOnce),
              name,
              whole(perSecond.median),
              toFirst.throughput.median.toFixed(2),
              ms(latencyMs.p50),
              ms(latencyMs.p99),
              String(failures),
              shares(answeredAs),
            ]
          }),
        ),
      ),
    ],
    plots: [
      {
        file: 'first-reads.svg',
        title,
        svg: lineChart({ title, x: { label: 'first reads at once', scale: 'log' }, y: { label: 'ratio' }, lines }),
      },
    ],
  }
}
