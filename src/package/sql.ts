/** Statements as loaders write them: values travel as parameters, never as text. */
import type { QueryOf } from '../cache/index.ts'

/** A statement and its values; `Row` is what its columns are. */
export interface Sql<Row = Record<string, unknown>> extends QueryOf<Row> {
  readonly text: string
  readonly values: readonly unknown[]
}

/** A loader returned what is no single SELECT. */
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
  return { text, values }
}

const MADE_HERE = /\$(\d+)/g

function spliced({ text, values }: Sql, into: unknown[]): string {
  const offset = into.length
  into.push(...values)
  return text.replace(MADE_HERE, (_all, number) => `$${Number(number) + offset}`)
}

function isSql(value: unknown): value is Sql {
  return typeof value === 'object' && value !== null && 'text' in value && 'values' in value
}

/** One statement that returns the loader's rows and the snapshot that they were read at. */
export function stamped({ text }: Sql, schema: string): string {
  const select = text.trim().replace(/;\s*$/, '')
  if (!/^(?:select|with|values|table)\b/i.test(select))
    throw new SqlError(
      `a loader is a single SELECT, so that value and snapshot are one statement; got: ${select.slice(0, 60)}`,
    )
  // The line breaks end a comment in the loader's last line.
  return `SELECT ${schema}.database() AS database, pg_current_snapshot()::text AS snapshot, (
SELECT coalesce(json_agg(q), '[]')::text FROM (
${select}
) AS q) AS rows`
}
