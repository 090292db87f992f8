/** The table of a drill, for people. */
import type { Summary } from './summary.ts'

const ms = (value: number) => (value === 0 ? '0' : value < 10 ? value.toFixed(1) : value.toFixed(0))

export const COLUMNS: readonly { readonly head: string; readonly cell: (summary: Summary) => string }[] = [
  { head: 'fault', cell: ({ fault }) => fault },
  { head: 'reads judged', cell: ({ judged }) => judged.toLocaleString('en') },
  { head: 'mutations', cell: ({ mutations }) => mutations.toLocaleString('en') },
  { head: 'violations', cell: ({ violations }) => String(violations) },
  { head: 'stale', cell: ({ stale }) => String(stale) },
  { head: 'visible after p99 / max ms', cell: (s) => `${ms(s.visibleAfterP99Ms)} / ${ms(s.worstStaleMs)}` },
  { head: '5xx', cell: ({ serverErrors }) => String(serverErrors) },
  { head: 'cut off', cell: ({ unanswered: { refused, cut, silent } }) => String(refused + cut + silent) },
  { head: 'available', cell: ({ availability }) => `${(availability * 100).toFixed(availability === 1 ? 0 : 3)} %` },
  { head: 'p50 / p99 ms', cell: ({ p50Ms, p99Ms }) => `${ms(p50Ms)} / ${ms(p99Ms)}` },
  {
    head: 'hits back after s',
    cell: ({ hitsBackAfterMs: back }) => (back === null ? 'not' : (back / 1000).toFixed(2)),
  },
  {
    head: 'P1 P2 P3 P4',
    cell: ({ promisesKept }) =>
      Object.values(promisesKept)
        .map((kept) => (kept ? '✓' : '✗'))
        .join(' '),
  },
]

/** As Markdown that lines up in a terminal too. */
export function tableOf(summaries: readonly Summary[]): string {
  const rows = [
    COLUMNS.map(({ head }) => head),
    ...summaries.map((summary) => COLUMNS.map(({ cell }) => cell(summary))),
  ]
  return markdown(rows)
}

export function markdown(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join('\n')
}

/** What is needed to look into a violation. */
export function explain({ fault, examples, errors, brokenBy }: Summary): string {
  const lines = examples.map(({ judgement, read, expected }) => {
    const { answer, instance, outcome, detail } = read
    const what =
      judgement.kind === 'stale' ? `${judgement.promise}, ${ms(judgement.staleMs)} ms stale` : 'no state explains it'
    const how = `${answer?.user} on instance ${instance + 1} (${outcome}${detail === null ? '' : `, ${detail}`})`
    return `  ${what}; ${how}\n    answered ${answer?.view}\n    expected ${expected ?? '?'}`
  })
  const failures = errors
    .slice(0, 5)
    .map(
      ({ atMs, instance, tookMs, type }) =>
        `  at ${(atMs / 1000).toFixed(3)} s: ${type} from instance ${instance + 1} after ${ms(tookMs)} ms`,
    )
  return [`${fault}: ${JSON.stringify(brokenBy)}, ${errors.length} errors`, ...lines, ...failures].join('\n')
}
