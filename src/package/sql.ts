/** Statements as loaders write them: values travel as parameters, never as text. */
import type { QueryOf } from '../cache/index.ts'

/** A statement and its values; `Row` has the types of its columns. */
export interface Sql<Row = Record<string, unknown>> extends QueryOf<Row> {
  readonly text: string
  readonly values: readonly unknown[]
}

/** A loader returned something other than a single SELECT. */
export class SqlError extends Error {
  readonly code = 'sql'
}

/**
 * A statement with its values: `sql<Price>\`SELECT article, cents FROM prices WHERE grp = ${group}\``. A value that is
 * itself made by `sql` is part of the text.
 */
export function sql<Row = Record<string, unknown>>(
  parts: TemplateStringsArray,
  ...given: readonly unknown[]
): Sql<Row> {
  const values: unknown[] = []
  let text = parts[0] ?? ''
  for (const [at, value] of given.entries()) {
    text += isSql(value) ? spliced(value, values) : `$${values.push(value)}`
    text += parts[at + 1] ?? ''
  }
  return made({ text, values })
}

const MADE_HERE = /\$(\d+)/g

function spliced({ text, values }: Sql<unknown>, into: unknown[]): string {
  const offset = into.length
  into.push(...values)
  return text.replace(MADE_HERE, (_all, number) => `$${Number(number) + offset}`)
}

/**
 * JSON and query strings cannot contain symbols: anything that comes with a request is a value, whatever its properties
 * are.
 */
const OF_SQL = Symbol.for('portcullis-cache.sql')

function made<Row>(statement: Sql<Row>): Sql<Row> {
  return Object.defineProperty(statement, OF_SQL, { value: true })
}

function isSql(value: unknown): value is Sql<unknown> {
  return typeof value === 'object' && value !== null && OF_SQL in value
}

/** Comments and parentheses may stand before it. */
const SELECT = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/|\()*(?:select|with|values|table)\b/i

/** One statement that returns the loader's rows and the snapshot that they were read at. */
export function stamped(statement: Sql<unknown>, schema: string): string {
  if (typeof statement?.text !== 'string' || !Array.isArray(statement.values))
    throw new SqlError('a loader returns its statement, sql`SELECT …`, and the cache runs it; got what is none')
  const select = statement.text.trim().replace(/;\s*$/, '')
  if (!SELECT.test(select))
    throw new SqlError(
      `a loader is a single SELECT, so that value and snapshot are one statement; got: ${select.slice(0, 60)}`,
    )
  // The line breaks end a comment in the loader's last line.
  return `SELECT ${schema}.database() AS database, pg_current_snapshot()::text AS snapshot, (
SELECT coalesce(json_agg(q), '[]')::text FROM (
${select}
) AS q) AS rows`
}

/** The rows of a stamped statement. @throws SqlError for a number that would be another one in JavaScript */
export function rowsIn(json: string): unknown[] {
  return JSON.parse(json, /\d{16}/.test(json) ? refuseInexact : undefined) as unknown[]
}

function refuseInexact(column: string, value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new SqlError(`${column}: JavaScript has no such whole number exactly, select it as ${column}::text`)
  return value
}
