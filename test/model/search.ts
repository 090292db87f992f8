/** Looks for a schedule that breaks a promise: by seeds, or by trying every order of steps. */
import { enumerateChoices, seededChooser } from './chooser.ts'
import type { Violation } from './judge.ts'
import type { Off } from './protections.ts'
import { type Scenario, simulate } from './simulator.ts'

export interface Found {
  /** What brings the schedule back: a seed, or the number of the enumerated schedule. */
  readonly seed: number
  readonly violation: Violation
}

export interface Search {
  readonly schedules: number
  readonly reads: number
  readonly found: Found | null
  /** For enumerations: nothing was left to try. */
  readonly exhausted: boolean
}

export interface Bounds {
  readonly from?: number
  readonly schedules: number
  readonly untilMs?: number
}

export function searchSeeds(scenario: Scenario, off: Off, { from = 1, schedules, untilMs }: Bounds): Search {
  let reads = 0
  for (let done = 0; done < schedules; done++) {
    if (untilMs !== undefined && Date.now() > untilMs) return { schedules: done, reads, found: null, exhausted: false }
    const seed = from + done
    const outcome = simulate(scenario, seededChooser(seed), off)
    reads += outcome.reads
    if (outcome.violation) {
      return { schedules: done + 1, reads, found: { seed, violation: outcome.violation }, exhausted: false }
    }
  }
  return { schedules, reads, found: null, exhausted: false }
}

export function searchAll(scenario: Scenario, off: Off, { schedules, untilMs }: Bounds): Search {
  const { chooser, advance } = enumerateChoices()
  let reads = 0
  for (let done = 1; ; done++) {
    const outcome = simulate(scenario, chooser, off)
    reads += outcome.reads
    if (outcome.violation) {
      return { schedules: done, reads, found: { seed: done, violation: outcome.violation }, exhausted: false }
    }
    if (!advance()) return { schedules: done, reads, found: null, exhausted: true }
    if (done >= schedules || (untilMs !== undefined && Date.now() > untilMs)) {
      return { schedules: done, reads, found: null, exhausted: false }
    }
  }
}

/** The steps of one seeded schedule, for people. */
export function traceOf(scenario: Scenario, off: Off, seed: number): string[] {
  const steps: string[] = []
  const { violation } = simulate(scenario, seededChooser(seed), off, steps)
  return violation ? [...steps, `${violation.promise}: ${violation.what}`] : steps
}
