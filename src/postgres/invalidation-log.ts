/** The invalidation log as instances follow it: reads and notifications on a connection of its own, so that a busy pool never blinds them. */
import pg from 'pg'
import {
  covers,
  formatSnapshot,
  type InvalidationLog,
  type LogBatch,
  type LogRow,
  LogUnreachableError,
  parseSnapshot,
  parseXid,
  type Snapshot,
  type Tag,
} from '../cache/index.ts'
import type { ResourceId } from '../domain/model.ts'
import type { CatalogueItem, ResourceState } from '../domain/source.ts'
import { type ConnectionOptions, clientConfig, prepareConnection } from './connection.ts'
import type { DatabaseStatus } from './database-status.ts'
import { isUnreachable } from './failures.ts'
import { CHECKPOINT_OF_THIS_HISTORY, OF_THIS_HISTORY } from './foreign-history.ts'
import { grantsIn, UPDATED_AT } from './source.ts'
import { STAMP_COLUMNS, stampOf } from './stamp.ts'

export const LOG_CHANNEL = 'portcullis_invalidation'

/** A read of the log that takes longer is given up, in milliseconds: the next one asks again. */
const READ_TIMEOUT_MS = 500

/** What does not answer even that the time is over is given up this much later, in milliseconds. */
const ANSWER_MARGIN_MS = 250

/** How far back rows are loaded at start, newest checkpoint permitting: more rows than this would only slow the start. */
const PAST_ROWS_MAX = 100_000
/** So many rows take longer to read than what comes from one poll to the next, in milliseconds. */
const PAST_TIMEOUT_MS = 10_000
/** How often the past is begun anew because its end was removed under the reader's hands. */
const PAST_ATTEMPTS = 3

/** So many resources are read with the rows that name them; of more, their buckets are loaded beside. */
const STATES_MAX = 1000

interface LogReadRow {
  database: string
  snapshot: string
  /** Rows visible in it may have been removed. */
  horizon: string | null
  rows: { x: string; t: string[] }[]
  /** Null: more than $2. */
  states: StateRow[] | null
}

/** A resource that a row names; without the rest when it is gone. */
interface StateRow {
  id: ResourceId
  item: (Omit<CatalogueItem, 'grants'> & { grants: string | null }) | null
}

/**
 * Position, rows and the state of what the rows name, in one snapshot: read apart, the state could be newer than the
 * position or older, and then the catalogue would be one that never was.
 *
 * Rows older than the oldest transaction in progress at $1 were all seen by then; the index on xid skips them. Each
 * resource is looked up by itself (OFFSET 0): of a list of ids the planner expects so much that it reads all there are.
 */
const READ_SINCE = {
  name: 'log-since',
  text: `
WITH fresh AS MATERIALIZED (
  SELECT l.xid, l.tags FROM invalidation_log l
  WHERE l.xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(l.xid, $1::pg_snapshot)
    AND ${OF_THIS_HISTORY}
),
named AS MATERIALIZED (
  SELECT DISTINCT substr(tag, 3)::uuid AS id FROM fresh CROSS JOIN LATERAL unnest(fresh.tags) AS tag
  WHERE tag ~ '^r:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' LIMIT $2::int + 1
)
SELECT ${STAMP_COLUMNS}, (
  SELECT snapshot::text FROM log_checkpoints c WHERE pruned AND ${CHECKPOINT_OF_THIS_HISTORY} ORDER BY id DESC LIMIT 1
) AS horizon, (
  SELECT coalesce(json_agg(json_build_object('x', xid::text, 't', tags)), '[]') FROM fresh
) AS rows, CASE WHEN (SELECT count(*) FROM named) <= $2::int THEN (
  SELECT coalesce(json_agg(json_build_object('id', named.id, 'item', state.item)), '[]')
  FROM named LEFT JOIN LATERAL (
    SELECT json_build_object('id', r.id, 'name', r.name, 'kind', r.kind, 'description', r.description,
      'attributes', r.attributes, 'version', r.version,
      'updatedAt', ${UPDATED_AT}, 'grants', (
        SELECT string_agg(group_id || ' ' || permission, ',') FROM grants WHERE resource_id = r.id
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

export function createInvalidationLog(
  options: PostgresLogOptions,
): InvalidationLog<ResourceState> & { close(): Promise<void> } {
  const connectionOptions = { ...options, statementTimeoutMs: READ_TIMEOUT_MS }
  let onAppended: () => void = () => {}
  let connection: Promise<pg.Client> | null = null
  let closed = false

  function connected(): Promise<pg.Client> {
    if (closed) return Promise.reject(new LogUnreachableError('the log is closed'))
    connection ??= open().catch((error: unknown) => {
      connection = null
      throw error
    })
    return connection
  }

  async function open(): Promise<pg.Client> {
    const client = new pg.Client(clientConfig(connectionOptions))
    // Whatever ends it, the next read opens another.
    client.on('error', () => forget(client))
    client.on('end', () => forget(client))
    client.on('notification', () => onAppended())
    try {
      await client.connect()
      await prepareConnection(client, connectionOptions)
      if (options.notify && options.pooler !== 'transaction') await client.query(`LISTEN ${LOG_CHANNEL}`)
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
    current = client
    return client
  }

  let current: pg.Client | null = null

  function forget(client: pg.Client): void {
    if (current !== client) return
    current = null
    connection = null
    // A reader in between would otherwise learn of it only at the next poll.
    onAppended()
  }

  async function ask<Row extends pg.QueryResultRow>(
    statement: { name?: string; text: string },
    values: unknown[] = [],
    timeoutMs = READ_TIMEOUT_MS,
  ): Promise<Row | undefined> {
    let client: pg.Client | null = null
    try {
      client = await connected()
      const result = await client.query<Row>({
        ...statement,
        values,
        query_timeout: timeoutMs + ANSWER_MARGIN_MS,
      } as pg.QueryConfig)
      options.status?.succeeded()
      return result.rows[0]
    } catch (error) {
      options.status?.failed(error)
      // After a timeout the connection still waits for its answer: only a new one is sure to be in step.
      if (client) {
        forget(client)
        client.end().catch(() => {})
      }
      // A server that answers, though not with the log, goes on committing: without the log there is no grace then.
      if (isUnreachable(error)) throw new LogUnreachableError('the invalidation log cannot be read', { cause: error })
      throw error
    }
  }

  async function readRows(since: Snapshot, timeoutMs?: number): Promise<LogBatch<ResourceState>> {
    const row = await ask<LogReadRow>(READ_SINCE, [formatSnapshot(since), STATES_MAX], timeoutMs)
    if (!row) throw new Error('a select without FROM returned no row')
    const gap = row.horizon !== null && !covers(since, parseSnapshot(row.horizon))
    const changes = row.states === null ? null : row.states.map(stateOf)
    return { position: stampOf(row), rows: row.rows.map(logRow), changes, ...(gap && { gap }) }
  }

  async function readFromFloor(): Promise<LogBatch<ResourceState> & { readonly floor: Snapshot }> {
    const chosen = await ask<{ floor: string }>(CHOOSE_FLOOR, [PAST_ROWS_MAX], PAST_TIMEOUT_MS)
    if (!chosen) throw new Error('a select without FROM returned no row')
    const floor = parseSnapshot(chosen.floor)
    return { ...(await readRows(floor, PAST_TIMEOUT_MS)), floor }
  }

  return {
    readSince: (since) => readRows(since),
    async readPast() {
      // A setting of this transaction alone, also through a pooler. Each statement in it has a snapshot of its own.
      await ask({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY' })
      await ask({ text: `SET LOCAL statement_timeout = ${PAST_TIMEOUT_MS}` })
      let past = await readFromFloor()
      for (let attempt = 1; past.gap && attempt < PAST_ATTEMPTS; attempt++) past = await readFromFloor()
      await ask({ text: 'COMMIT' })
      if (past.gap) throw new Error('the log is pruned faster than it can be read')
      return past
    },
    subscribe(callback) {
      onAppended = callback
      return {
        close: async () => {
          onAppended = () => {}
        },
      }
    },
    async close() {
      closed = true
      const client = current
      current = null
      await client?.end().catch(() => {})
    },
  }
}

function stateOf({ id, item }: StateRow): ResourceState {
  return { id, item: item && { ...item, grants: grantsIn(item.grants) } }
}

function logRow({ x, t }: { x: string; t: string[] }): LogRow {
  return { xid: parseXid(x), tags: t as Tag[] }
}
