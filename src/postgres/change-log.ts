/** The invalidation log as other services follow it: in pages, from a snapshot, with what each tag means. */
import { covers, formatSnapshot, parseSnapshot } from '../cache/index.ts'
import type { Change } from '../domain/api.ts'
import type { ChangeLog, ChangePage } from '../domain/changes.ts'
import { CHECKPOINT_OF_THIS_HISTORY, OF_THIS_HISTORY } from './foreign-history.ts'
import type { Database } from './pool.ts'
import { STAMP_COLUMNS, type StampColumns } from './stamp.ts'

/** Rows of one page: what a stream holds in memory at most. */
const PAGE_ROWS = 500

const NOW = { name: 'changes-now', text: `SELECT ${STAMP_COLUMNS}` }

/**
 * Rows that $2 shows and $1 did not, after row $3, at most $4; $2 null stands for the present. Which rows those are is
 * decided by visibility alone, so a transaction that committed late is found under its low id.
 * The horizon: rows visible in it may have been removed ($5 is how long they are kept, in milliseconds).
 */
const AFTER = {
  name: 'changes-after',
  text: `
SELECT ${STAMP_COLUMNS}, (
  SELECT snapshot::text FROM log_checkpoints c
  WHERE ${CHECKPOINT_OF_THIS_HISTORY} AND created_at < clock_timestamp() - $5 * interval '1 millisecond' ORDER BY created_at DESC LIMIT 1
) AS horizon, (
  SELECT coalesce(json_agg(row ORDER BY id), '[]') FROM (
    SELECT l.id, json_build_object('row', l.id::text, 'tags', l.tags, 'event', l.event, 'at', l.created_at) AS row
    FROM invalidation_log l
    WHERE l.xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(l.xid, $1::pg_snapshot)
      AND ${OF_THIS_HISTORY}
      AND ($2::text IS NULL OR pg_visible_in_snapshot(l.xid, $2::pg_snapshot)) AND l.id > $3::bigint
    ORDER BY l.id LIMIT $4
  ) page
) AS rows`,
}

interface AfterRow extends StampColumns {
  readonly horizon: string | null
  readonly rows: readonly { row: string; tags: string[]; event: string; at: string }[]
}

export interface ChangeLogOptions {
  readonly database: Database
  /** How long rows of the log are kept, in milliseconds. */
  readonly retentionMs: number
}

export function createChangeLog({ database, retentionMs }: ChangeLogOptions): ChangeLog {
  return {
    async now() {
      const [row] = await database.query<StampColumns>(NOW, [])
      if (!row) throw new Error('a select without FROM returned no row')
      return { database: row.database, upTo: parseSnapshot(row.snapshot) }
    },
    async after({ since, within }): Promise<ChangePage> {
      const upTo = within ? formatSnapshot(within.upTo) : null
      const values = [formatSnapshot(since), upTo, within?.row ?? '0', PAGE_ROWS + 1, retentionMs]
      const [found] = await database.query<AfterRow>(AFTER, values)
      if (!found) throw new Error('a select without FROM returned no row')
      return {
        database: found.database,
        upTo: parseSnapshot(upTo ?? found.snapshot),
        rows: found.rows
          .slice(0, PAGE_ROWS)
          .map(({ row, tags, event, at }) => ({ row, change: meant(event, at, tags) })),
        more: found.rows.length > PAGE_ROWS,
        complete: found.horizon === null || covers(since, parseSnapshot(found.horizon)),
      }
    },
  }
}

function meant(event: string, at: string, tags: readonly string[]): Change {
  const of = (kind: string) => tags.filter((tag) => tag.startsWith(`${kind}:`)).map((tag) => tag.slice(2))
  return {
    event,
    at: new Date(at).toISOString(),
    users: of('u'),
    places: of('t'),
    grants: of('g'),
    resources: of('r'),
    buckets: of('c'),
    layers: of('l'),
  }
}
