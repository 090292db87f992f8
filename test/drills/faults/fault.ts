/** What a fault is to the drill. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Part } from '../build/parts.ts'
import type { Environment } from '../environment.ts'
import type { Random } from '../random.ts'
import type { World } from '../world.ts'

export interface FaultContext {
  readonly environment: Environment
  readonly random: Random
  /** The organisations that are read and written meanwhile. */
  readonly worlds: readonly World[]
  /** How long the fault is held, in milliseconds. */
  readonly holdMs: number
  /** Names a moment for the timeline. */
  readonly mark: (name: string) => void
}

export interface Fault {
  readonly name: string
  /** As it reads in the table. */
  readonly title: string
  /** What clients may notice besides waiting: `nothing` for whatever happens to Redis. */
  readonly clientsMayNotice: 'nothing' | 'instances-ending' | 'database-away'
  /** The fault leaves Redis alone, so that P2 is asked for throughout. */
  readonly redisStaysHealthy?: true
  /** Writers that never rest, where pairs of mutations close together are the hazard. */
  readonly restlessWriters?: true
  /** Parts of the drill's own build that the fault needs. */
  readonly parts?: readonly Part[]
  /** The same for single instances. */
  readonly ownParts?: Readonly<Partial<Record<number, readonly Part[]>>>
  /** Writers beside those of the API: their SQL is told by a flush, or by nobody but the database's triggers. */
  readonly outsideWriters?: 'flush' | 'triggers'
  /** Variables that the instances are started with. */
  readonly env?: Readonly<Record<string, string>>
  /** Why it cannot be staged here; null when it can. */
  readonly missing?: (environment: () => Promise<Environment>) => Promise<string | null>
  /** Brings the fault about and holds it; whatever it leaves behind is repaired afterwards by `Environment.restore`. */
  readonly run: (context: FaultContext) => Promise<void>
}

export const hold = (ms: number): Promise<void> => sleep(ms)

export const INSTANCES = [0, 1, 2] as const
