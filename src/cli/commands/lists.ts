/** Lists: one page, or with `--all` every page behind it. */
import type { ApiClient } from '../api-client.ts'
import { UsageError } from '../outcome.ts'
import { type Column, table } from '../table.ts'
import type { Invocation, OptionSpec, Output } from './command.ts'

const PAGE_MAX = '200'

export const PAGE_OPTIONS = {
  limit: { value: '<n>', help: 'items on a page, 1 to 200 (50)' },
  cursor: { value: '<cursor>', help: 'go on after an earlier page' },
  all: { help: 'every page, not one' },
} satisfies Record<string, OptionSpec>

interface Page<Row> {
  readonly data: readonly Row[]
  readonly nextCursor: string | null
}

export interface ListRequest<Row> {
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly columns: readonly Column<Row>[]
  /** How the API calls the position to go on from. */
  readonly cursorName?: 'cursor' | 'after'
  /** What is needed to show the rows to a person; scripts get the answer as it is. */
  readonly prepare?: (rows: readonly Row[]) => Promise<void>
  /** Why the list is empty, where that is not obvious. */
  readonly whyNothing?: () => Promise<string>
}

export async function list<Row>(invocation: Invocation, request: ListRequest<Row>): Promise<Output> {
  const all = invocation.flag('all')
  const { limit, cursor } = invocation.given('limit', 'cursor')
  if (all && cursor !== undefined) throw new UsageError('--all starts at the beginning: leave --cursor out')
  const first = { ...request.query, limit: limit ?? (all ? PAGE_MAX : undefined) }
  const page = all
    ? await everyPage(invocation.api, request, first)
    : await onePage<Row>(invocation.api, request, first, cursor)
  const more = page.nextCursor === null ? undefined : `more: --cursor ${page.nextCursor}   (or --all)`
  return {
    json: page,
    text: invocation.json ? '' : await shown(invocation, request, page.data),
    ...(more !== undefined && { aside: more }),
  }
}

async function shown<Row>({ width }: Invocation, request: ListRequest<Row>, rows: readonly Row[]): Promise<string> {
  if (rows.length === 0) return (await request.whyNothing?.()) ?? 'nothing'
  await request.prepare?.(rows)
  return table(request.columns, rows, width)
}

async function onePage<Row>(
  api: ApiClient,
  { path, cursorName = 'cursor' }: ListRequest<Row>,
  query: Readonly<Record<string, string | undefined>>,
  cursor: string | undefined,
): Promise<Page<Row>> {
  const { body } = await api.call({ method: 'GET', path, query: { ...query, [cursorName]: cursor } })
  return body as Page<Row>
}

async function everyPage<Row>(
  api: ApiClient,
  request: ListRequest<Row>,
  query: Readonly<Record<string, string | undefined>>,
): Promise<Page<Row>> {
  const data: Row[] = []
  let cursor: string | undefined
  do {
    const page: Page<Row> = await onePage(api, request, query, cursor)
    for (const row of page.data) data.push(row)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return { data, nextCursor: null }
}

export interface Amount {
  readonly count: number
  /** `3 users`; `200 users or more` where there are further pages. */
  shown(noun: string): string
}

/** How much of something there is, as far as one page tells. */
export async function firstPage(api: ApiClient, path: string): Promise<Amount> {
  const { data, nextCursor } = await onePage(api, { path, columns: [] }, { limit: PAGE_MAX }, undefined)
  return amountOf(data.length, nextCursor !== null)
}

export const amountOf = (count: number, more = false): Amount => ({
  count,
  shown: (noun) => `${count} ${noun}${count === 1 ? '' : 's'}${more ? ' or more' : ''}`,
})

export async function everyRow<Row>(
  api: ApiClient,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<readonly Row[]> {
  return (await everyPage<Row>(api, { path, columns: [] }, { ...query, limit: PAGE_MAX })).data
}
