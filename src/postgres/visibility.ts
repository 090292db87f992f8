/**
 * Which resources may this user see, with which permission: the one statement that is both the fallback and the oracle
 * of every test. Groups count upwards (a member of a child has what its ancestors were granted, never the reverse).
 */
import { endMs, LIVING_GRANTS, LIVING_MEMBERSHIPS } from './living.ts'
import type { Statement } from './pool.ts'
import { contentColumns } from './resource-columns.ts'

/** `own` and `effective` for the user $1: the user's groups with the role in each, and those with all their ancestors. */
export const EFFECTIVE_GROUPS = `
  own AS (
    SELECT g.id, g.name, g.parent_id, m.role, m.expires_at
    FROM users u JOIN ${LIVING_MEMBERSHIPS} m ON m.user_id = u.id JOIN groups g ON g.id = m.group_id
    WHERE u.id = $1 AND NOT u.disabled
  ),
  effective AS (
    SELECT id, name, parent_id FROM own
    UNION
    SELECT g.id, g.name, g.parent_id FROM groups g JOIN effective e ON g.id = e.parent_id
  )`

const COLUMNS = `r.id, ${contentColumns('r')}, r.version, r.updated_at`

const visiblePage = (name: string, { grants = '', resources }: { grants?: string; resources: string }): Statement => ({
  name,
  text: `
WITH RECURSIVE ${EFFECTIVE_GROUPS},
permitted AS (
  SELECT resource_id, max(permission) AS permission
  FROM ${LIVING_GRANTS} g WHERE group_id = ANY (ARRAY(SELECT id FROM effective)) ${grants}
  GROUP BY resource_id
)
SELECT ${COLUMNS}, p.permission
FROM permitted p JOIN resources r ON r.id = p.resource_id
WHERE ($3::text IS NULL OR (r.name, r.id) > ($3::text COLLATE "C", $4::uuid))
  AND ($5::text IS NULL OR r.kind = $5::text)
  AND ${resources}
  AND ($7::permission IS NULL OR p.permission >= $7::permission)
ORDER BY r.name, r.id
LIMIT $2`,
})

/** $1 user, $2 rows at most, $3 and $4 name and id to begin after, $5 kind, $6 prefix of the name, $7 least permission. */
export const VISIBLE_PAGE = visiblePage('visible-page', {
  resources: '($6::text IS NULL OR starts_with(r.name, $6::text))',
})

const inRange = (name: string) => `${name} >= $6::text COLLATE "C" AND ${name} < $8::text COLLATE "C"`
/** The same with a prefix as the range from $6 below $8: from the index under any plan, and only its grants are weighed. */
export const VISIBLE_RANGE = visiblePage('visible-range', {
  grants: `AND resource_id IN (SELECT id FROM resources WHERE ${inRange('name')})`,
  resources: inRange('r.name'),
})

/**
 * One row always, empty where there is nothing to see. The user's groups come first and each is looked for among the
 * grants of the id: the work is the same for a resource that is hidden and for one that does not exist.
 */
const visibleOne = (name: string, id: string): Statement => ({
  name,
  plan: 'kept',
  text: `
WITH RECURSIVE ${EFFECTIVE_GROUPS},
held AS MATERIALIZED (
  SELECT max(g.permission) AS permission
  FROM (SELECT array_agg(id) AS ids FROM effective) e
  LEFT JOIN ${LIVING_GRANTS} g ON g.resource_id = ${id} AND g.group_id = ANY (e.ids)
)
SELECT ${COLUMNS}, held.permission
FROM held LEFT JOIN resources r ON r.id = ${id} AND held.permission IS NOT NULL`,
})

/** $1 user, $2 id of the resource. */
export const VISIBLE_BY_ID = visibleOne('visible-by-id', '$2::uuid')
/** $1 user, $2 name of the resource. An unknown name stands for an unknown id. */
export const VISIBLE_BY_NAME = visibleOne(
  'visible-by-name',
  `coalesce((SELECT id FROM resources WHERE name = $2::text), '00000000-0000-0000-0000-000000000000'::uuid)`,
)

/** $1 user: how many groups count for the user and how many resources the user may see. */
export const COUNTS: Statement = {
  name: 'visible-counts',
  text: `
WITH RECURSIVE ${EFFECTIVE_GROUPS}
SELECT (SELECT count(*)::int FROM effective) AS groups,
  (
    SELECT count(DISTINCT resource_id)::int FROM ${LIVING_GRANTS} g
    WHERE group_id = ANY (ARRAY(SELECT id FROM effective))
  ) AS resources`,
}

/**
 * $1 users, $2 kinds, $3 names, as columns of the questions: the highest permission for each, and how long it is held.
 * A resource that does not exist stands for an unknown id, so that the work is the same as for a hidden one.
 */
export const PERMISSIONS_ON: Statement = {
  name: 'permissions-on',
  text: `
WITH RECURSIVE asked AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a(user_id, kind, name, place)
),
effective AS (
  SELECT m.user_id, m.group_id, coalesce(m.expires_at, 'infinity') AS lasts
  FROM (SELECT DISTINCT user_id FROM asked) a
  JOIN users u ON u.id = a.user_id AND NOT u.disabled JOIN ${LIVING_MEMBERSHIPS} m ON m.user_id = u.id
  UNION
  SELECT e.user_id, g.parent_id, e.lasts
  FROM groups g JOIN effective e ON g.id = e.group_id WHERE g.parent_id IS NOT NULL
),
holders AS MATERIALIZED (
  SELECT user_id, array_agg(group_id) AS ids, array_agg(lasts) AS lasts
  FROM (SELECT user_id, group_id, max(lasts) AS lasts FROM effective GROUP BY user_id, group_id) e GROUP BY user_id
)
SELECT held.permission, ${endMs("nullif(held.lasts, 'infinity')")} AS until
FROM asked a LEFT JOIN holders h ON h.user_id = a.user_id LEFT JOIN LATERAL (
  SELECT g.permission, max(least(g.expires_at, h.lasts[array_position(h.ids, g.group_id)])) AS lasts
  FROM ${LIVING_GRANTS} g WHERE g.group_id = ANY (h.ids) AND g.resource_id = coalesce(
    (SELECT r.id FROM resources r WHERE r.name = a.name AND r.kind = a.kind), '00000000-0000-0000-0000-000000000000'::uuid
  )
  GROUP BY g.permission ORDER BY g.permission DESC LIMIT 1
) AS held ON true
ORDER BY a.place`,
}
