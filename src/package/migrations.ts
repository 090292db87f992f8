/** The package's own tables, in a schema of their own beside the service's. Numbered; applied ones are never changed. */
import { createHash } from 'node:crypto'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: (schema: string) => string
}

/** A schema, a table or a tag that cannot work. */
export class MigrationsError extends Error {
  readonly code = 'migrations'
}

export const DEFAULT_SCHEMA = 'portcullis'

/** @throws MigrationsError for a name that would have to be quoted */
export function checkedSchema(schema: string): string {
  if (/^[a-z_][a-z0-9_]{0,40}$/.test(schema)) return schema
  throw new MigrationsError(`a schema is named by small letters, digits and underscores; got ${schema}`)
}

export const channelOf = (schema: string) => `${schema}_invalidation`

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'log',
    sql: (schema) => `
CREATE TABLE ${schema}.invalidation_log (
  id bigserial PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  tags text[] NOT NULL,
  event text NOT NULL,
  keys integer NOT NULL DEFAULT 0,
  widened boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX invalidation_log_xid_idx ON ${schema}.invalidation_log (xid);

-- Snapshots of the past; rows of the log that are visible in one that is marked may have been removed.
CREATE TABLE ${schema}.log_checkpoints (
  id bigserial PRIMARY KEY,
  snapshot pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  pruned boolean NOT NULL DEFAULT false
);

-- Which database answers, and in which life: system, database, timeline, start of the server, tables of the log. In
-- another one, transaction ids mean other transactions, and nothing that was cached counts.
CREATE FUNCTION ${schema}.database() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT (SELECT system_identifier FROM pg_control_system())::text
      || '.' || (SELECT oid FROM pg_database WHERE datname = current_database())::text
      || '-' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
      || '-' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text
      || '.' || (coalesce((extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint, 0)
        + '${schema}.invalidation_log'::regclass::oid::bigint)::text
$$;

-- A wake-up that the poll replaces must never fail a transaction: NOTIFY fails the commit when its queue is full, and
-- servers that prepare transactions refuse what has notified.
CREATE FUNCTION ${schema}.append(source text, named text[]) RETURNS void LANGUAGE sql VOLATILE AS $$
  WITH appended AS (
    INSERT INTO ${schema}.invalidation_log (tags, event)
    SELECT CASE WHEN cardinality(named) > 10000 THEN ARRAY['l:*'] ELSE named END, 'sql:' || source
    WHERE cardinality(named) > 0
    RETURNING xid
  )
  SELECT pg_notify('${channelOf(schema)}', '') FROM appended
  WHERE pg_notification_queue_usage() <= 0.5 AND current_setting('max_prepared_transactions') = '0'
$$;
`,
  },
]

/** The migrations as one SQL text, for psql or for the service's own migration tool. */
export function printedMigrations(schema = DEFAULT_SCHEMA): string {
  checkedSchema(schema)
  return `CREATE SCHEMA IF NOT EXISTS ${schema};\n${MIGRATIONS.map(({ sql }) => sql(schema)).join('\n')}`
}

interface MigrationClient {
  query(text: string, values?: unknown[]): Promise<{ rows: { version: number }[] }>
}

/** Applies what is missing, in one transaction; several instances may call it at once. @returns the versions applied */
export async function applyMigrations(client: MigrationClient, schema = DEFAULT_SCHEMA): Promise<number[]> {
  checkedSchema(schema)
  await client.query('BEGIN')
  try {
    await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`${schema} migrations`])
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${schema}.migrations (
         version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    )
    const { rows } = await client.query(`SELECT version FROM ${schema}.migrations`)
    const applied = new Set(rows.map(({ version }) => version))
    const missing = MIGRATIONS.filter(({ version }) => !applied.has(version))
    for (const { version, name, sql } of missing) {
      await client.query(sql(schema))
      await client.query(`INSERT INTO ${schema}.migrations (version, name) VALUES ($1, $2)`, [version, name])
    }
    await client.query('COMMIT')
    return missing.map(({ version }) => version)
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/** The grants that the service's role needs in the cache's schema; other writers need none. */
export function printedGrants(role: string, schema = DEFAULT_SCHEMA): string {
  const [on, to] = [checkedSchema(schema), quoted(role)]
  return `GRANT USAGE ON SCHEMA ${on} TO ${to};
GRANT SELECT, INSERT, DELETE ON ${on}.invalidation_log TO ${to};
GRANT SELECT, INSERT, UPDATE, DELETE ON ${on}.log_checkpoints TO ${to};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${on} TO ${to};
`
}

/**
 * What a change of a row makes stale: the tag of that kind with the column's value, with the values of several columns
 * and a comma between them, or a whole layer.
 */
export type TriggerTag =
  | { readonly tag: string; readonly column: string | readonly string[] }
  | { readonly layer: string }

/**
 * Triggers for a service's own tables, so that every writer counts: an ETL job, a person at psql. Safe to run again. Do
 * so after adding a partition that is written to by its own name.
 * @param tables by name, with schema where it is not on the path: `{ prices: [{ tag: 'g', column: 'customer_group' }]
 * }`
 */
export function printedTriggers(
  tables: Readonly<Record<string, readonly TriggerTag[]>>,
  schema = DEFAULT_SCHEMA,
): string {
  checkedSchema(schema)
  return Object.entries(tables)
    .map(([table, tags]) => triggersOf(table, tags, schema))
    .join('\n')
}

function triggersOf(table: string, tags: readonly TriggerTag[], schema: string): string {
  if (!Array.isArray(tags) || tags.length === 0)
    throw new MigrationsError(`${table} names no tag: say what its changes make stale, [{ tag: 'g', column: '…' }]`)
  tags.forEach(refuseWrongTag)
  const name = table.split('.').map(quoted).join('.')
  const changed = `${schema}.${quoted(functionOf(table))}`
  const from = (rows: string) => tags.map((each) => `    ${selected(each, rows)}`).join('\n    UNION\n')
  const assigned = (...rows: string[]) => `named := ARRAY(\n${rows.map(from).join('\n    UNION\n')}\n  );`
  const columns = [...new Set(tags.flatMap(columnsOf))].map(quoted).join(', ') || '1'
  const trigger = (event: string, referencing: string) => `
    EXECUTE format(${literal(
      `CREATE OR REPLACE TRIGGER portcullis_${event.toLowerCase()} AFTER ${event} ON %s ${referencing} ` +
        `FOR EACH STATEMENT EXECUTE FUNCTION ${changed.replaceAll('%', '%%')}()`,
    )}, changed);`
  return `CREATE OR REPLACE FUNCTION ${changed}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  named text[];
BEGIN
  IF TG_OP = 'INSERT' THEN ${assigned('new_rows')}
  ELSIF TG_OP = 'DELETE' THEN ${assigned('old_rows')}
  ELSIF TG_OP = 'UPDATE' THEN ${assigned('old_rows', 'new_rows')}
  ELSE named := ARRAY['l:*'];
  END IF;
  PERFORM ${schema}.append(TG_TABLE_NAME, named);
  RETURN NULL;
END $$;

-- On the partitions too: what is written to one by its own name does not concern the triggers of the whole.
DO $$
DECLARE
  changed regclass;
BEGIN
  -- A column that is not there fails here, and not later in those who write.
  PERFORM ${columns} FROM ${name} LIMIT 0;
  FOR changed IN SELECT ${literal(name)}::regclass UNION SELECT relid FROM pg_partition_tree(${literal(name)})
  LOOP${trigger('INSERT', 'REFERENCING NEW TABLE AS new_rows')}${trigger('DELETE', 'REFERENCING OLD TABLE AS old_rows')}${trigger(
    'UPDATE',
    'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows',
  )}${trigger('TRUNCATE', '')}
  END LOOP;
END $$;
`
}

function refuseWrongTag(each: TriggerTag): void {
  if ('layer' in each) return
  if (!/^[a-z]$/.test(each.tag)) throw new MigrationsError(`a tag is named by one letter, got ${each.tag}`)
  const columns = columnsOf(each)
  if (columns.length === 0 || !columns.every((column) => typeof column === 'string'))
    throw new MigrationsError(
      `the tag ${each.tag} has no column: say which one holds its id, { tag: '${each.tag}', column: '…' }`,
    )
}

/** PostgreSQL truncates names at 63 bytes, and a truncated name could be that of another table's trigger. */
function functionOf(table: string): string {
  if (Buffer.byteLength(table) <= 55) return `${table}_changed`
  return `${createHash('sha256').update(table).digest('hex').slice(0, 32)}_changed`
}

const columnsOf = (each: TriggerTag): readonly string[] => ('layer' in each ? [] : [each.column].flat())

function selected(each: TriggerTag, rows: string): string {
  if ('layer' in each) return `SELECT 'l:' || ${literal(each.layer)} FROM ${rows}`
  const columns = columnsOf(each)
  const id = columns.map((column) => `${quoted(column)}::text`).join(` || ',' || `)
  const known = columns.map((column) => `${quoted(column)} IS NOT NULL`).join(' AND ')
  return `SELECT '${each.tag}:' || ${id} FROM ${rows} WHERE ${known}`
}

const quoted = (identifier: string) => `"${identifier.replaceAll('"', '""')}"`
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
