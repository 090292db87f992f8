/** The invalidation log as administrators read it, newest last. */
import type { Page } from '../domain/api.ts'
import { DomainError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/model.ts'
import type { Database } from './pool.ts'

/** In an ORDER BY a bare `id` would be the text that is selected, and 10 would come before 2. */
const HISTORY = {
  name: 'invalidation-history',
  text: `SELECT id::text, xid::text, tags, event, actor, reason, keys, widened, created_at AS at
    FROM invalidation_log WHERE id > $1::bigint ORDER BY invalidation_log.id LIMIT $2`,
}

interface HistoryRow {
  id: string
  xid: string
  tags: string[]
  event: string
  actor: string
  reason: string | null
  keys: number
  widened: boolean
  at: Date
}

/** @throws DomainError `invalid-input` when `after` is not the id of a row */
export async function readInvalidations(
  database: Database,
  { after = '0', limit }: { after?: string; limit: number },
): Promise<Page<JsonObject>> {
  if (!/^\d{1,18}$/.test(after))
    throw new DomainError('invalid-input', 'after is the id of a row of the log', {
      problems: [{ path: 'after', message: 'is not a whole number' }],
    })
  const rows = await database.query<HistoryRow>(HISTORY, [after, limit + 1])
  const data = rows.slice(0, limit).map((row) => ({ ...row, at: row.at.toISOString() }))
  const last = data.at(-1)
  return { data, nextCursor: rows.length > limit && last ? last.id : null }
}
