/** Brings the tables to the state of an import with a few set-based statements, and counts what really changed. */
import type { ImportCount, ImportCounts } from '../../domain/api.ts'
import type { ImportList, ImportPieces, Piece } from '../../domain/import-pieces.ts'
import { ending } from '../ending.ts'
import type { Statement } from '../pool.ts'
import type { Session } from '../session.ts'

interface CountRow {
  created: number
  updated: number
}

/** Told of each statement that has been carried out. */
export type ImportProgress = (progress: { readonly written: number; readonly total: number }) => void

/** Reports an import at most this often, and never at its beginning. */
export function paced(everyMs: number, nowMs: () => number, tell: ImportProgress): ImportProgress {
  let toldAtMs = nowMs()
  let last = Number.POSITIVE_INFINITY
  return (progress) => {
    // Another import, or the next one.
    if (progress.written < last) toldAtMs = nowMs()
    last = progress.written
    if (nowMs() - toldAtMs < everyMs) return
    toldAtMs = nowMs()
    tell(progress)
  }
}

/** `xmax = 0` tells an inserted row from an updated one; rows that are already right are not touched. */
export async function importOrganisation(
  session: Session,
  { sizes, pieces }: ImportPieces,
  onProgress: ImportProgress = () => {},
): Promise<ImportCounts> {
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0)
  let written = 0

  async function inPieces(list: ImportList, ...statements: readonly Statement[]): Promise<ImportCount> {
    const sum = { total: sizes[list], created: 0, updated: 0 }
    for (const statement of statements)
      for (const piece of pieces[list]) {
        const { created, updated } = await write(session, statement, piece)
        sum.created += created
        sum.updated += updated
        if (statement !== statements.at(-1)) continue
        written += piece.items
        onProgress({ written, total })
      }
    return sum
  }

  /** Rows that have ended count as absent; rows imported in their place are new. */
  async function endNamed(list: ImportList, statement: Statement): Promise<void> {
    for (const piece of pieces[list]) await session.query(statement, [piece.json])
  }

  const users = await inPieces('users', USERS)
  // A parent may follow its child.
  const groups = await inPieces('groups', GROUPS, PARENTS)
  await endNamed('memberships', END_MEMBERSHIPS)
  const memberships = await inPieces('memberships', MEMBERSHIPS)
  const resources = await inPieces('resources', RESOURCES)
  await endNamed('grants', END_GRANTS)
  const grants = await inPieces('grants', GRANTS)
  const counts = { users, groups, memberships, resources, grants }
  return { ...counts, changed: Object.values(counts).some(({ created, updated }) => created + updated > 0) }
}

async function write(session: Session, statement: Statement, piece: Piece): Promise<CountRow> {
  const [row] = await session.query<CountRow>(statement, [piece.json])
  if (!row) throw new Error('a count is always returned')
  return row
}

/** The driver sends bytes as they are, and text is what PostgreSQL takes them for. */
const ITEMS = '$1::text::jsonb'

const counting = (name: string, input: string, written: string): Statement => ({
  name,
  text: `
    WITH input AS (${input}),
    ${written}
    SELECT count(*) FILTER (WHERE created)::int AS created, count(*) FILTER (WHERE NOT created)::int AS updated FROM written`,
})

const USERS = counting(
  'import-users',
  `SELECT * FROM jsonb_to_recordset(${ITEMS}) AS u(id text, "displayName" text)`,
  `written AS (
      INSERT INTO users (id, display_name) SELECT id, "displayName" FROM input
      ON CONFLICT (id) DO UPDATE SET display_name = EXCLUDED.display_name, updated_at = now()
      WHERE EXCLUDED.display_name IS NOT NULL AND users.display_name IS DISTINCT FROM EXCLUDED.display_name
      RETURNING xmax = 0 AS created)`,
)

const GROUPS = counting(
  'import-new-groups',
  `SELECT * FROM jsonb_to_recordset(${ITEMS}) AS g(name text)`,
  `written AS (INSERT INTO groups (name) SELECT name FROM input ON CONFLICT (name) DO NOTHING RETURNING true AS created)`,
)

/**
 * A group whose input does not mention a parent keeps the one it has. One that this transaction has created is not
 * counted once more: it sees the row as that was before this statement, with this transaction's own id.
 */
const PARENTS = counting(
  'import-parents',
  `SELECT value->>'name' AS name, value ? 'parent' AS placed, value->>'parent' AS parent FROM jsonb_array_elements(${ITEMS})`,
  `moved AS (
      UPDATE groups g SET parent_id = p.id, version = g.version + 1, updated_at = now()
      FROM input i LEFT JOIN groups p ON p.name = i.parent
      WHERE g.name = i.name AND i.placed AND g.parent_id IS DISTINCT FROM p.id
      RETURNING g.id),
    written AS (
      SELECT false AS created FROM moved JOIN groups g USING (id) WHERE g.xmin <> pg_current_xact_id()::xid)`,
)

// Of the ended rows only those that the import names: there may be very many others, and somebody may hold them.
const END_MEMBERSHIPS = ending('end-imported-members', {
  memberships: `(user_id, group_id) IN (
    SELECT value->>'user', g.id FROM jsonb_array_elements(${ITEMS}) JOIN groups g ON g.name = value->>'group')`,
})
const END_GRANTS = ending('end-imported-grants', {
  grants: `(group_id, resource_id) IN (
    SELECT g.id, r.id FROM jsonb_array_elements(${ITEMS}) JOIN groups g ON g.name = value->>'group'
    JOIN resources r ON r.name = value->>'resource')`,
})

/** An end that is not mentioned stays as it is. */
const END_IN_INPUT = `(value->>'expiresAt')::timestamptz AS "expiresAt", NOT value ? 'expiresAt' AS "keepsEnd"`

const MEMBERSHIPS = counting(
  'import-memberships',
  `SELECT value->>'group' AS "group", value->>'user' AS "user", (value->>'role')::membership_role AS role, ${END_IN_INPUT}
      FROM jsonb_array_elements(${ITEMS})`,
  `written AS (
      INSERT INTO memberships (user_id, group_id, role, expires_at)
      SELECT i."user", g.id, i.role, CASE WHEN i."keepsEnd" THEN m.expires_at ELSE i."expiresAt" END
      FROM input i JOIN groups g ON g.name = i."group"
      LEFT JOIN memberships m ON m.user_id = i."user" AND m.group_id = g.id
      ON CONFLICT (user_id, group_id) DO UPDATE SET role = EXCLUDED.role, expires_at = EXCLUDED.expires_at
      WHERE (memberships.role, memberships.expires_at) IS DISTINCT FROM (EXCLUDED.role, EXCLUDED.expires_at)
      RETURNING xmax = 0 AS created)`,
)

const RESOURCES = counting(
  'import-resources',
  `SELECT value->>'name' AS name, value->>'kind' AS kind, value->>'description' AS description, value->'attributes' AS attributes
      FROM jsonb_array_elements(${ITEMS})`,
  `written AS (
      INSERT INTO resources (name, kind, description, attributes)
      SELECT name, kind, description, coalesce(attributes, '{}') FROM input
      ON CONFLICT (name) DO UPDATE SET kind = EXCLUDED.kind,
        description = coalesce(EXCLUDED.description, resources.description),
        attributes = CASE WHEN EXCLUDED.attributes = '{}' THEN resources.attributes ELSE EXCLUDED.attributes END,
        version = resources.version + 1, updated_at = now()
      WHERE resources.kind <> EXCLUDED.kind
        OR (EXCLUDED.description IS NOT NULL AND resources.description IS DISTINCT FROM EXCLUDED.description)
        OR (EXCLUDED.attributes <> '{}' AND resources.attributes <> EXCLUDED.attributes)
      RETURNING xmax = 0 AS created)`,
)

/** Shared, as for a single grant: a change of a resource names the lists of those it is granted to. */
const GRANTS = counting(
  'import-grants',
  `SELECT value->>'group' AS "group", value->>'resource' AS resource, (value->>'permission')::permission AS permission,
      ${END_IN_INPUT} FROM jsonb_array_elements(${ITEMS})`,
  `granted AS MATERIALIZED (
      SELECT id, name FROM resources WHERE name IN (SELECT resource FROM input) ORDER BY id FOR SHARE),
    written AS (
      INSERT INTO grants (group_id, resource_id, permission, expires_at)
      SELECT g.id, r.id, i.permission, CASE WHEN i."keepsEnd" THEN k.expires_at ELSE i."expiresAt" END
      FROM input i JOIN groups g ON g.name = i."group" JOIN granted r ON r.name = i.resource
      LEFT JOIN grants k ON k.group_id = g.id AND k.resource_id = r.id
      ON CONFLICT (group_id, resource_id) DO UPDATE SET permission = EXCLUDED.permission, expires_at = EXCLUDED.expires_at
      WHERE (grants.permission, grants.expires_at) IS DISTINCT FROM (EXCLUDED.permission, EXCLUDED.expires_at)
      RETURNING xmax = 0 AS created)`,
)
