/** Every response of one fault, as it came. */
import type { Answer, Version } from './history.ts'
import type { HttpFailure } from './http-connection.ts'

export type Outcome = 'hit' | 'miss' | 'bypass' | 'error' | HttpFailure

export interface Read {
  readonly instance: number
  readonly startedMs: number
  readonly endedMs: number
  readonly outcome: Outcome
  readonly status: number
  /** The word after `detail=` of `Cache-Status`; of an error, its problem type. */
  readonly detail: string | null
  readonly world: number
  /** What was answered; null when there was no answer. */
  readonly answer: Answer | null
}

export interface Attempt {
  readonly instance: number
  readonly startedMs: number
  readonly endedMs: number
  /** HTTP status, or how the connection failed. */
  readonly outcome: number | HttpFailure
}

export interface Mark {
  readonly name: string
  readonly atMs: number
}

export interface Recording {
  readonly reads: Read[]
  readonly attempts: Attempt[]
  readonly marks: Mark[]
  /** By world: its states in order. */
  readonly versions: (readonly Version[])[]
}

export interface WorldRecord {
  readonly versions: Version[]
  /** The newest acknowledged version with the token that its mutation returned. */
  token: { readonly version: number; readonly text: string } | null
}

const SICK = /^(redis|breaker|replica|log|token)/

/** Whether the answer itself tells that its instance could not use the cache as usual, or that there was none. */
export function saysSick({ outcome, detail }: Read): boolean {
  if (outcome !== 'hit' && outcome !== 'miss') return true
  return detail !== null && SICK.test(detail)
}
