/** What a run of the drill leaves behind: the table, the sum and the files, of all faults so far. */
import { readFileSync, writeFileSync } from 'node:fs'
import { tableOf } from './report.ts'
import type { Summary } from './summary.ts'
import { timelineSvg } from './timeline-svg.ts'

export interface Files {
  readonly json?: string | undefined
  readonly svg?: string | undefined
  readonly table?: string | undefined
}

export interface Results {
  readonly summaries: readonly Summary[]
  /** How the run can be repeated; none where several were merged. */
  readonly seed?: number
  readonly without?: readonly string[]
}

export function writeResults({ json, svg, table }: Files, results: Results): void {
  if (json) writeFileSync(json, JSON.stringify(results))
  if (svg) writeFileSync(svg, timelineSvg(results.summaries))
  if (table) writeFileSync(table, `${textOf(results.summaries)}\n`)
}

export function summariesIn(file: string): readonly Summary[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as Results).summaries
}

export function textOf(summaries: readonly Summary[]): string {
  const sum = (count: (summary: Summary) => number) => summaries.reduce((total, each) => total + count(each), 0)
  const counted = [sum((each) => each.judged), sum((each) => each.mutations)].map((count) => count.toLocaleString('en'))
  const verdict = allKept(summaries) ? 'kept' : 'BROKEN'
  return `${tableOf(summaries)}\n\n${counted[0]} reads judged against ${counted[1]} mutations, ${sum((each) => each.violations)} violations: the promises were ${verdict}`
}

export function allKept(summaries: readonly Summary[]): boolean {
  return summaries.every(({ promisesKept }) => Object.values(promisesKept).every(Boolean))
}
