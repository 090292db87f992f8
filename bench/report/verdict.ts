/** A goal and what was measured: a ratio within one run on one machine, or a bound. */
import { ms, whole } from './markdown.ts'

export interface Verdict {
  readonly measure: string
  readonly goal: string
  readonly measured: string
  readonly reached: boolean
  readonly suite: string
}

export function atLeast(measure: string, least: number, value: number, suite: string): Verdict {
  return { measure, goal: `≥ ${least}`, measured: value.toFixed(2), reached: value >= least, suite }
}

export function atMost(measure: string, most: number, value: number, suite: string): Verdict {
  return { measure, goal: `≤ ${most}`, measured: value.toFixed(2), reached: value <= most, suite }
}

export function perSecond(measure: string, least: number, value: number, suite: string): Verdict {
  return { measure, goal: `≥ ${whole(least)}/s`, measured: `${whole(value)}/s`, reached: value >= least, suite }
}

export function withinMs(measure: string, most: number, value: number, suite: string): Verdict {
  return { measure, goal: `≤ ${whole(most)} ms`, measured: ms(value), reached: value <= most, suite }
}

export function bound(measure: string, most: number, value: number, unit: string, suite: string): Verdict {
  const measured = `${value < 100 ? value.toFixed(1) : whole(value)} ${unit}`
  return { measure, goal: `≤ ${whole(most)} ${unit}`, measured, reached: value <= most, suite }
}
