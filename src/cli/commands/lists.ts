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
    text: page.data.length === 0 ? 'nothing' : table(request.columns, page.data),
    ...(more !== undefined && { aside: more }),
  }
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
