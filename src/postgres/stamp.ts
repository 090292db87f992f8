/** The SQL that stamps a load, and its result: which database, at which snapshot. */
import { parseSnapshot, type Stamp } from '../cache/index.ts'

/** Selected in the same statement, or the same REPEATABLE READ transaction, as what it stamps. */
export const STAMP_COLUMNS = 'portcullis_database() AS database, pg_current_snapshot()::text AS snapshot'

export interface StampColumns {
  readonly database: string
  readonly snapshot: string
}

export function stampOf({ database, snapshot }: StampColumns): Stamp {
  return { database, snapshot: parseSnapshot(snapshot) }
}
