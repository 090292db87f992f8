/** The invalidation log as other services follow it: in pages, from a snapshot, with what each tag means. */
import { covers, formatSnapshot, parseSnapshot } from '../cache/index.ts'
import type { Change } from '../domain/api.ts'
import type { ChangeLog, ChangePage } from '../domain/changes.ts'
import { CHECKPOINT_OF_THIS_HISTORY, OF_THIS_HISTORY } from './foreign-history.ts'
import type { Database } from './pool.ts'
import { STAMP_COLUMNS, type StampColumns } from './stamp.ts'

/** Rows of one page: what a stream holds in memory at most. */
const PAGE_ROWS = 500
/** Names that are looked up for a page: a backlog of bulk changes must not take longer than a statement may. */
const NAMES_MAX = 5000

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

/** Of $1: what there is, and what was deleted in the time of the page, from $2 to $3, as the audit trail has it. */
const NAMES = {
  name: 'changes-names',
  text: `
SELECT id::text, name FROM groups WHERE id = ANY ($1::uuid[])
UNION ALL SELECT id::text, name FROM resources WHERE id = ANY ($1::uuid[])
UNION ALL SELECT before->>'id', before->>'name' FROM audit_log
WHERE action IN ('deleteGroup', 'deleteResource') AND before->>'id' = ANY ($1::text[])
  AND at BETWEEN $2::timestamptz - interval '1 minute' AND $3::timestamptz + interval '1 minute'`,
}

interface AfterRow extends StampColumns {
  readonly horizon: string | null
  readonly rows: readonly LogRow[]
}

interface LogRow {
  readonly row: string
  readonly tags: readonly string[]
  readonly event: string
  readonly at: string
}

export interface ChangeLogOptions {
  readonly database: Database
  /** How long rows of the log are kept, in milliseconds. */
  readonly retentionMs: number
}

export function createChangeLog({ database, retentionMs }: ChangeLogOptions): ChangeLog {
  async function named(rows: readonly LogRow[]) {
    const ids = [...new Set(rows.flatMap(({ tags }) => namedIn(tags)))].slice(0, NAMES_MAX)
    const times = rows.map(({ at }) => new Date(at)).toSorted((one, other) => one.getTime() - other.getTime())
    const found =
      ids.length === 0 ? [] : await database.query<{ id: string; name: string }>(NAMES, [ids, times[0], times.at(-1)])
    const names = new Map(found.map(({ id, name }) => [id, name]))
    return rows.map((row) => ({ row: row.row, change: meant(row, names) }))
  }

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
        rows: await named(found.rows.slice(0, PAGE_ROWS)),
        more: found.rows.length > PAGE_ROWS,
        complete: found.horizon === null || covers(since, parseSnapshot(found.horizon)),
      }
    },
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const NAMED_KINDS = /^[tgr]:/

const namedIn = (tags: readonly string[]): string[] =>
  tags.filter((tag) => NAMED_KINDS.test(tag) && UUID.test(tag.slice(2))).map((tag) => tag.slice(2))

function meant({ event, at, tags }: LogRow, names: ReadonlyMap<string, string>): Change {
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
    names: Object.fromEntries(
      namedIn(tags).flatMap((id) => {
        const name = names.get(id)
        return name === undefined ? [] : [[id, name]]
      }),
    ),
  }
}
