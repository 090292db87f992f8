/** What the cache loads from PostgreSQL, each load stamped with the snapshot it saw. */

import {
  contentOf,
  type GroupId,
  type Permission,
  type ResourceContent,
  type ResourceId,
  type UserId,
  type VisibleResource,
} from '../domain/model.ts'
import type { CacheSource, CatalogueGrant, CatalogueItem, GroupNode, Stamped, VisibleQuery } from '../domain/source.ts'
import { createBatches } from './batches.ts'
import { endMs, LIVING_GRANTS, LIVING_MEMBERSHIPS } from './living.ts'
import type { Database, Statement } from './pool.ts'
import { boundsOf } from './prefix-bounds.ts'
import { contentColumns, UPDATED_AT } from './resource-columns.ts'
import { STAMP_COLUMNS, type StampColumns, stampOf } from './stamp.ts'
import {
  COUNTS,
  EFFECTIVE_GROUPS,
  PERMISSIONS_ON,
  VISIBLE_BY_ID,
  VISIBLE_BY_NAME,
  VISIBLE_PAGE,
  VISIBLE_RANGE,
} from './visibility.ts'

/**
 * A grant in the catalogue's text form, with its end where it has one. Also one that ended: what is in the catalogue
 * depends on the snapshot alone, and on no clock.
 */
export const GRANT = `group_id || ' ' || permission || coalesce(' ' || ${endMs('expires_at')}, '')`

const groupsOf = (effective: string) => `
  SELECT coalesce(json_agg(json_build_object('id', e.id, 'name', e.name, 'parentId', e.parent_id, 'role', e.role,
    'until', ${endMs('e.expires_at')}) ORDER BY e.name), '[]')
  FROM (${effective}) e`

const GROUPS_OF_ONE = groupsOf(
  'SELECT effective.*, own.role, own.expires_at FROM effective LEFT JOIN own ON own.id = effective.id',
)

/** Groups and the beginning of the list of the user $1, at most $2 resources, in one snapshot. */
const LOAD_LIST: Statement = {
  name: 'load-list',
  text: `
WITH RECURSIVE ${EFFECTIVE_GROUPS},
permitted AS (
  SELECT resource_id, max(permission) AS permission
  FROM ${LIVING_GRANTS} g WHERE group_id = ANY (ARRAY(SELECT id FROM effective)) GROUP BY resource_id
),
listed AS (
  SELECT r.id, ${contentColumns('r')}, p.permission, r.version, ${UPDATED_AT} AS "updatedAt"
  FROM permitted p JOIN resources r ON r.id = p.resource_id ORDER BY r.name, r.id LIMIT $2
),
lasting AS (
  SELECT CASE WHEN bool_and(g.expires_at IS NOT NULL) THEN max(g.expires_at) END AS until
  FROM listed l JOIN ${LIVING_GRANTS} g ON g.resource_id = l.id AND g.permission = l.permission
  WHERE g.group_id = ANY (ARRAY(SELECT id FROM effective)) GROUP BY l.id
)
SELECT ${STAMP_COLUMNS},
  (${GROUPS_OF_ONE}) AS groups,
  (SELECT coalesce(json_agg(listed ORDER BY name, id), '[]') FROM listed) AS items,
  (SELECT ${endMs('min(until)')} FROM lasting) AS until`,
}

/** Of the user $1. Most loads are of one user; the plan for many takes longer to make than this takes in all. */
const LOAD_GROUPS: Statement = {
  name: 'load-groups',
  plan: 'kept',
  text: `
WITH RECURSIVE ${EFFECTIVE_GROUPS}
SELECT ${STAMP_COLUMNS}, (${GROUPS_OF_ONE}) AS groups`,
}

/** Of the users $1 at once, in their order. */
const LOAD_GROUPS_OF_MANY: Statement = {
  name: 'load-groups-of-many',
  text: `
WITH RECURSIVE asked AS (SELECT * FROM unnest($1::text[]) WITH ORDINALITY AS a(user_id, place)),
own AS (
  SELECT a.place, g.id, g.name, g.parent_id, m.role, m.expires_at
  FROM asked a JOIN users u ON u.id = a.user_id AND NOT u.disabled
  JOIN ${LIVING_MEMBERSHIPS} m ON m.user_id = u.id JOIN groups g ON g.id = m.group_id
),
effective AS (
  SELECT place, id, name, parent_id FROM own
  UNION
  SELECT e.place, g.id, g.name, g.parent_id FROM groups g JOIN effective e ON g.id = e.parent_id
),
named AS (SELECT effective.*, own.role, own.expires_at FROM effective LEFT JOIN own USING (place, id))
SELECT ${STAMP_COLUMNS}, (
  SELECT json_agg((${groupsOf('SELECT * FROM named WHERE named.place = asked.place')}) ORDER BY place) FROM asked
) AS groups`,
}

/**
 * $1 and $2: first and last id of each run of buckets. The stamp has a row of its own: one statement, one snapshot. The
 * grants of all resources are gathered at once: looked up for each resource, the whole took half as long again.
 */
const CATALOGUE_BUCKETS: Statement = {
  name: 'catalogue-buckets',
  text: `
SELECT ${STAMP_COLUMNS}, none.id, ${contentColumns('none')}, none.version, NULL AS updated_at, NULL AS grants
FROM (SELECT (NULL::resources).*) AS none
UNION ALL
SELECT NULL, NULL, r.id, ${contentColumns('r')}, r.version,
  ${UPDATED_AT}, r.grants
FROM unnest($1::uuid[], $2::uuid[]) AS run(first, last) CROSS JOIN LATERAL (
  SELECT resources.*, granted.grants
  FROM resources LEFT JOIN (
    SELECT resource_id, string_agg(${GRANT}, ',') AS grants
    FROM grants WHERE resource_id BETWEEN run.first AND run.last GROUP BY resource_id
  ) AS granted ON granted.resource_id = resources.id
  WHERE resources.id BETWEEN run.first AND run.last
) AS r`,
}

interface ResourceRow extends ResourceContent {
  id: ResourceId
  version: number
  updated_at: Date
}

interface VisibleRow extends ResourceRow {
  permission: Permission
}

interface CatalogueRow extends Omit<ResourceRow, 'updated_at'> {
  /** As `toISOString` writes it. */
  updated_at: string
  /** `<group> <permission>[ <end>],…`: a quarter faster to make and to read than JSON, for each of hundreds of thousands. */
  grants: string | null
}

/** Beside the resources of the same statement. */
interface StampRow extends StampColumns {
  id: null
}

interface ListRow extends StampColumns {
  groups: GroupNode[]
  items: VisibleResource[]
  until: number | null
}

interface GroupsRow extends StampColumns {
  groups: GroupNode[]
}

interface GroupsOfManyRow extends StampColumns {
  groups: GroupNode[][]
}

export function createCacheSource(database: Database): CacheSource {
  const groups = createBatches<UserId, Stamped<readonly GroupNode[]>>(async (users) => {
    const [only] = users
    if (users.length === 1 && only !== undefined) return [await groupsOfOne(only)]
    const [row] = await database.query<GroupsOfManyRow>(LOAD_GROUPS_OF_MANY, [users])
    if (!row) throw new Error('a select without FROM returned no row')
    const stamp = stampOf(row)
    return row.groups.map((value) => ({ value, stamp }))
  })

  async function groupsOfOne(user: UserId): Promise<Stamped<readonly GroupNode[]>> {
    const [row] = await database.query<GroupsRow>(LOAD_GROUPS, [user])
    if (!row) throw new Error('a select without FROM returned no row')
    return { value: row.groups, stamp: stampOf(row) }
  }

  return {
    effectiveGroups: groups.load,

    async catalogueBuckets(buckets) {
      const runs = runsOf(buckets)
      const bounds = [runs.map(({ first }) => firstId(first)), runs.map(({ last }) => lastId(last))]
      // Until it is loaded, every read asks the database.
      const rows = await database.queryFirst<CatalogueRow | StampRow>(CATALOGUE_BUCKETS, bounds)
      const stamp = rows.find((row) => row.id === null)
      if (!stamp) throw new Error('a stamp is always returned')
      return { stamp: stampOf(stamp), values: grouped(rows, buckets) }
    },

    async visibleList(user, count) {
      const [row] = await database.query<ListRow>(LOAD_LIST, [user, count])
      if (!row) throw new Error('a select without FROM returned no row')
      const { groups, items, until } = row
      return { value: { groups, items: items.map(itemOf), until }, stamp: stampOf(row) }
    },

    async visible(user, query) {
      const values = [user, ...pageValues(query)]
      const rows =
        query.prefix === undefined
          ? await database.query<VisibleRow>(VISIBLE_PAGE, values)
          : await database.query<VisibleRow>(VISIBLE_RANGE, [...values, boundsOf(query.prefix).to])
      return rows.map(visibleOf)
    },

    async counts(user) {
      const [row] = await database.query<{ groups: number; resources: number }>(COUNTS, [user])
      return row ?? { groups: 0, resources: 0 }
    },

    async visibleOne(user, ref) {
      const [row] =
        'id' in ref
          ? await database.query<VisibleRow>(VISIBLE_BY_ID, [user, ref.id])
          : await database.query<VisibleRow>(VISIBLE_BY_NAME, [user, ref.name])
      return row && row.id !== null ? visibleOf(row) : null
    },

    permissions: (questions) =>
      database.query<{ permission: Permission | null; until: number | null }>(PERMISSIONS_ON, [
        questions.map(({ user }) => user),
        questions.map(({ resource }) => resource.kind),
        questions.map(({ resource }) => resource.name),
      ]),
  }
}

function pageValues({ count, after, kind, prefix, atLeast }: VisibleQuery): unknown[] {
  return [count, after?.name ?? null, after?.id ?? null, kind ?? null, prefix ?? null, atLeast ?? null]
}

function grouped(rows: readonly (CatalogueRow | StampRow)[], buckets: readonly number[]): Map<number, CatalogueItem[]> {
  const values = new Map<number, CatalogueItem[]>(buckets.map((bucket) => [bucket, []]))
  for (const row of rows) {
    if (row.id === null) continue
    const { id, version, updated_at: updatedAt, grants } = row
    const item = { id, ...contentOf(row), version, updatedAt, grants: grantsIn(grants) }
    values.get(Number.parseInt(id.slice(0, 2), 16))?.push(item)
  }
  return values
}

/** The order of the properties is the order on the wire, on the cached path too. */
function visibleOf(row: VisibleRow): VisibleResource {
  const { id, permission, version, updated_at } = row
  return { id, ...contentOf(row), permission, version, updatedAt: updated_at.toISOString() }
}

/** `<group> <permission>[ <end>],…` */
export function grantsIn(text: string | null): CatalogueGrant[] {
  return text === null ? [] : text.split(',').map(grantIn)
}

function grantIn(text: string): CatalogueGrant {
  const [group, permission, end] = text.split(' ') as [GroupId, Permission, string?]
  return end === undefined ? [group, permission] : [group, permission, Number(end)]
}

/** JSON has them in the order of the columns; the order on the wire is the one of {@link visibleOf}. */
function itemOf(item: VisibleResource): VisibleResource {
  const { id, permission, version, updatedAt } = item
  return { id, ...contentOf(item), permission, version, updatedAt }
}

/** Neighbouring buckets are one range of ids. */
function runsOf(buckets: readonly number[]): { first: number; last: number }[] {
  const runs: { first: number; last: number }[] = []
  for (const bucket of [...buckets].sort((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run && bucket === run.last + 1) run.last = bucket
    else runs.push({ first: bucket, last: bucket })
  }
  return runs
}

const firstId = (bucket: number) => `${bucket.toString(16).padStart(2, '0')}000000-0000-0000-0000-000000000000`
const lastId = (bucket: number) => `${bucket.toString(16).padStart(2, '0')}ffffff-ffff-ffff-ffff-ffffffffffff`
