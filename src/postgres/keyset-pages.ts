/** Pages of a list in the order of a key, each with the cursor of the next one. */
import type { Page, PageQuery, ReplaceablePage } from '../domain/api.ts'
import type { CursorCodec } from '../domain/cursor.ts'
import { type Ending, withEnd } from './living.ts'

export type KeysetPages = ReturnType<typeof createKeysetPages>

export function createKeysetPages(cursors: CursorCodec) {
  /** Asks for one row more than the page shows: its presence says that there is another page. */
  async function page<T extends object>(
    list: readonly (string | undefined)[],
    query: PageQuery,
    keyOf: (row: T) => string,
    read: (count: number, after: string | null) => Promise<T[]>,
  ): Promise<Page<T>> {
    const scope = [...list, query.reader]
    const [after = null] = query.cursor === undefined ? [] : cursors.decode(scope, query.cursor)
    const rows = await read(query.limit + 1, after)
    const data = rows.slice(0, query.limit)
    const last = data.at(-1)
    const more = rows.length > data.length && last !== undefined
    return { data, nextCursor: more ? cursors.encode(scope, [keyOf(last)]) : null }
  }

  /** The same for a list that can be replaced: the first page has the state of the whole list. */
  async function replaceablePage<T extends { readonly expiresAt: Date | null }>(
    scope: readonly (string | undefined)[],
    query: PageQuery,
    keyOf: (row: Ending<T>) => string,
    read: {
      first: (count: number) => Promise<{ state: string; rows: Ending<T>[] } | null>
      after: (count: number, after: string) => Promise<Ending<T>[]>
    },
  ): Promise<ReplaceablePage<T>> {
    let state: string | undefined
    const found = await page<Ending<T>>(scope, query, keyOf, async (count, after) => {
      if (after !== null) return read.after(count, after)
      const first = await read.first(count)
      state = first?.state
      return first?.rows ?? []
    })
    return { ...found, data: found.data.map(withEnd<T>), ...(state !== undefined && { state }) }
  }

  return { page, replaceablePage }
}
