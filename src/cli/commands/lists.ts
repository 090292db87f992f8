/** Lists: one page, or with `--all` every page behind it. */
import type { Arguments, CallOptions, Client, InputOf, ItemOf, PagedId } from '../../client/index.ts'
import { UsageError } from '../outcome.ts'
import { type Column, table } from '../table.ts'
import type { Invocation, OptionSpec, Output } from './command.ts'

const PAGE_MAX = '200'

export const PAGE_OPTIONS = {
  limit: { value: '<n>', help: 'items on a page, 1 to 200 (50)' },
  cursor: { value: '<cursor>', help: 'go on after an earlier page' },
  all: { help: 'every page, not one' },
} satisfies Record<string, OptionSpec>

export interface ListView<Row> {
  readonly columns: readonly Column<Row>[]
  /** What is needed to show the rows to a person; scripts get the answer as it is. */
  readonly prepare?: (rows: readonly Row[]) => Promise<void>
  /** Why the list is empty, if that is not obvious. */
  readonly whyNothing?: () => Promise<string>
}

interface Page<Row> {
  readonly data: readonly Row[]
  readonly nextCursor: string | null
}

/** @param id the call that returns the list, and its arguments other than the place in it */
export async function list<Id extends PagedId>(
  invocation: Invocation,
  [id, input]: readonly [Id, InputOf<Id>],
  view: ListView<ItemOf<Id>>,
): Promise<Output> {
  const all = invocation.flag('all')
  const { limit, cursor } = invocation.given('limit', 'cursor')
  if (all && cursor !== undefined) throw new UsageError('--all starts at the beginning: leave --cursor out')
  const place = { limit, ...(cursor !== undefined && { [id === 'listInvalidations' ? 'after' : 'cursor']: cursor }) }
  const asked = queried(input, place)
  const page: Page<ItemOf<Id>> = all
    ? { data: await everyOne(invocation.api.items(id, ...given<Id>(asked))), nextCursor: null }
    : await firstOf(invocation.api, id, asked)
  const more = page.nextCursor === null ? undefined : `more: --cursor ${page.nextCursor}   (or --all)`
  return {
    json: page,
    text: invocation.json ? '' : await shown(invocation, view, page.data),
    ...(more !== undefined && { aside: more }),
  }
}

/** As it was typed: the service decides whether a limit is valid. */
function queried<Input>(input: Input, more: Readonly<Record<string, string | undefined>>): Input {
  return { ...input, query: { ...(input as { readonly query?: object }).query, ...more } }
}

const given = <Id extends PagedId>(input: InputOf<Id>) => [input] as unknown as Arguments<Id, CallOptions>

async function firstOf<Id extends PagedId>(api: Client, id: Id, input: InputOf<Id>): Promise<Page<ItemOf<Id>>> {
  const { value } = await api.pages(id, ...given<Id>(input)).next()
  if (value === undefined) throw new Error('a list has at least one page')
  return value.data as Page<ItemOf<Id>>
}

async function shown<Row>({ width }: Invocation, view: ListView<Row>, rows: readonly Row[]): Promise<string> {
  if (rows.length === 0) return (await view.whyNothing?.()) ?? 'nothing'
  await view.prepare?.(rows)
  return table(view.columns, rows, width)
}

export interface Amount {
  readonly count: number
  /** `3 users`; `200 users or more` where there are further pages. */
  shown(noun: string): string
}

/** How much of something there is, as far as one page tells. */
export async function firstPage<Id extends PagedId>(api: Client, id: Id, input: InputOf<Id>): Promise<Amount> {
  const { data, nextCursor } = await firstOf(api, id, queried(input, { limit: PAGE_MAX }))
  return amountOf(data.length, nextCursor !== null)
}

export const amountOf = (count: number, more = false): Amount => ({
  count,
  shown: (noun) => `${count} ${noun}${count === 1 ? '' : 's'}${more ? ' or more' : ''}`,
})

export async function everyOne<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}
