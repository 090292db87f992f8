/** Why somebody may see a resource, and who else may: every path from a user's groups up to a grant. */
import type { Holders } from '../domain/access/access.ts'
import type { AccessEntry, ExplainedPath, Reads } from '../domain/api.ts'
import { type GroupId, PERMISSIONS, type Permission, type ResourceId, type UserId } from '../domain/model.ts'
import type { KeysetPages } from './keyset-pages.ts'
import { LIVING_GRANTS, LIVING_MEMBERSHIPS } from './living.ts'
import type { Database, Statement } from './pool.ts'

const [LOWEST] = PERMISSIONS

/** Every path from one of the users' own groups up to a group with a grant on the resource $1, for the users $2. */
const PATHS: Statement = {
  name: 'paths',
  plan: 'kept',
  text: `WITH RECURSIVE climb AS (
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
}

/**
 * Users who hold at least $4 on the resource $1, after $3 (nothing is before the empty text), at most $2. The groups
 * are an array, so that a wide audience is read in the order of the page and no further.
 */
const AUDIENCE: Statement = {
  name: 'audience',
  text: `WITH RECURSIVE below AS (
     SELECT group_id AS id FROM ${LIVING_GRANTS} g WHERE resource_id = $1::uuid AND permission >= $4::permission
     UNION SELECT g.id FROM groups g JOIN below b ON g.parent_id = b.id
   )
   SELECT DISTINCT m.user_id AS id FROM ${LIVING_MEMBERSHIPS} m JOIN users u ON u.id = m.user_id AND NOT u.disabled
   WHERE m.group_id = ANY (ARRAY(SELECT id FROM below)) AND m.user_id > $3::text COLLATE "C"
   ORDER BY m.user_id LIMIT $2`,
}

interface PathRow {
  userId: UserId
  ids: GroupId[]
  names: string[]
  permission: Permission
  /** The membership's or the grant's, whichever comes first. */
  expiresAt: Date | null
}

export interface ExplanationsOptions {
  readonly database: Database
  readonly pages: KeysetPages
  readonly resource: Reads['resource']
}

export function createExplanations({
  database,
  pages,
  resource,
}: ExplanationsOptions): Pick<Reads, 'explain' | 'access'> & { readonly holders: Holders } {
  async function pathsOf(resourceId: ResourceId, users: readonly UserId[]): Promise<Map<UserId, ExplainedPath[]>> {
    const rows = await database.query<PathRow>(PATHS, [resourceId, users])
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
      const users = await pages.page<{ id: UserId }>(
        ['access', found.id],
        query,
        ({ id }) => id,
        (count, after) => database.query<{ id: UserId }>(AUDIENCE, [found.id, count, after ?? '', LOWEST]),
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
      const rows = await database.query<{ id: UserId }>(AUDIENCE, [found.id, count, after ?? '', atLeast])
      return rows.map(({ id }) => id)
    },
  }
}

function accessOf(userId: UserId, paths: readonly ExplainedPath[]): AccessEntry[] {
  const [winner] = paths
  return winner ? [{ userId, permission: winner.permission, expiresAt: winner.expiresAt, paths }] : []
}
