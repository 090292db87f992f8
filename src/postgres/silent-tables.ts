/** Tables whose triggers do not report other writers: disabled, or lost when a table was recreated. */
import type { Database } from './pool.ts'

const FIND = {
  name: 'silent-tables',
  text: `
SELECT name FROM unnest(ARRAY['users', 'groups', 'memberships', 'resources', 'grants']) AS name
WHERE (
  SELECT count(*) FROM pg_trigger
  WHERE tgrelid = to_regclass(name) AND tgenabled = 'A'
    AND tgname IN ('portcullis_insert', 'portcullis_update', 'portcullis_delete', 'portcullis_truncate', 'portcullis_replicated')
) < 5 ORDER BY name`,
}

/** Returns their names. @throws DomainError when the database cannot be asked */
export async function findSilentTables(database: Database): Promise<string[]> {
  const rows = await database.query<{ name: string }>(FIND, [])
  return rows.map(({ name }) => name)
}
