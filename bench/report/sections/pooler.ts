import type { PoolerResult } from '../../suites/pooler.ts'
import type { Section } from '../section.ts'
import { atLeast } from '../verdict.ts'

export function poolerSection({ version, rows }: PoolerResult): Section {
  const rate = (perSecond: number | undefined) => (perSecond === undefined ? '' : `${Math.round(perSecond)}/s`)
  const lines = rows.map(({ name, bare, served }) => {
    const cells = [
      name,
      ...[rate(bare.direct), rate(bare.pooled), (bare.pooled / bare.direct).toFixed(2)],
      ...[rate(served.direct), rate(served.unnamed), rate(served.pooled), (served.pooled / served.direct).toFixed(2)],
    ]
    return `| ${cells.join(' | ')} |`
  })
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
      `### Through ${version ?? 'PgBouncer'} in transaction mode`,
      [
        '| | bare pg, direct | through it | ratio | service, direct | direct, statements without names | through it | ratio |',
        '| --- | --- | --- | --- | --- | --- | --- | --- |',
        ...lines,
      ].join('\n'),
    ],
    plots: [],
  }
}
