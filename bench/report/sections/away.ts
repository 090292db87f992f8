import type { AwayLoad, AwayResult } from '../../suites/away.ts'
import { ms, shares, table, whole } from '../markdown.ts'
import type { Section } from '../section.ts'
import { barChart, thousands } from '../svg.ts'
import { atLeast, type Verdict } from '../verdict.ts'

const SUITE = 'away'
const LEFT = 0.6
const STATEMENTS_PER_SECOND = 600

export function awaySection({ resources, loads, bySql, backAfterMs, failuresMeanwhile }: AwayResult): Section {
  const title = 'Reads per second with Redis and without'
  return {
    verdicts: loads.flatMap((load) => [
      atLeast(`reads with Redis away ÷ with, held lists, ${load.connections} connections`, LEFT, left(load), SUITE),
      statements(load),
    ]),
    text: [
      '### Redis away',
      `64 users' lists of 50 items, each read before, ${whole(resources)} resources; all Redis servers and Sentinels are stopped in the second part and run again in the third. Transactions are those of the instance in PostgreSQL (\`pg_stat_database\`), where a statement by itself is one.`,
      table(
        [
          'connections',
          '',
          'reads/s',
          '÷ with',
          'µs of processor',
          'p50',
          'p99',
          'failures',
          'transactions/s',
          'answered as',
        ],
        loads.flatMap((load) => {
          const baseline = withRedis(load)
          return (['before', 'away', 'after'] as const).map((part) => {
            const { perSecond, serverUs, latencyMs, failures, answeredAs } = load[part]
            return [
              String(load.connections),
              part,
              whole(perSecond.median),
              (perSecond.median / baseline).toFixed(2),
              serverUs ? serverUs.median.toFixed(1) : '',
              ms(latencyMs.p50),
              ms(latencyMs.p99),
              String(failures),
              part === 'away' ? whole(load.transactionsPerSecond) : '',
              shares(answeredAs),
            ]
          })
        }),
      ),
      `By SQL alone, through Prisma, 32 connections get ${whole(bySql.perSecond.median)} reads/s (p50 ${ms(bySql.latencyMs.p50)}). The first answer from Redis came ${ms(backAfterMs)} after its processes were started; ${failuresMeanwhile} answers until then were not 200.`,
    ],
    plots: [
      {
        file: 'away.svg',
        title,
        svg: barChart({
          title,
          bars: loads.flatMap((load) =>
            (['before', 'away', 'after'] as const).map((part) => ({
              label: `${load.connections} connections, ${part}`,
              value: load[part].perSecond.median,
              text: thousands(load[part].perSecond.median),
              highlight: part === 'away',
            })),
          ),
        }),
      },
    ],
  }
}

/** Before and after: what the machine did otherwise is in both. */
const withRedis = ({ before, after }: AwayLoad) => (before.perSecond.median + after.perSecond.median) / 2
const left = (load: AwayLoad) => load.away.perSecond.median / withRedis(load)

function statements({ connections, transactionsPerSecond }: AwayLoad): Verdict {
  return {
    measure: `transactions/s of an instance with Redis away, ${connections} connections`,
    goal: `≤ ${STATEMENTS_PER_SECOND}/s`,
    measured: `${whole(transactionsPerSecond)}/s`,
    reached: transactionsPerSecond <= STATEMENTS_PER_SECOND,
    suite: SUITE,
  }
}
