/** Pages of a search: which one is requested, and its form. */
import type { SearchPage, SearchResults } from '../../domain/api.ts'
import type { Caller } from '../caller.ts'
import { cached, type Reply } from '../reply.ts'

interface Asked {
  readonly page?: { readonly token?: string; readonly limit?: number; readonly properties?: object }
}

/** A token is bound to its caller, its search and everything in the request except the place in the list. */
export function searchPage(search: string, caller: Caller, asked: Asked): SearchPage {
  const { page, ...question } = asked
  return {
    limit: page?.limit,
    token: page?.token,
    scope: ['search', search, caller.id, canonical({ ...question, properties: page?.properties })],
  }
}

/** A client that did not ask for pages, and gets everything at once, is told nothing about pages. */
export function searched<T>(
  { results, nextToken, cache }: SearchResults<T>,
  { page }: Asked,
  entity: (result: T) => unknown,
): Reply {
  const paged = page !== undefined || nextToken !== null
  return cached(
    {
      ...(paged && { page: { next_token: nextToken ?? '', count: results.length } }),
      results: results.map(entity),
    },
    cache,
  )
}

/** The order of members means nothing in JSON. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
