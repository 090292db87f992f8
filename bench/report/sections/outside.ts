import type { LatencyMs } from '../../harness/statistics.ts'
import type { OutsideResult } from '../../suites/outside.ts'
import { ms, table } from '../markdown.ts'
import type { Section } from '../section.ts'
import { withinMs } from '../verdict.ts'

export function outsideSection({ notified, silent, changes }: OutsideResult): Section {
  const verdicts = (which: string, { p99, max }: LatencyMs) => [
    withinMs(`a change by SQL until it is served, ${which}: p99`, 50, p99, 'outside'),
    withinMs(`a change by SQL until it is served, ${which}: max`, 1000, max, 'outside'),
  ]
  const row = (name: string, { p50, p90, p99, max }: LatencyMs) => [name, ms(p50), ms(p90), ms(p99), ms(max)]
  return {
    verdicts: [...verdicts('triggers notify', notified), ...verdicts('triggers may not notify', silent)],
    text: [
      '### Changes by SQL behind the API',
      `From the commit to the first answer that shows it, ${changes.toLocaleString('en')} changes each, one reader in a closed loop. Where triggers may not notify (\`max_prepared_transactions\`), the log is read every 25 ms.`,
      table(
        ['', 'p50', 'p90', 'p99', 'max'],
        [row('triggers notify', notified), row('triggers may not notify', silent)],
      ),
    ],
    plots: [],
  }
}
