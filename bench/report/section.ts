/** What a suite contributes to the page. */
import type { Verdict } from './verdict.ts'

export interface Section {
  readonly verdicts: readonly Verdict[]
  /** Paragraphs and tables, its heading first. */
  readonly text: readonly string[]
  readonly plots: readonly Plot[]
}

export interface Plot {
  readonly file: string
  readonly title: string
  readonly svg: string
}
