/**
 * Tables whose triggers do not report other writers: disabled, or lost when a table was recreated. Also partitions and
 * children of these tables: a statement on one of them does not fire the triggers of its parent.
 */
import type { Database } from './pool.ts'

const FIND = {
  name: 'silent-tables',
  text: `
WITH RECURSIVE own AS (
  SELECT name, to_regclass(name)::oid AS oid
  FROM unnest(ARRAY['users', 'groups', 'memberships', 'resources', 'grants']) AS name
), below AS (
  SELECT inhrelid AS oid FROM pg_inherits JOIN own ON inhparent = own.oid
  UNION
  SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid
)
SELECT name FROM own
WHERE (
  SELECT count(*) FROM pg_trigger
  WHERE tgrelid = own.oid AND tgenabled = 'A'
    AND tgname IN ('portcullis_insert', 'portcullis_update', 'portcullis_delete', 'portcullis_truncate', 'portcullis_replicated')
) < 5
UNION ALL SELECT oid::regclass::text FROM below ORDER BY name`,
}

/** Returns their names. @throws DomainError when the database cannot be asked */
export async function findSilentTables(database: Database): Promise<string[]> {
  const rows = await database.query<{ name: string }>(FIND, [])
  return rows.map(({ name }) => name)
}
