import type { PoolerResult } from '../../suites/pooler.ts'
import type { Section } from '../section.ts'
import { atLeast } from '../verdict.ts'

export function poolerSection({ rows }: PoolerResult): Section {
  const lines = rows.map(
    ({ name, bare, served }) =>
      `| ${name} | ${Math.round(bare.direct)}/s | ${Math.round(bare.pooled)}/s | ${(bare.pooled / bare.direct).toFixed(2)} | ${Math.round(served.direct)}/s | ${Math.round(served.pooled)}/s | ${(served.pooled / served.direct).toFixed(2)} |`,
  )
  return {
    verdicts: rows.flatMap(({ name, bare, served }) => [
      atLeast(`${name} through PgBouncer ÷ direct`, 0.9, served.pooled / served.direct, 'pooler'),
      atLeast(
        `the same ÷ what bare pg keeps of its own rate`,
        0.9,
        served.pooled / served.direct / (bare.pooled / bare.direct),
        'pooler',
      ),
    ]),
    text: [
      '### Through PgBouncer in transaction mode',
      [
        '| | bare pg, direct | through PgBouncer | ratio | service, direct | through PgBouncer | ratio |',
        '| --- | --- | --- | --- | --- | --- | --- |',
        ...lines,
      ].join('\n'),
    ],
    plots: [],
  }
}
