/** The audit log as administrators read it, newest first. */
import type { AuditEntry, AuditQuery, Page } from '../domain/api.ts'
import type { CursorCodec } from '../domain/cursor.ts'
import type { Database, Statement } from './pool.ts'

const COLUMNS =
  'id::text, at, actor, action, target, before, after, reason, request_id AS "requestId", token_id AS "tokenId"'

type Row = Omit<AuditEntry, 'at'> & { readonly at: Date }

export interface AuditTrail {
  /** @throws DomainError `invalid-input` for a cursor of another query */
  entries(query: AuditQuery): Promise<Page<AuditEntry>>
}

export function createAuditTrail({
  database,
  cursors,
}: {
  readonly database: Database
  readonly cursors: CursorCodec
}): AuditTrail {
  return {
    async entries({ limit, cursor, reader, ...filters }) {
      const { actor, action, target, since, until } = filters
      const scope = ['audit', actor, action, target, since?.toISOString(), until?.toISOString(), reader]
      const [at, id] = cursor === undefined ? [] : cursors.decode(scope, cursor)
      const { statement, values } = pageOf({ ...filters, at, id }, limit + 1)
      const rows = await database.query<Row>(statement, values)
      const data = rows.slice(0, limit).map((row) => ({ ...row, at: row.at.toISOString() }))
      const last = data.at(-1)
      const more = rows.length > limit && last
      return { data, nextCursor: more ? cursors.encode(scope, [last.at, last.id]) : null }
    },
  }
}

interface Bounds extends Omit<AuditQuery, 'limit' | 'cursor' | 'reader'> {
  readonly at: string | undefined
  readonly id: string | undefined
}

/** One statement per set of filters: a condition that may be absent would keep a prepared plan from every index. */
function pageOf({ at, id, ...filters }: Bounds, count: number): { statement: Statement; values: unknown[] } {
  const values: unknown[] = [count]
  const conditions: string[] = []
  const name = ['audit']
  function where(filter: string, value: unknown, condition: (parameter: string) => string): void {
    if (value === undefined) return
    values.push(value)
    conditions.push(condition(`$${values.length}`))
    name.push(filter)
  }
  where('actor', filters.actor, (actor) => `actor = ${actor}`)
  where('action', filters.action, (action) => `action = ${action}`)
  where('target', filters.target, (target) => `target = ${target}`)
  where('since', filters.since, (since) => `at >= ${since}::timestamptz`)
  where('until', filters.until, (until) => `at < ${until}::timestamptz`)
  where('after', at, (time) => `(at, id) < (${time}::timestamptz, $${values.length + 1}::bigint)`)
  if (id !== undefined) values.push(id)
  // Not a bare `id`: in an ORDER BY that is the text that is selected, and 9 comes after 10.
  const text = `SELECT ${COLUMNS} FROM audit_log${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''}
    ORDER BY at DESC, audit_log.id DESC LIMIT $1`
  return { statement: { name: name.join('-'), text }, values }
}
