/** Who may see what, by plain SQL of its own: neither the service's statement nor its code takes part. */
import pg from 'pg'

export interface TrueItem {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly description: string | null
  readonly attributes: unknown
  readonly permission: string
  readonly version: number
  readonly updatedAt: string
}

const LADDER = ['read', 'triage', 'write', 'maintain', 'admin']

export interface Truth {
  /** Ordered by name then id, as the API orders. */
  visibleTo(user: string): readonly TrueItem[]
  refresh(): Promise<void>
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
  close(): Promise<void>
}

/** All of it read again by `refresh`, from the database's tables. */
export async function createTruth(databaseUrl: string): Promise<Truth> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  // A connection that is still closing hears that its database is dropped.
  pool.on('error', () => {})
  let byUser = new Map<string, TrueItem[]>()
  const query = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await pool.query(text, [...values])).rows as Row[]

  async function refresh(): Promise<void> {
    const rows = await query<TrueItem & { user: string; at: Date }>(`
      WITH RECURSIVE reach AS (
        SELECT user_id, group_id FROM memberships
        UNION
        SELECT r.user_id, g.parent_id FROM reach r JOIN groups g ON g.id = r.group_id WHERE g.parent_id IS NOT NULL
      )
      SELECT m.user_id AS "user", r.id, r.name, r.kind, r.description, r.attributes, r.version, r.updated_at AS at,
        (array_agg(g.permission::text ORDER BY array_position('{${LADDER.join(',')}}'::text[], g.permission::text) DESC))[1] AS permission
      FROM reach m JOIN users u ON u.id = m.user_id JOIN grants g ON g.group_id = m.group_id JOIN resources r ON r.id = g.resource_id
      WHERE NOT u.disabled
      GROUP BY m.user_id, r.id
      ORDER BY m.user_id, r.name COLLATE "C", r.id`)
    byUser = new Map()
    for (const { user, at, id, name, kind, description, attributes, permission, version } of rows) {
      const items = byUser.get(user) ?? []
      items.push({ id, name, kind, description, attributes, permission, version, updatedAt: at.toISOString() })
      byUser.set(user, items)
    }
  }

  await refresh()
  return { visibleTo: (user) => byUser.get(user) ?? [], refresh, query, close: () => pool.end() }
}

export function isAtLeast(permission: string, least: string): boolean {
  return LADDER.indexOf(permission) >= LADDER.indexOf(least)
}
