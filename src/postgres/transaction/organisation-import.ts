/** Brings the tables to the state of an import with a few set-based statements, and counts what really changed. */
import type { ImportCount, ImportCounts, OrganisationImport } from '../../domain/api.ts'
import { ending } from '../ending.ts'
import type { Session } from '../session.ts'

interface CountRow {
  created: number
  updated: number
}

/** Told of each statement that has been carried out. */
export type ImportProgress = (progress: { readonly written: number; readonly total: number }) => void

/** Tells of an import only so often, and never of its beginning. */
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
  organisation: OrganisationImport,
  onProgress: ImportProgress = () => {},
): Promise<ImportCounts> {
  const total = Object.values(organisation).reduce((sum, list) => sum + list.length, 0)
  let written = 0

  async function inChunks<Item>(
    items: readonly Item[],
    write: (session: Session, some: readonly Item[]) => Promise<ImportCount>,
    chunk = CHUNK,
  ): Promise<ImportCount> {
    const sum = { total: items.length, created: 0, updated: 0 }
    for (let from = 0; from < items.length; from += chunk) {
      const some = items.slice(from, from + chunk)
      const { created, updated } = await write(session, some)
      sum.created += created
      sum.updated += updated
      written += some.length
      onProgress({ written, total })
    }
    return sum
  }

  const users = await inChunks(organisation.users, importUsers)
  // At once: a parent may come behind its child.
  const groups = await inChunks(organisation.groups, importGroups, organisation.groups.length)
  // What ended is absent, and what is imported in its place is new.
  await session.query(END_ALL, [])
  const memberships = await inChunks(organisation.memberships, importMemberships)
  const resources = await inChunks(organisation.resources, importResources)
  const grants = await inChunks(organisation.grants, importGrants)
  const counts = { users, groups, memberships, resources, grants }
  return { ...counts, changed: Object.values(counts).some(({ created, updated }) => created + updated > 0) }
}

const END_ALL = ending('end-all', { memberships: 'true', grants: 'true' })

/** Items of one statement: few enough that the process gets a turn in between, and that none is very long. */
const CHUNK = 10_000

async function importUsers(session: Session, users: OrganisationImport['users']): Promise<ImportCount> {
  const rows = await session.query<CountRow>(
    {
      name: 'import-users',
      text: `
    WITH input AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS u(id text, "displayName" text)),
    written AS (
      INSERT INTO users (id, display_name) SELECT id, "displayName" FROM input
      ON CONFLICT (id) DO UPDATE SET display_name = EXCLUDED.display_name, updated_at = now()
      WHERE EXCLUDED.display_name IS NOT NULL AND users.display_name IS DISTINCT FROM EXCLUDED.display_name
      RETURNING xmax = 0 AS created)
    SELECT count(*) FILTER (WHERE created)::int AS created, count(*) FILTER (WHERE NOT created)::int AS updated FROM written`,
    },
    [JSON.stringify(users)],
  )
  return counted(users.length, rows)
}

async function importGroups(session: Session, groups: OrganisationImport['groups']): Promise<ImportCount> {
  const input = JSON.stringify(groups)
  const created = await session.query<{ name: string }>(
    {
      name: 'import-new-groups',
      text: `
    INSERT INTO groups (name) SELECT name FROM jsonb_to_recordset($1::jsonb) AS g(name text)
    ON CONFLICT (name) DO NOTHING RETURNING name`,
    },
    [input],
  )
  // A group whose input does not mention a parent keeps the one it has.
  const moved = await session.query<{ name: string }>(
    {
      name: 'import-parents',
      text: `
    UPDATE groups g SET parent_id = p.id, version = g.version + 1, updated_at = now()
    FROM jsonb_array_elements($1::jsonb) AS i(value) LEFT JOIN groups p ON p.name = i.value->>'parent'
    WHERE g.name = i.value->>'name' AND i.value ? 'parent' AND g.parent_id IS DISTINCT FROM p.id
    RETURNING g.name`,
    },
    [input],
  )
  const fresh = new Set(created.map(({ name }) => name))
  return { total: groups.length, created: created.length, updated: moved.filter(({ name }) => !fresh.has(name)).length }
}

async function importMemberships(
  session: Session,
  memberships: OrganisationImport['memberships'],
): Promise<ImportCount> {
  const rows = await session.query<CountRow>(
    {
      name: 'import-memberships',
      text: `
    WITH input AS (
      SELECT * FROM jsonb_to_recordset($1::jsonb)
        AS m("group" text, "user" text, role membership_role, "expiresAt" timestamptz, "keepsEnd" boolean)),
    named AS MATERIALIZED (SELECT i."user", g.id AS "group", i.role, i."expiresAt", i."keepsEnd" FROM input i JOIN groups g ON g.name = i."group"),
    written AS (
      INSERT INTO memberships (user_id, group_id, role, expires_at)
      SELECT n."user", n."group", n.role, CASE WHEN n."keepsEnd" THEN m.expires_at ELSE n."expiresAt" END
      FROM named n LEFT JOIN memberships m ON m.user_id = n."user" AND m.group_id = n."group"
      ON CONFLICT (user_id, group_id) DO UPDATE SET role = EXCLUDED.role, expires_at = EXCLUDED.expires_at
      WHERE (memberships.role, memberships.expires_at) IS DISTINCT FROM (EXCLUDED.role, EXCLUDED.expires_at)
      RETURNING xmax = 0 AS created)
    SELECT count(*) FILTER (WHERE created)::int AS created, count(*) FILTER (WHERE NOT created)::int AS updated FROM written`,
    },
    [JSON.stringify(memberships.map(sayingWhetherItEnds))],
  )
  return counted(memberships.length, rows)
}

async function importResources(session: Session, resources: OrganisationImport['resources']): Promise<ImportCount> {
  const rows = await session.query<CountRow>(
    {
      name: 'import-resources',
      text: `
    WITH input AS (
      SELECT value->>'name' AS name, value->>'kind' AS kind, value->>'description' AS description, value->'attributes' AS attributes
      FROM jsonb_array_elements($1::jsonb)),
    written AS (
      INSERT INTO resources (name, kind, description, attributes)
      SELECT name, kind, description, coalesce(attributes, '{}') FROM input
      ON CONFLICT (name) DO UPDATE SET kind = EXCLUDED.kind,
        description = coalesce(EXCLUDED.description, resources.description),
        attributes = CASE WHEN EXCLUDED.attributes = '{}' THEN resources.attributes ELSE EXCLUDED.attributes END,
        version = resources.version + 1, updated_at = now()
      WHERE resources.kind <> EXCLUDED.kind
        OR (EXCLUDED.description IS NOT NULL AND resources.description IS DISTINCT FROM EXCLUDED.description)
        OR (EXCLUDED.attributes <> '{}' AND resources.attributes <> EXCLUDED.attributes)
      RETURNING xmax = 0 AS created)
    SELECT count(*) FILTER (WHERE created)::int AS created, count(*) FILTER (WHERE NOT created)::int AS updated FROM written`,
    },
    [JSON.stringify(resources)],
  )
  return counted(resources.length, rows)
}

/** Shared, as for a single grant: a change of a resource names the lists of those it is granted to. */
async function importGrants(session: Session, grants: OrganisationImport['grants']): Promise<ImportCount> {
  const rows = await session.query<CountRow>(
    {
      name: 'import-grants',
      text: `
    WITH input AS (
      SELECT * FROM jsonb_to_recordset($1::jsonb)
        AS i("group" text, resource text, permission permission, "expiresAt" timestamptz, "keepsEnd" boolean)),
    granted AS MATERIALIZED (
      SELECT id, name FROM resources WHERE name IN (SELECT resource FROM input) ORDER BY id FOR SHARE),
    written AS (
      INSERT INTO grants (group_id, resource_id, permission, expires_at)
      SELECT g.id, r.id, i.permission, CASE WHEN i."keepsEnd" THEN k.expires_at ELSE i."expiresAt" END
      FROM input i JOIN groups g ON g.name = i."group" JOIN granted r ON r.name = i.resource
      LEFT JOIN grants k ON k.group_id = g.id AND k.resource_id = r.id
      ON CONFLICT (group_id, resource_id) DO UPDATE SET permission = EXCLUDED.permission, expires_at = EXCLUDED.expires_at
      WHERE (grants.permission, grants.expires_at) IS DISTINCT FROM (EXCLUDED.permission, EXCLUDED.expires_at)
      RETURNING xmax = 0 AS created)
    SELECT count(*) FILTER (WHERE created)::int AS created, count(*) FILTER (WHERE NOT created)::int AS updated FROM written`,
    },
    [JSON.stringify(grants.map(sayingWhetherItEnds))],
  )
  return counted(grants.length, rows)
}

/** JSON to columns: absent and null look alike there. */
function sayingWhetherItEnds<Item extends { readonly expiresAt?: Date | null }>(item: Item) {
  return item.expiresAt === undefined ? { ...item, keepsEnd: true } : item
}

function counted(total: number, [row]: readonly CountRow[]): ImportCount {
  return { total, created: row?.created ?? 0, updated: row?.updated ?? 0 }
}
