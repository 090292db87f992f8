/** Reads that are never cached: users, groups, members and grants, one or a page of them. */
import type { Holders } from '../domain/access/access.ts'
import type { Reads } from '../domain/api.ts'
import type { CursorCodec } from '../domain/cursor.ts'
import type {
  Grant,
  Group,
  GroupId,
  JsonObject,
  Membership,
  MembershipRole,
  Ref,
  Resource,
  ResourceId,
  User,
} from '../domain/model.ts'
import type { CacheSource } from '../domain/source.ts'
import { createExplanations } from './explanations.ts'
import { createKeysetPages } from './keyset-pages.ts'
import { firstRowsOf, GRANTS, MEMBERS } from './list-states.ts'
import { LIVING_GRANTS, LIVING_MEMBERSHIPS } from './living.ts'
import type { Database, Statement } from './pool.ts'
import { boundsOf } from './prefix-bounds.ts'
import { RESOURCE } from './resource-columns.ts'
import { EFFECTIVE_GROUPS } from './visibility.ts'

type Directory = Omit<
  Reads,
  'checkToken' | 'visibleResources' | 'visibleResource' | 'effectiveGroups' | 'counts' | 'auditTrail'
> & { readonly holders: Holders }

const statement = (name: string, text: string): Statement => ({ name, text })
/** Planned once: every value has the same plan, and planning takes longer than looking up. */
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
}

export interface DirectoryOptions {
  readonly database: Database
  readonly source: CacheSource
  readonly cursors: CursorCodec
}

export function createDirectory({ database, source, cursors }: DirectoryOptions): Directory {
  const pages = createKeysetPages(cursors)
  const one = async <T extends object>(sql: Statement, values: readonly unknown[]): Promise<T | null> =>
    (await database.query<T>(sql, values))[0] ?? null

  function group(ref: Ref<GroupId>): Promise<Group | null> {
    return 'id' in ref ? one<Group>(SQL.groupById, [ref.id]) : one<Group>(SQL.groupByName, [ref.name])
  }

  function resource(ref: Ref<ResourceId>): Promise<Resource | null> {
    return 'id' in ref
      ? one<Resource & { attributes: JsonObject }>(SQL.resourceById, [ref.id])
      : one<Resource & { attributes: JsonObject }>(SQL.resourceByName, [ref.name])
  }

  return {
    ...createExplanations({ database, pages, resource }),
    group,
    resource,
    async permissionOn(user, ref) {
      return (await source.visibleOne(user, ref))?.permission ?? null
    },
    user: (id) => one<User>(SQL.user, [id]),
    users: (query) =>
      pages.page<User>(
        ['users', query.q],
        query,
        ({ id }) => id,
        (count, after) => database.query<User>(SQL.users, rangeOf(query, count, after)),
      ),
    groups: (query) =>
      pages.page<Group>(
        ['groups', query.q],
        query,
        ({ name }) => name,
        (count, after) => database.query<Group>(SQL.groups, rangeOf(query, count, after)),
      ),
    async membersOf(ref, query) {
      const found = await group(ref)
      if (!found) return null
      return pages.replaceablePage<Membership>(['members', found.id], query, ({ userId }) => userId, {
        first: (count) => one(SQL.firstMembers, [found.id, count]),
        after: (count, after) => database.query(SQL.members, [found.id, count, after]),
      })
    },
    async grantsOf(ref, { administeredBy, ...query }) {
      const found = await group(ref)
      // No cursor was ever issued for a missing group. It is refused as for an existing group, or the answer would
      // reveal which it is.
      if (!found && query.cursor !== undefined) cursors.decode(['grants'], query.cursor)
      if (!found) return null
      const [first, after, values] =
        administeredBy === undefined
          ? [SQL.firstGrants, SQL.grants, [found.id]]
          : [SQL.firstAdministeredGrants, SQL.administeredGrants, [administeredBy, found.id]]
      return pages.replaceablePage<Grant & { resourceName: string }>(
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
