/** Reads that are never cached: users, groups, members, grants, and the explanations of who may see what and why. */
import type { Holders } from '../domain/access/access.ts'
import type { AccessEntry, ExplainedPath, Page, PageQuery, Reads, ReplaceablePage } from '../domain/api.ts'
import type { CursorCodec } from '../domain/cursor.ts'
import {
  type Grant,
  type Group,
  type GroupId,
  type JsonObject,
  type Membership,
  type MembershipRole,
  PERMISSIONS,
  type Permission,
  type Ref,
  type Resource,
  type ResourceId,
  type User,
  type UserId,
} from '../domain/model.ts'
import type { CacheSource } from '../domain/source.ts'
import { firstRowsOf, GRANTS, MEMBERS } from './list-states.ts'
import { type Ending, LIVING_GRANTS, LIVING_MEMBERSHIPS, withEnd } from './living.ts'
import type { Database, Statement } from './pool.ts'
import { boundsOf } from './prefix-bounds.ts'
import { RESOURCE } from './resource-columns.ts'
import { EFFECTIVE_GROUPS } from './visibility.ts'

type Directory = Omit<
  Reads,
  'checkToken' | 'visibleResources' | 'visibleResource' | 'effectiveGroups' | 'counts' | 'auditTrail'
> & { readonly holders: Holders }

const [LOWEST] = PERMISSIONS

const statement = (name: string, text: string): Statement => ({ name, text })
/** Planned once: every value has the same plan, and making it takes longer than looking. */
const kept = (name: string, text: string): Statement => ({ name, text, plan: 'kept' })

const USER = 'id, display_name AS "displayName", disabled, created_at AS "createdAt", updated_at AS "updatedAt"'
const GROUP = 'id, name, parent_id AS "parentId", version, created_at AS "createdAt", updated_at AS "updatedAt"'

/** $1 rows after $2 (nothing is before the empty text), from $3 below $4: a range of the index under any plan. */
const pageOf = (columns: string, table: string, key: string) =>
  `SELECT ${columns} FROM ${table}
   WHERE ${key} > $2::text COLLATE "C" AND ${key} >= $3::text COLLATE "C" AND ${key} < $4::text COLLATE "C"
   ORDER BY ${key} LIMIT $1`

/** Resources that the user of EFFECTIVE_GROUPS holds `admin` on. */
const ADMINISTERED = `administered AS (
  SELECT DISTINCT resource_id FROM ${LIVING_GRANTS} g
  WHERE group_id = ANY (ARRAY(SELECT id FROM effective)) AND permission = 'admin'
)`

/** $2 group. */
const ADMINISTERED_GRANTS = `
SELECT l.* FROM (${GRANTS.replace('$1', '$2')}) l JOIN administered a ON a.resource_id = l."resourceId"`

/** Of the user $1. */
const roleIn = (group: string) =>
  `SELECT m.role FROM ${LIVING_MEMBERSHIPS} m JOIN users u ON u.id = m.user_id AND NOT u.disabled
   WHERE m.user_id = $1 AND m.group_id = ${group}`

const SQL = {
  user: kept('user', `SELECT ${USER} FROM users WHERE id = $1`),
  users: statement('users', pageOf(USER, 'users', 'id')),
  groupById: kept('group-by-id', `SELECT ${GROUP} FROM groups WHERE id = $1::uuid`),
  groupByName: kept('group-by-name', `SELECT ${GROUP} FROM groups WHERE name = $1`),
  groups: statement('groups', pageOf(GROUP, 'groups', 'name')),
  resourceById: kept('resource-by-id', `SELECT ${RESOURCE} FROM resources WHERE id = $1::uuid`),
  resourceByName: kept('resource-by-name', `SELECT ${RESOURCE} FROM resources WHERE name = $1`),
  members: statement(
    'members',
    `SELECT * FROM (${MEMBERS}) m WHERE $3::text IS NULL OR "userId" > $3::text COLLATE "C" ORDER BY "userId" LIMIT $2`,
  ),
  firstMembers: statement('first-members', firstRowsOf(MEMBERS, 'userId', { limit: '$2' })),
  firstGrants: statement('first-grants', firstRowsOf(GRANTS, 'resourceName', { limit: '$2' })),
  grants: statement(
    'grants',
    `SELECT * FROM (${GRANTS}) g
     WHERE $3::text IS NULL OR "resourceName" > $3::text COLLATE "C" ORDER BY "resourceName" LIMIT $2`,
  ),
  /** The same for the user $1: only what the user administers, so that not even a cursor names anything else. */
  administeredGrants: statement(
    'administered-grants',
    `WITH RECURSIVE ${EFFECTIVE_GROUPS}, ${ADMINISTERED}
     SELECT * FROM (${ADMINISTERED_GRANTS}) g
     WHERE $4::text IS NULL OR "resourceName" > $4::text COLLATE "C" ORDER BY "resourceName" LIMIT $3`,
  ),
  firstAdministeredGrants: statement(
    'first-administered-grants',
    firstRowsOf(ADMINISTERED_GRANTS, 'resourceName', { limit: '$3', tables: `${EFFECTIVE_GROUPS}, ${ADMINISTERED},` }),
  ),
  roleById: statement('role-by-id', roleIn('$2::uuid')),
  roleByName: statement('role-by-name', roleIn('(SELECT id FROM groups WHERE name = $2)')),
  /** Every path from one of the users' own groups up to a group with a grant on the resource $1, for the users $2. */
  paths: kept(
    'paths',
    `WITH RECURSIVE climb AS (
       SELECT m.user_id, m.expires_at, g.id, g.parent_id, ARRAY[g.id] AS ids, ARRAY[g.name] AS names
       FROM ${LIVING_MEMBERSHIPS} m JOIN groups g ON g.id = m.group_id JOIN users u ON u.id = m.user_id AND NOT u.disabled
       WHERE m.user_id = ANY ($2::text[])
       UNION ALL
       SELECT c.user_id, c.expires_at, g.id, g.parent_id, c.ids || g.id, c.names || g.name
       FROM climb c JOIN groups g ON g.id = c.parent_id WHERE cardinality(c.ids) < 100
     )
     SELECT c.user_id AS "userId", c.ids, c.names, g.permission, LEAST(c.expires_at, g.expires_at) AS "expiresAt"
     FROM climb c JOIN ${LIVING_GRANTS} g ON g.group_id = c.id AND g.resource_id = $1::uuid
     ORDER BY c.user_id, g.permission DESC, "expiresAt" DESC NULLS FIRST, c.names`,
  ),
  /**
   * Users who hold at least $4 on the resource $1, after $3 (nothing is before the empty text), at most $2. The groups
   * are an array, so that a wide audience is read in the order of the page and no further.
   */
  audience: statement(
    'audience',
    `WITH RECURSIVE below AS (
       SELECT group_id AS id FROM ${LIVING_GRANTS} g WHERE resource_id = $1::uuid AND permission >= $4::permission
       UNION SELECT g.id FROM groups g JOIN below b ON g.parent_id = b.id
     )
     SELECT DISTINCT m.user_id AS id FROM ${LIVING_MEMBERSHIPS} m JOIN users u ON u.id = m.user_id AND NOT u.disabled
     WHERE m.group_id = ANY (ARRAY(SELECT id FROM below)) AND m.user_id > $3::text COLLATE "C"
     ORDER BY m.user_id LIMIT $2`,
  ),
}

interface PathRow {
  userId: UserId
  ids: GroupId[]
  names: string[]
  permission: Permission
  /** The membership's or the grant's, whichever comes first. */
  expiresAt: Date | null
}

export interface DirectoryOptions {
  readonly database: Database
  readonly source: CacheSource
  readonly cursors: CursorCodec
}

export function createDirectory({ database, source, cursors }: DirectoryOptions): Directory {
  const one = async <T extends object>(sql: Statement, values: readonly unknown[]): Promise<T | null> =>
    (await database.query<T>(sql, values))[0] ?? null

  /** Asks for one row more than the page shows: its presence says that there is another page. */
  async function page<T extends object>(
    list: readonly (string | undefined)[],
    query: PageQuery,
    keyOf: (row: T) => string,
    read: (count: number, after: string | null) => Promise<T[]>,
  ): Promise<Page<T>> {
    const scope = [...list, query.reader]
    const [after = null] = query.cursor === undefined ? [] : cursors.decode(scope, query.cursor)
    const rows = await read(query.limit + 1, after)
    const data = rows.slice(0, query.limit)
    const last = data.at(-1)
    const more = rows.length > data.length && last !== undefined
    return { data, nextCursor: more ? cursors.encode(scope, [keyOf(last)]) : null }
  }

  /** The same for a list that can be replaced: the first page says which state the whole list was in. */
  async function replaceablePage<T extends { readonly expiresAt: Date | null }>(
    scope: readonly (string | undefined)[],
    query: PageQuery,
    keyOf: (row: Ending<T>) => string,
    read: {
      first: (count: number) => Promise<{ state: string; rows: Ending<T>[] } | null>
      after: (count: number, after: string) => Promise<Ending<T>[]>
    },
  ): Promise<ReplaceablePage<T>> {
    let state: string | undefined
    const found = await page<Ending<T>>(scope, query, keyOf, async (count, after) => {
      if (after !== null) return read.after(count, after)
      const first = await read.first(count)
      state = first?.state
      return first?.rows ?? []
    })
    return { ...found, data: found.data.map(withEnd<T>), ...(state !== undefined && { state }) }
  }

  function group(ref: Ref<GroupId>): Promise<Group | null> {
    return 'id' in ref ? one<Group>(SQL.groupById, [ref.id]) : one<Group>(SQL.groupByName, [ref.name])
  }

  function resource(ref: Ref<ResourceId>): Promise<Resource | null> {
    return 'id' in ref
      ? one<Resource & { attributes: JsonObject }>(SQL.resourceById, [ref.id])
      : one<Resource & { attributes: JsonObject }>(SQL.resourceByName, [ref.name])
  }

  async function pathsOf(resourceId: ResourceId, users: readonly UserId[]): Promise<Map<UserId, ExplainedPath[]>> {
    const rows = await database.query<PathRow>(SQL.paths, [resourceId, users])
    const paths = new Map<UserId, ExplainedPath[]>()
    for (const { userId, ids, names, permission, expiresAt } of rows) {
      const known = paths.get(userId) ?? []
      const groups = ids.map((id, position) => ({ id, name: names[position] ?? '' }))
      // Ordered by permission, highest first, then by how long it lasts: the first path is the one that decides.
      paths.set(userId, [...known, { groups, permission, expiresAt, wins: known.length === 0 }])
    }
    return paths
  }

  return {
    group,
    resource,
    async permissionOn(user, ref) {
      return (await source.visibleOne(user, ref))?.permission ?? null
    },
    async explain(user, ref) {
      const found = await resource(ref)
      if (!found) return null
      const paths = (await pathsOf(found.id, [user])).get(user) ?? []
      const [winner] = paths
      return { permission: winner?.permission ?? null, expiresAt: winner?.expiresAt ?? null, paths }
    },
    async access(ref, query) {
      const found = await resource(ref)
      if (!found) return null
      const users = await page<{ id: UserId }>(
        ['access', found.id],
        query,
        ({ id }) => id,
        (count, after) => database.query<{ id: UserId }>(SQL.audience, [found.id, count, after ?? '', LOWEST]),
      )
      const paths = await pathsOf(
        found.id,
        users.data.map(({ id }) => id),
      )
      return { data: users.data.flatMap(({ id }) => accessOf(id, paths.get(id) ?? [])), nextCursor: users.nextCursor }
    },
    async holders({ kind, name }, { atLeast, count, after }) {
      const found = await resource({ name })
      if (found?.kind !== kind) return []
      const rows = await database.query<{ id: UserId }>(SQL.audience, [found.id, count, after ?? '', atLeast])
      return rows.map(({ id }) => id)
    },
    user: (id) => one<User>(SQL.user, [id]),
    users: (query) =>
      page<User>(
        ['users', query.q],
        query,
        ({ id }) => id,
        (count, after) => database.query<User>(SQL.users, rangeOf(query, count, after)),
      ),
    groups: (query) =>
      page<Group>(
        ['groups', query.q],
        query,
        ({ name }) => name,
        (count, after) => database.query<Group>(SQL.groups, rangeOf(query, count, after)),
      ),
    async membersOf(ref, query) {
      const found = await group(ref)
      if (!found) return null
      return replaceablePage<Membership>(['members', found.id], query, ({ userId }) => userId, {
        first: (count) => one(SQL.firstMembers, [found.id, count]),
        after: (count, after) => database.query(SQL.members, [found.id, count, after]),
      })
    },
    async grantsOf(ref, { administeredBy, ...query }) {
      const found = await group(ref)
      // No cursor was ever issued for a group that does not exist; refused as for one that does, or it would tell.
      if (!found && query.cursor !== undefined) cursors.decode(['grants'], query.cursor)
      if (!found) return null
      const [first, after, values] =
        administeredBy === undefined
          ? [SQL.firstGrants, SQL.grants, [found.id]]
          : [SQL.firstAdministeredGrants, SQL.administeredGrants, [administeredBy, found.id]]
      return replaceablePage<Grant & { resourceName: string }>(
        ['grants', found.id, administeredBy],
        query,
        ({ resourceName }) => resourceName,
        {
          first: (count) => one(first, [...values, count]),
          after: (count, name) => database.query(after, [...values, count, name]),
        },
      )
    },
    async roleIn(user, ref) {
      const [sql, group] = 'id' in ref ? [SQL.roleById, ref.id] : [SQL.roleByName, ref.name]
      const membership = await one<{ role: MembershipRole }>(sql, [user, group])
      return membership?.role ?? null
    },
  }
}

function rangeOf({ q }: { q?: string }, count: number, after: string | null): unknown[] {
  const { from, to } = boundsOf(q)
  return [count, after ?? '', from, to]
}

function accessOf(userId: UserId, paths: readonly ExplainedPath[]): AccessEntry[] {
  const [winner] = paths
  return winner ? [{ userId, permission: winner.permission, expiresAt: winner.expiresAt, paths }] : []
}
