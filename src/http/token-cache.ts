/** Remembers verified tokens: bounded, least recently used out first, never beyond a token's own life. */

export interface TokenCache<Value> {
  get(token: string): Value | undefined
  /** @param expiresAtMs the token's `exp` as wall-clock milliseconds */
  set(token: string, value: Value, expiresAtMs: number): void
  readonly size: number
}

export interface TokenCacheOptions {
  readonly maxEntries: number
  /** Longer tokens are verified each time, so that memory is bounded in bytes too. */
  readonly maxTokenLength: number
  /** A key withdrawn by the identity provider stops counting after this long, in milliseconds. */
  readonly maxAgeMs: number
  readonly nowMs: () => number
}

interface Kept<Value> {
  readonly token: string
  readonly value: Value
  readonly untilMs: number
}

export function createTokenCache<Value>({
  maxEntries,
  maxTokenLength,
  maxAgeMs,
  nowMs,
}: TokenCacheOptions): TokenCache<Value> {
  // Two generations instead of a list in order of use: a hit in the young one costs one lookup and moves nothing.
  const generationSize = Math.max(1, Math.floor(maxEntries / 2))
  let young = new Map<string, Kept<Value>>()
  let old = new Map<string, Kept<Value>>()

  function keep(kept: Kept<Value>): void {
    if (young.size >= generationSize) {
      old = young
      young = new Map()
    }
    young.set(endOf(kept.token), kept)
  }

  function find(token: string): Kept<Value> | undefined {
    const end = endOf(token)
    const kept = young.get(end)
    if (kept !== undefined) return kept
    const older = old.get(end)
    if (older === undefined) return undefined
    old.delete(end)
    keep(older)
    return older
  }

  return {
    get(token) {
      const kept = find(token)
      if (kept?.token !== token) return undefined
      if (nowMs() < kept.untilMs) return kept.value
      young.delete(endOf(token))
      return undefined
    },
    set(token, value, expiresAtMs) {
      if (token.length > maxTokenLength) return
      keep({ token, value, untilMs: Math.min(expiresAtMs, nowMs() + maxAgeMs) })
    },
    get size() {
      return young.size + old.size
    },
  }
}

/**
 * Looked up by the end of the signature and then compared whole: finding a string in a map reads all of it, character by
 * character, and a token comes as a new string with every request.
 */
const LOOKED_UP_BY = 24
const endOf = (token: string) => token.slice(-LOOKED_UP_BY)
