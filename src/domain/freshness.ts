/** Whether a read may use the cache at all: the reader's own terms, and how well this instance follows the log. */
import type { InvalidationIndex, LogFollower } from '../cache/index.ts'
import type { ReadContext } from './api.ts'
import { decodeConsistencyToken } from './consistency-token.ts'

export interface Freshness {
  /**
   * Null when the cache may answer; else the word for `Cache-Status`. Waits a bounded time for the log position to
   * cover the caller's token.
   * @throws DomainError for a token that is malformed or of another database history
   */
  reasonToBypass(context: ReadContext): Promise<string | null>
}

export interface FreshnessOptions {
  readonly index: InvalidationIndex
  readonly follower: LogFollower
  /** How long a read waits for its token to be covered, in milliseconds. */
  readonly tokenWaitMs: number
}

export function createFreshness({ index, follower, tokenWaitMs }: FreshnessOptions): Freshness {
  return {
    async reasonToBypass({ after, bypass }) {
      const mutation = after === undefined ? null : decodeConsistencyToken(after, index.position)
      if (bypass) return 'request'
      if (follower.trust() === 'lost') return 'log-behind'
      if (mutation === null || (await follower.waitFor(mutation, tokenWaitMs))) return null
      return 'token-not-covered'
    },
  }
}
