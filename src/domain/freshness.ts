/** Whether a read may use the cache on its caller's terms. Whether the cache may be trusted, its layers know. */
import type { Committed, InvalidationIndex, LogFollower } from '../cache/index.ts'
import type { ReadContext } from './api.ts'
import { decodeConsistencyToken, isOfHistory } from './consistency-token.ts'
import { DomainError } from './errors.ts'

export interface Freshness {
  /**
   * Null when the cache may answer; else the word for `Cache-Status`. Waits a bounded time for the log position to cover
   * the caller's token.
   * @throws DomainError for a token that is malformed or of another database history
   */
  reasonToBypass(context: ReadContext): Promise<string | null>
  /** For reads that are never cached: they cover every token, but a wrong one is refused there too. @throws DomainError */
  checkToken(context: ReadContext): Promise<void>
}

export interface FreshnessOptions {
  readonly index: InvalidationIndex
  readonly follower: LogFollower
  /** How long a read waits for its token to be covered, in milliseconds. */
  readonly tokenWaitMs: number
}

export function createFreshness({ index, follower, tokenWaitMs }: FreshnessOptions): Freshness {
  /** This instance may itself be in a former history, so the log is read before a token is refused. */
  async function isOfThisHistory(mutation: Committed): Promise<boolean> {
    if (isOfHistory(mutation, index.position)) return true
    const asked = await follower.refresh(tokenWaitMs)
    if (asked && !isOfHistory(mutation, index.position))
      throw new DomainError(
        'token-other-history',
        'the consistency token was issued by another history of the database (it was restored or failed over); read without it',
      )
    return asked
  }

  return {
    async reasonToBypass({ after, bypass }) {
      const mutation = after === undefined ? null : decodeConsistencyToken(after)
      const known = mutation === null || (await isOfThisHistory(mutation))
      if (bypass) return 'request'
      if (mutation === null || (known && (await follower.waitFor(mutation, tokenWaitMs)))) return null
      return 'token-not-covered'
    },
    async checkToken({ after }) {
      if (after !== undefined) await isOfThisHistory(decodeConsistencyToken(after))
    },
  }
}
