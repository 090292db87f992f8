import { standingNamed } from '../../harness/slices.ts'
import {
  type MixtureResult,
  PACED_CHANGES,
  READS_BESIDE_CHANGES,
  READS_BESIDE_PACED_CHANGES,
} from '../../suites/mixture.ts'
import { ms, table, whole } from '../markdown.ts'
import type { Section } from '../section.ts'
import { perSecond, withinMs } from '../verdict.ts'

const SUITE = 'mixture'
/** Four times what the service did before changes were followed by the log (380 and 19 per second). */
const READS_PER_SECOND = 1520
const P99_MS = 100

export function mixtureSection({ instances, readers, writers, standings }: MixtureResult): Section {
  const beside = standingNamed(standings, READS_BESIDE_CHANGES)
  const paced = standings.find(({ name }) => name === READS_BESIDE_PACED_CHANGES)
  const of = `a mixture of everything, ${instances} instances`
  return {
    verdicts: [
      perSecond(`${of}: reads`, READS_PER_SECOND, beside.perSecond.median, SUITE),
      perSecond(`${of}: changes`, PACED_CHANGES, beside.changes?.perSecond.median ?? Number.NaN, SUITE),
      withinMs(`${of}: p99 of the reads`, P99_MS, beside.latencyMs.p99, SUITE),
      ...(paced
        ? [perSecond(`${of}: reads beside ${PACED_CHANGES} changes/s`, READS_PER_SECOND, paced.perSecond.median, SUITE)]
        : []),
    ],
    text: [
      '### A mixture of everything',
      `${instances} instances of a small organisation, load, PostgreSQL and Redis on the same processors; ${readers} connections ask all kinds of reads and ${writers} make all kinds of changes, each as soon as it has its answer, or held at a rate.`,
      table(
        ['', 'reads/s', '÷ alone', 'p50', 'p99', 'max', 'failures', 'changes/s', 'their p50', 'p99', 'max', 'statuses'],
        standings.map(({ name, perSecond: reads, toFirst, latencyMs, failures, changes }) => [
          name,
          whole(reads.median),
          toFirst.throughput.median.toFixed(2),
          ms(latencyMs.p50),
          ms(latencyMs.p99),
          ms(latencyMs.max),
          String(failures),
          ...(changes
            ? [
                changes.perSecond.median.toFixed(1),
                ms(changes.latencyMs.p50),
                ms(changes.latencyMs.p99),
                ms(changes.latencyMs.max),
                statuses(changes.statuses),
              ]
            : ['', '', '', '', '']),
        ]),
      ),
    ],
    plots: [],
  }
}

const statuses = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ')
