/** Which changes the reads of one client must see: its own, however many were in flight at once. */

export interface Consistency {
  /** To be called before a mutation is sent; the returned function takes the token of its answer. */
  mutating(): (token: string | null) => void
  /** The headers of a read. */
  headers(): Readonly<Record<string, string>>
  /** Forgets the tokens. */
  forget(): void
  /** The token of the last change, for another client or process; null where there was none. */
  token(): string | null
}

/** @param from a token to begin with */
export function createConsistency(from?: string): Consistency {
  let needed = new Set(from === undefined ? [] : [from])
  let last = from ?? null
  return {
    mutating() {
      // A position that shows this change shows every change that was acknowledged before it began.
      const covered = needed
      return (token) => {
        if (token === null) return
        last = token
        needed = new Set([...needed].filter((each) => !covered.has(each)).concat(token))
      }
    },
    headers() {
      const [token] = needed
      if (token === undefined) return {}
      // One read can name one token; of changes that overlapped, none covers the others. The source of truth does.
      return needed.size === 1 ? { 'consistency-token': token } : { 'cache-control': 'no-cache' }
    },
    forget() {
      needed = new Set()
      last = null
    },
    token: () => last,
  }
}
