/** Text tables for a terminal. */

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string | number | null | undefined
  readonly align?: 'right'
  /** May be truncated if the terminal is too narrow; values that are copied into other commands must not be. */
  readonly shrinks?: true
}

/** A narrower column is useless. */
const NARROWEST = 12
const GAP = '  '

/** Names and descriptions must not control the terminal: no escape sequences, no new lines. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')

const widthOf = (text: string): number => [...text].length

// Not Math.max(...texts): a list may be longer than a call can have arguments.
const widest = (texts: readonly string[]): number => texts.reduce((width, text) => Math.max(width, widthOf(text)), 0)

/** @param terminalWidth in columns; undefined keeps every value whole */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], terminalWidth?: number): string {
  const cells = rows.map((row) => columns.map(({ value }) => printable(String(value(row) ?? '-'))))
  const natural = columns.map(({ title }, i) => widest([title, ...cells.map((line) => line[i] ?? '')]))
  const widths = terminalWidth === undefined ? natural : fitted(columns, natural, terminalWidth)
  const lineOf = (texts: readonly string[]) =>
    texts
      .map((whole, i) => {
        const width = widths[i] ?? 0
        const text = cut(whole, width)
        const space = ' '.repeat(Math.max(0, width - widthOf(text)))
        return columns[i]?.align === 'right' ? space + text : text + space
      })
      .join(GAP)
      .trimEnd()
  return [columns.map(({ title }) => title), ...cells].map(lineOf).join('\n')
}

/** Takes the surplus from the widest columns that may shrink. */
function fitted(columns: readonly Column<never>[], natural: readonly number[], terminalWidth: number): number[] {
  const widths = [...natural]
  const available = terminalWidth - GAP.length * (columns.length - 1)
  for (let surplus = sum(widths) - available; surplus > 0; surplus--) {
    const shrinking = columns.flatMap(({ shrinks }, i) => (shrinks && (widths[i] ?? 0) > NARROWEST ? [i] : []))
    const [first, ...others] = shrinking
    if (first === undefined) break
    const chosen = others.reduce((best, i) => ((widths[i] ?? 0) > (widths[best] ?? 0) ? i : best), first)
    widths[chosen] = (widths[chosen] ?? 0) - 1
  }
  return widths
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}

/** Names and values, one pair per line. */
export function facts(pairs: readonly (readonly [string, string | number | boolean | null | undefined])[]): string {
  const width = widest(pairs.map(([name]) => name))
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${printable(String(value ?? '-'))}`).join('\n')
}
