/** The state of a whole list as one short text, so that a request to replace the list can name the one that was read. */

import { endMs, LIVING_GRANTS, LIVING_MEMBERSHIPS } from './living.ts'

/** $1 group; ends in milliseconds. */
export const MEMBERS = `
SELECT user_id AS "userId", group_id AS "groupId", role, ${endMs('expires_at')} AS until
FROM ${LIVING_MEMBERSHIPS} m WHERE group_id = $1::uuid`

/** $1 group; ends in milliseconds. A resource's new name is another state too: the list shows it. */
export const GRANTS = `
SELECT g.group_id AS "groupId", g.resource_id AS "resourceId", g.permission, ${endMs('g.expires_at')} AS until,
  r.name AS "resourceName"
FROM ${LIVING_GRANTS} g JOIN resources r ON r.id = g.resource_id WHERE g.group_id = $1::uuid`

/** @param key the column that orders the list */
export const stateOf = (list: string, key: string) => `
SELECT left(encode(sha256(convert_to(coalesce(json_agg(l ORDER BY l."${key}")::text, ''), 'UTF8')), 'hex'), 24) AS state
FROM (${list}) l`

/**
 * The state and the first rows, at one moment. With rows of another moment, an overwrite could lose a change in spite
 * of the tag.
 * @param limit the parameter that holds how many rows
 */
export const firstRowsOf = (list: string, key: string, { limit, tables = '' }: { limit: string; tables?: string }) => `
WITH RECURSIVE ${tables}
list AS MATERIALIZED (${list})
SELECT (${stateOf('SELECT * FROM list', key)}) AS state,
  coalesce((
    SELECT json_agg(p ORDER BY p."${key}") FROM (SELECT * FROM list ORDER BY "${key}" LIMIT ${limit}) p
  ), '[]'::json) AS rows`
