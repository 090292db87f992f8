/** Pages of search results: a token holds where the previous page ended, and the size of a page. */
import type { SearchPage, SearchResults } from '../api.ts'
import type { CursorCodec } from '../cursor.ts'
import { DomainError } from '../errors.ts'

interface Begun {
  readonly limit: number
  /** The position of the last result of the page before; empty on the first page. */
  readonly after: readonly string[]
}

export interface SearchPages {
  /** @throws DomainError `invalid-input` for a token of another caller or question, or another limit than before */
  begin(asked: SearchPage): Begun
  /** @param found one more than the limit where there are more */
  page<T>(
    asked: SearchPage,
    begun: Begun,
    found: readonly T[],
    positionOf: (last: T) => readonly string[],
  ): Pick<SearchResults<T>, 'results' | 'nextToken'>
}

/** The largest page, and the default. */
const PAGE_MAX = 200

export function createSearchPages(cursors: CursorCodec): SearchPages {
  function begin({ scope, token, limit }: SearchPage): Begun {
    if (token === undefined) return { limit: Math.min(limit ?? PAGE_MAX, PAGE_MAX), after: [] }
    const [size = '', ...after] = opened(scope, token)
    const before = Number(size)
    if (limit !== undefined && Math.min(limit, PAGE_MAX) !== before)
      throw new DomainError('invalid-input', 'The limit differs from that of the previous page.', {
        problems: [{ path: '/page/limit', message: `must be that of the page before, or absent` }],
      })
    // After an empty page, a client that no longer gives a limit gets as many results as fit.
    return { limit: limit === 0 ? 0 : before || PAGE_MAX, after }
  }

  function opened(scope: readonly string[], token: string): string[] {
    try {
      return cursors.decode(scope, token)
    } catch (cause) {
      throw new DomainError('invalid-input', 'The token was not issued for this caller and question.', {
        cause,
        problems: [{ path: '/page/token', message: 'is not a token of this caller and question' }],
      })
    }
  }

  function page<T>(
    { scope }: SearchPage,
    { limit, after }: Begun,
    found: readonly T[],
    positionOf: (last: T) => readonly string[],
  ): Pick<SearchResults<T>, 'results' | 'nextToken'> {
    const results = found.slice(0, limit)
    const last = results.at(-1)
    if (found.length === results.length) return { results, nextToken: null }
    const position = last === undefined ? after : positionOf(last)
    return { results, nextToken: cursors.encode(scope, [String(limit), ...position]) }
  }

  return { begin, page }
}
