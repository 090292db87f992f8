import type { UpdateStanding, UpdatesResult } from '../../suites/updates.ts'
import { ms, percent, shares, table, whole } from '../markdown.ts'
import type { Section } from '../section.ts'
import { lineChart } from '../svg.ts'
import { atLeast, atMost, type Verdict } from '../verdict.ts'

const SUITE = 'updates'
/** Least share of the reads that is left, by updates per second. */
const LEFT: Readonly<Record<number, number>> = { 20: 0.85, 50: 0.7 }
const LEFT_BESIDE = { member: 0.85, grant: 0.75 } as const
const P99_TIMES = 2
/** The last updates of a slice are still on their way when it ends. */
const ALL_BUT_THE_LAST = 0.98

export function updatesSection(results: readonly UpdatesResult[]): Section {
  const title = 'Reads beside updates ÷ reads without'
  const lines = results.map(({ resources, standings }) => ({
    name: `${whole(resources)} resources`,
    points: standings
      .filter(({ changed }) => changed === 'resource')
      .map(({ rate, toFirst }) => [rate, toFirst.throughput.median] as const),
  }))
  return {
    verdicts: results.flatMap(({ resources, standings }) =>
      standings.flatMap((standing) => verdictsOf(standing, standings[0] ?? standing, resources)),
    ),
    text: [
      '### Reads beside changes',
      'Eight closed-loop connections read the lists of 64 users, 50 items each; beside them changes come at a steady rate. A changed resource or grant is in the list of at least one of them; members come and go in another group.',
      table(
        [
          'resources',
          'changes/s',
          'reads/s',
          '÷ without',
          'p50',
          'p99',
          'failures',
          'changes through/s',
          'share',
          'their p50',
          'p99',
          'answered as',
        ],
        results.flatMap(({ resources, standings }) => standings.map((standing) => row(resources, standing))),
      ),
    ],
    plots: [
      {
        file: 'updates.svg',
        title,
        svg: lineChart({ title, x: { label: 'updates per second', scale: 'linear' }, y: { label: 'ratio' }, lines }),
      },
    ],
  }
}

function verdictsOf(standing: UpdateStanding, without: UpdateStanding, resources: number): Verdict[] {
  const { changed, rate, toFirst, latencyMs, changes } = standing
  const left = toFirst.throughput.median
  const at = `${whole(resources)} resources`
  if (changed !== 'resource')
    return [atLeast(`reads beside ${rate} ${changed} changes/s ÷ without, ${at}`, LEFT_BESIDE[changed], left, SUITE)]
  const least = LEFT[rate]
  if (least === undefined) return []
  const through = changes?.share ?? Number.NaN
  return [
    atLeast(`reads beside ${rate} updates/s ÷ without, ${at}`, least, left, SUITE),
    atLeast(`updates that get through of ${rate}/s, ${at}`, ALL_BUT_THE_LAST, through, SUITE),
    ...(rate === 20
      ? [
          atMost(
            `p99 beside ${rate} updates/s ÷ without, ${at}`,
            P99_TIMES,
            latencyMs.p99 / without.latencyMs.p99,
            SUITE,
          ),
        ]
      : []),
  ]
}

function row(resources: number, { changed, rate, changes, ...standing }: UpdateStanding): string[] {
  const { perSecond, toFirst, latencyMs, failures, answeredAs } = standing
  return [
    whole(resources),
    changed === 'resource' ? String(rate) : `${rate} (${changed}s)`,
    whole(perSecond.median),
    toFirst.throughput.median.toFixed(2),
    ms(latencyMs.p50),
    ms(latencyMs.p99),
    String(failures),
    ...(changes
      ? [
          changes.perSecond.median.toFixed(1),
          percent(changes.share),
          ms(changes.latencyMs.p50),
          ms(changes.latencyMs.p99),
        ]
      : ['', '', '', '']),
    shares(answeredAs),
  ]
}
