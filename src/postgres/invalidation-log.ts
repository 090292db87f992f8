/** The invalidation log as instances of the service follow it: with the state of the resources that its rows name. */
import type pg from 'pg'
import type { InvalidationLog } from '../cache/index.ts'
import { RESOURCE_CONTENT, type ResourceId } from '../domain/model.ts'
import type { CatalogueItem, ResourceState } from '../domain/source.ts'
import { type ConnectionOptions, clientConfig, prepareConnection } from './connection.ts'
import type { DatabaseStatus } from './database-status.ts'
import { END_ACCESS } from './ending.ts'
import { CHECKPOINT_OF_THIS_HISTORY, OF_THIS_HISTORY } from './foreign-history.ts'
import { forgoNames } from './forgo-names.ts'
import { endMs } from './living.ts'
import { READ_TIMEOUT_MS } from './log-connection.ts'
import { createLogReader, type LogReadRow } from './log-reader.ts'
import { UPDATED_AT } from './resource-columns.ts'
import { RoutedClient } from './routed-client.ts'
import { GRANT, grantsIn } from './source.ts'
import { STAMP_COLUMNS } from './stamp.ts'

export const LOG_CHANNEL = 'portcullis_invalidation'

/** This many resources are read together with the rows that name them; of more, the buckets are loaded separately. */
const STATES_MAX = 1000

interface ResourceLogRow extends LogReadRow {
  /** Null: more than $2. */
  readonly states: StateRow[] | null
}

/** A resource that a row names; without the rest when it is gone. */
interface StateRow {
  id: ResourceId
  item: (Omit<CatalogueItem, 'grants'> & { grants: string | null }) | null
}

/** A removal at a time that has come: by a clock that was set back since, what was removed had not ended. */
const NO_NEWS = `l.event = '${END_ACCESS}' AND l.created_at <= statement_timestamp()`

/**
 * Position, rows and the state of what the rows name, in one snapshot: read apart, the state could be newer than the
 * position or older, and then the catalogue would be one that never was.
 *
 * Rows older than the oldest transaction in progress at $1 were all seen by then; the index on xid skips them. Each
 * resource is looked up by itself (OFFSET 0): of a list of ids the planner expects so much that it reads all there are.
 *
 * The removal of an ended row changes nothing that a reader may see, so these followers do not get its tags. They still
 * learn that something was appended: the change feed shows it.
 */
export const READ_SINCE = {
  name: 'log-since',
  text: `
WITH fresh AS MATERIALIZED (
  SELECT l.xid, CASE WHEN ${NO_NEWS} THEN '{}' ELSE l.tags END AS tags, l.created_at
  FROM invalidation_log l
  WHERE l.xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(l.xid, $1::pg_snapshot)
    AND ${OF_THIS_HISTORY}
),
named AS MATERIALIZED (
  SELECT DISTINCT substr(tag, 3)::uuid AS id FROM fresh CROSS JOIN LATERAL unnest(fresh.tags) AS tag
  WHERE tag ~ '^r:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' LIMIT $2::int + 1
)
SELECT ${STAMP_COLUMNS}, ${endMs('statement_timestamp()')} AS at, (
  SELECT snapshot::text FROM log_checkpoints c WHERE pruned AND ${CHECKPOINT_OF_THIS_HISTORY} ORDER BY id DESC LIMIT 1
) AS horizon, (
  SELECT coalesce(json_agg(json_build_object('x', xid::text, 't', tags,
    'a', extract(epoch FROM clock_timestamp() - created_at) * 1000)), '[]') FROM fresh
) AS rows, CASE WHEN (SELECT count(*) FROM named) <= $2::int THEN (
  SELECT coalesce(json_agg(json_build_object('id', named.id, 'item', state.item)), '[]')
  FROM named LEFT JOIN LATERAL (
    SELECT json_build_object('id', r.id, ${RESOURCE_CONTENT.map((name) => `'${name}', r.${name}`).join(', ')},
      'version', r.version, 'updatedAt', ${UPDATED_AT}, 'grants', (
        SELECT string_agg(${GRANT}, ',') FROM grants WHERE resource_id = r.id
      )) AS item
    FROM resources r WHERE r.id = named.id OFFSET 0
  ) AS state ON true
) END AS states`,
}

const atMost = (rows: string) => `(SELECT count(*) FROM (SELECT 1 FROM ${rows} LIMIT $1 + 1) counted) <= $1`
/**
 * The oldest checkpoint from which at most $1 rows follow (of what is not visible in it nothing was ever removed); the
 * beginning, where no checkpoint was taken yet and the log is that short; else the present, which needs no rows.
 */
const CHOOSE_FLOOR = {
  name: 'log-floor',
  text: `
SELECT coalesce((
  SELECT c.snapshot::text FROM log_checkpoints c
  WHERE ${CHECKPOINT_OF_THIS_HISTORY} AND ${atMost('invalidation_log l WHERE l.xid >= pg_snapshot_xmin(c.snapshot)')}
  ORDER BY c.id LIMIT 1
), CASE WHEN NOT EXISTS (SELECT FROM log_checkpoints) AND ${atMost('invalidation_log')} THEN '1:1:' END,
  pg_current_snapshot()::text) AS floor`,
}

export interface PostgresLogOptions extends Omit<ConnectionOptions, 'statementTimeoutMs'> {
  /** Whether to listen for wake-ups; through a pooler in transaction mode that is impossible, and polling alone guarantees. */
  readonly notify: boolean
  readonly status?: DatabaseStatus
}

/**
 * The log is read hundreds of times a second, and planning took four times as long as reading: so it is planned once for
 * all positions. Not knowing the position, the planner expects a third of the log and would read all of it.
 */
const PLANNED_ONCE = 'SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off'

/** Whether the triggers that speak for other writers leave out the wake-up (`portcullis_may_notify`). */
const SILENT = `
SELECT coalesce(nullif(current_setting('portcullis.notify', true), ''),
  CASE WHEN current_setting('max_prepared_transactions') = '0' THEN 'on' ELSE 'off' END) <> 'on' AS "isSilent"`

/**
 * A pooler in transaction mode has other server connections, whose settings are not for the log alone. Without these
 * settings a plan that is kept would read all of the log, so the statements have no names there.
 */
export async function prepareLogConnection(client: pg.Client, options: ConnectionOptions): Promise<void> {
  await prepareConnection(client, options)
  if (options.pooler === 'transaction') forgoNames(client)
  else await client.query(PLANNED_ONCE)
}

async function areWritersSilent(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ isSilent: boolean }>(SILENT)
  return rows[0]?.isSilent === true
}

export function createInvalidationLog(
  options: PostgresLogOptions,
): InvalidationLog<ResourceState> & { close(): Promise<void> } {
  const connectionOptions = { ...options, statementTimeoutMs: READ_TIMEOUT_MS }
  const { notify, pooler, status } = options
  const channel = notify && pooler !== 'transaction' ? LOG_CHANNEL : null
  return createLogReader<ResourceLogRow, ResourceState>({
    connect: () => new RoutedClient(clientConfig(connectionOptions)),
    prepare: (client) => prepareLogConnection(client, connectionOptions),
    channel,
    isSilent: async (client) => channel === null || (await areWritersSilent(client)),
    statements: { since: READ_SINCE, values: [STATES_MAX], floor: CHOOSE_FLOOR },
    changesOf: ({ states }) => (states === null ? null : states.map(stateOf)),
    ...(status && { status }),
  })
}

function stateOf({ id, item }: StateRow): ResourceState {
  return { id, item: item && { ...item, grants: grantsIn(item.grants) } }
}
