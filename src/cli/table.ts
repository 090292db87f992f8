/** Text tables for a terminal. */

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string | number | null | undefined
  readonly align?: 'right'
}

/** What people typed into names and descriptions must not drive the terminal: no escape sequences, no new lines. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')

const widthOf = (text: string): number => [...text].length

// Not Math.max(...texts): a list may be longer than a call can have arguments.
const widest = (texts: readonly string[]): number => texts.reduce((width, text) => Math.max(width, widthOf(text)), 0)

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(({ value }) => printable(String(value(row) ?? '-'))))
  const widths = columns.map(({ title }, i) => widest([title, ...cells.map((line) => line[i] ?? '')]))
  const lineOf = (texts: readonly string[]) =>
    texts
      .map((text, i) => {
        const space = ' '.repeat((widths[i] ?? 0) - widthOf(text))
        return columns[i]?.align === 'right' ? space + text : text + space
      })
      .join('  ')
      .trimEnd()
  return [columns.map(({ title }) => title), ...cells].map(lineOf).join('\n')
}

/** Names and values below each other. */
export function facts(pairs: readonly (readonly [string, string | number | boolean | null | undefined])[]): string {
  const width = widest(pairs.map(([name]) => name))
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${printable(String(value ?? '-'))}`).join('\n')
}
