/** Notices what administrators do to a database behind the service's back: a restore, or disabled triggers. */
import { removeForeignHistory } from '../postgres/foreign-history.ts'
import type { Database } from '../postgres/pool.ts'
import { findSilentTables } from '../postgres/silent-tables.ts'
import type { Logger } from '../telemetry/index.ts'

export interface DatabaseInspection {
  /** Removes rows of another history from the log, and tells of tables whose triggers are off, once per change. */
  run(): Promise<void>
  found(): {
    /** Removed since the start. */
    readonly foreignRemoved: { readonly rows: number; readonly checkpoints: number }
    readonly silentTables: readonly string[]
  }
}

export function createDatabaseInspection(database: Database, logger: Logger): DatabaseInspection {
  const foreignRemoved = { rows: 0, checkpoints: 0 }
  let silentTables: readonly string[] = []
  return {
    async run() {
      const removed = await removeForeignHistory(database)
      foreignRemoved.rows += removed.rows
      foreignRemoved.checkpoints += removed.checkpoints
      if (removed.rows + removed.checkpoints > 0)
        logger.warn(removed, 'removed rows of another history from the log, as a restored database has them')
      const silent = await findSilentTables(database)
      if (silent.join() !== silentTables.join())
        logger.warn(
          { tables: silent },
          'tables whose triggers do not tell of changes by SQL; enable them, then flush all',
        )
      silentTables = silent
    },
    found: () => ({ foreignRemoved: { ...foreignRemoved }, silentTables }),
  }
}
