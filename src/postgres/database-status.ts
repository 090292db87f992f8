/**
 * What is wrong with the database and since when. Each reason is reported once when it begins and once when it ends.
 */
import { DomainError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/model.ts'
import { codeOf, failureOf } from './failures.ts'

export interface DatabaseTrouble {
  /** SQLSTATE, or the code of the operating system or the driver. */
  readonly code: string
  readonly reason: string
  readonly since: Date
  readonly lastAt: Date
  readonly count: number
}

export interface DatabaseStatus {
  succeeded(): void
  /** Returns whether it is a failure of the database; any other error is ignored. */
  failed(error: unknown): boolean
  /** For people. It leaves out the server's own message, which may name hosts, roles or values. */
  describe(): JsonObject
}

export interface DatabaseStatusOptions {
  readonly nowMs: () => number
  readonly onBegan: (trouble: DatabaseTrouble, cause: unknown) => void
  readonly onEnded: (trouble: DatabaseTrouble) => void
}

/** Other statements may succeed while one is refused, so a refusal counts as over only after this long without it, in milliseconds. */
const QUIET_MS = 30_000

export function createDatabaseStatus({ nowMs, onBegan, onEnded }: DatabaseStatusOptions): DatabaseStatus {
  /** By code; `unreachable` stands for all failures in which no question could be asked. */
  const troubles = new Map<string, DatabaseTrouble & { readonly unreachable: boolean }>()
  let answeredAtMs: number | null = null

  function end(over: (trouble: DatabaseTrouble & { readonly unreachable: boolean }) => boolean): void {
    for (const [code, trouble] of troubles) {
      if (!over(trouble)) continue
      troubles.delete(code)
      onEnded(trouble)
    }
  }

  const endQuiet = () => end(({ lastAt }) => nowMs() - lastAt.getTime() > QUIET_MS)

  return {
    succeeded() {
      answeredAtMs = nowMs()
      if (troubles.size === 0) return
      end(({ unreachable }) => unreachable)
      endQuiet()
    },
    failed(error) {
      const cause = error instanceof DomainError ? error.cause : error
      const failure = failureOf(cause)
      if (!failure) return false
      endQuiet()
      const code = codeOf(cause) || 'timeout'
      const now = new Date(nowMs())
      const known = troubles.get(code)
      const trouble = {
        code,
        reason: failure.message,
        since: known?.since ?? now,
        lastAt: now,
        count: (known?.count ?? 0) + 1,
        unreachable: !failure.answered,
      }
      troubles.set(code, trouble)
      if (!known) onBegan(trouble, cause)
      return true
    },
    describe() {
      endQuiet()
      const unreachable = [...troubles.values()].filter((trouble) => trouble.unreachable)
      const since = Math.min(...unreachable.map((trouble) => trouble.since.getTime()))
      return {
        reachable: answeredAtMs !== null && unreachable.length === 0,
        ...(unreachable.length > 0 && { unreachableSince: new Date(since).toISOString() }),
        lastAnswerAt: answeredAtMs === null ? null : new Date(answeredAtMs).toISOString(),
        troubles: [...troubles.values()].map(({ code, reason, since: from, lastAt, count }) => ({
          code,
          reason,
          since: from.toISOString(),
          lastAt: lastAt.toISOString(),
          count,
        })),
      }
    },
  }
}
