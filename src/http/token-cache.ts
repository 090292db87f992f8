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

export function createTokenCache<Value>({
  maxEntries,
  maxTokenLength,
  maxAgeMs,
  nowMs,
}: TokenCacheOptions): TokenCache<Value> {
  // Two generations instead of a list in order of use: a hit in the young one costs one lookup and moves nothing.
  const generationSize = Math.max(1, Math.floor(maxEntries / 2))
  let young = new Map<string, { value: Value; untilMs: number }>()
  let old = new Map<string, { value: Value; untilMs: number }>()

  function keep(token: string, kept: { value: Value; untilMs: number }): void {
    if (young.size >= generationSize) {
      old = young
      young = new Map()
    }
    young.set(token, kept)
  }

  return {
    get(token) {
      let kept = young.get(token)
      if (kept === undefined) {
        kept = old.get(token)
        if (kept === undefined) return undefined
        old.delete(token)
        keep(token, kept)
      }
      if (nowMs() < kept.untilMs) return kept.value
      young.delete(token)
      return undefined
    },
    set(token, value, expiresAtMs) {
      if (token.length > maxTokenLength) return
      keep(token, { value, untilMs: Math.min(expiresAtMs, nowMs() + maxAgeMs) })
    },
    get size() {
      return young.size + old.size
    },
  }
}
