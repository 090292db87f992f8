/**
 * Reports to operators which history of transactions an instance follows: a restore, a promotion or a restart begins
 * another.
 */
import type { Logger } from '../telemetry/index.ts'

export interface HistoryWatch {
  /** @param identity as `portcullis_database()` has it (docs/adr/0005) */
  follow(identity: string): void
  /** Null before the first read of the log. */
  followed(): { readonly identity: string; readonly since: string } | null
}

export function createHistoryWatch(logger: Logger, nowMs: () => number): HistoryWatch {
  let followed: { readonly identity: string; readonly since: string } | null = null
  return {
    follow(identity) {
      if (followed?.identity === identity) return
      if (followed)
        logger.warn(
          { from: followed.identity, to: identity },
          'the database was restored, promoted or started again: nothing that was cached before is served',
        )
      followed = { identity, since: new Date(nowMs()).toISOString() }
    },
    followed: () => followed,
  }
}
