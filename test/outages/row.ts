/** What a row of the table is: a fault, and what clients may notice of it. */
import type { Environment } from '../drills/environment.ts'
import type { FaultContext } from '../drills/faults/fault.ts'
import type { PhaseFigures } from './phases.ts'

export interface RowContext extends Omit<FaultContext, 'worlds'> {
  /** The moment from which recovery is counted, where it is not the end of the fault. */
  readonly over: () => void
  /** From now on another part of the row, with figures of its own. */
  readonly phase: (name: string) => void
  /** From now on reads carry these headers in place of the row's. */
  readonly send: (headers: Readonly<Record<string, string>>) => void
  /** A figure that belongs to this row alone, for its last column. */
  readonly note: (text: string) => void
}

export interface Row {
  readonly name: string
  readonly title: string
  /** `nothing`: every read is answered 200. `refusals`: PostgreSQL itself is away, 503 with Retry-After is right. */
  readonly clientsMayNotice: 'nothing' | 'refusals'
  /** Reads per second over all instances. */
  readonly perSecond?: number
  readonly holdMs?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Variables that the instances are started with. */
  readonly env?: Readonly<Record<string, string>>
  /** Before the instances start. */
  readonly prepare?: (environment: Environment) => Promise<void>
  /** What its phases say beside each other, for the last column. */
  readonly comparison?: (phases: readonly PhaseFigures[]) => string
  /** Under load, before the fault; what it takes is not counted as the fault's. */
  readonly before?: (context: RowContext) => Promise<void>
  /** Brings the fault about and holds it; what it leaves behind is repaired afterwards by `Environment.restore`. */
  readonly run: (context: RowContext) => Promise<void>
}
