/** What a drill records: the states its writers made one after the other, and what its readers were answered. */

/** A process of an instance; a restarted instance is another process. */
export type ProcessId = string

/**
 * One state of a world. A world has one sequential writer, so its states are totally ordered and each holds from some
 * moment between the sending and the acknowledgement of the mutation that made it until the next one does.
 */
export interface Version {
  /** When the mutation was first sent, in milliseconds of the one clock that all records share. */
  readonly startedMs: number
  /** When it was acknowledged; Infinity when nobody ever learnt whether it committed. */
  readonly ackedMs: number
  /** The process that acknowledged it; null for the initial state and for an unknown outcome. */
  readonly ackedBy: ProcessId | null
  /** Changed by SQL behind the API: nobody deleted anything in Redis, so P2 does not apply. */
  readonly outside?: true
  /** What each user of the world sees in this state, in canonical form. */
  readonly views: ReadonlyMap<string, string>
}

/** One answer; failures are counted elsewhere, they claim nothing about permissions. */
export interface Answer {
  readonly user: string
  readonly process: ProcessId
  readonly startedMs: number
  readonly endedMs: number
  /** The version whose consistency token the reader presented; null when none. */
  readonly tokenVersion: number | null
  /** What was answered, in canonical form. */
  readonly view: string
}

export interface Interval {
  readonly fromMs: number
  readonly toMs: number
}
