/** What all processes of one schedule share, and the step at which they hand over to each other. */
import type { Chooser } from './chooser.ts'
import type { Database } from './database.ts'
import type { Judge } from './judge.ts'
import type { Off } from './protections.ts'
import type { SharedStore } from './shared-store.ts'

/** Between two steps anything may happen; a condition must hold before the process goes on. */
export type Step = (() => boolean) | null
export type Steps<T> = Generator<Step, T, void>

export interface World {
  readonly db: Database
  readonly store: SharedStore
  readonly judge: Judge
  readonly chooser: Chooser
  readonly off: Off
  /** Whether answers travel: a step between a command's effect and its reply. Left out where everything is enumerated. */
  readonly repliesTravel: boolean
  /** How long an instance trusts what it knows without a successful read of the log, in steps. */
  readonly trustSteps: number
  /** How many ids an instance remembers of one tag. */
  readonly idsPerTag: number
  /** Steps taken so far. */
  now: number
  trace?: string[]
}
