/**
 * The affected users: the statements that name everybody in some groups and below them. Each is asked behind the locks
 * that keep its answer true, in a statement of its own: a statement that waited for a lock goes on with the snapshot it
 * began with, and would miss users who joined meanwhile.
 */
import type { GroupId } from '../../domain/model.ts'
import type { Holders } from '../../domain/transaction.ts'
import { userIdsIn } from '../../domain/user-ids.ts'
import { GRANTS, stateOf } from '../list-states.ts'
import { endMs, LIVING_GRANTS } from '../living.ts'
import type { Statement } from '../pool.ts'
import { type ByRef, byRef } from './refs.ts'

export interface AffectedStatements {
  /** Above this number, users are not named. */
  readonly max: number
  /** $1 resource: all groups that hold it, and everybody below them. */
  readonly holders: ByRef
  /** $1 group: all groups below it, their depth, and everybody in them. */
  readonly subtree: ByRef
  /** $1 groups: everybody below them. */
  readonly membersBelow: Statement
  /**
   * $1 group, $2 the id or the name of a resource: the grant on it, locked against the job that removes what ended, and
   * everybody below the group.
   */
  readonly grant: { readonly id: ByRef; readonly name: ByRef }
  /** $1 group: all that it is granted, and everybody below it. */
  readonly grants: ByRef
}

/**
 * The limit stands in the text: where a plan is kept for any limit, the planner reads all memberships in the order of
 * their users, hoping to be done early.
 */
export function createAffectedStatements(max: number): AffectedStatements {
  const name = (statement: string) => `${statement}-${max}`
  const named = namedUsers(max + 1)
  const holders = (resource: string) => `
WITH RECURSIVE holders AS MATERIALIZED (
  SELECT group_id FROM grants WHERE resource_id = ${one('resources', resource)}
), ${below('SELECT group_id AS id, 1 AS depth FROM holders')}
SELECT named.*, (SELECT string_agg(group_id::text, ',') FROM holders) AS groups FROM (${named}) AS named`
  const subtree = (group: string) => `
WITH RECURSIVE ${below(`SELECT id, 1 AS depth FROM groups WHERE ${group}`)}
SELECT named.*, (SELECT string_agg(DISTINCT id::text, ',') FROM below) AS groups, (SELECT max(depth) FROM below) AS height
FROM (${named}) AS named`
  const grant = (resource: string) => (group: string) =>
    `
WITH RECURSIVE ${below(`SELECT ${one('groups', group)} AS id, 1 AS depth`)},
held AS MATERIALIZED (
  SELECT permission, expires_at FROM grants
  WHERE group_id = ${one('groups', group)} AND resource_id = ${one('resources', resource)} FOR UPDATE
)
SELECT named.*, held.permission, ${endMs('held.expires_at')} AS until, held.expires_at <= clock_timestamp() AS "hasEnded"
FROM (${named}) AS named LEFT JOIN held ON true`
  const grants = (group: string) => `
WITH RECURSIVE ${below(`SELECT ${one('groups', group)} AS id, 1 AS depth`)}
SELECT named.*, (${stateOf(GRANTS.replace('$1::uuid', one('groups', group)), 'resourceName')}) AS state, (
  SELECT coalesce(json_agg(json_build_array(resource_id, permission, ${endMs('expires_at')})), '[]')
  FROM ${LIVING_GRANTS} g WHERE group_id = ${one('groups', group)}
) AS grants,
  EXISTS (SELECT FROM grants WHERE group_id = ${one('groups', group)} AND expires_at <= statement_timestamp()) AS "hasEnded"
FROM (${named}) AS named`
  return {
    max,
    holders: byRef(name('holders'), '$1', holders),
    subtree: byRef(name('subtree'), '$1', subtree),
    membersBelow: {
      name: name('members-below'),
      text: `WITH RECURSIVE ${below('SELECT unnest($1::uuid[]) AS id, 1 AS depth')} ${named}`,
    },
    grant: {
      id: byRef(name('grant-of-id'), '$1', grant('id = $2::uuid')),
      name: byRef(name('grant-of-name'), '$1', grant('name = $2')),
    },
    grants: byRef(name('grants'), '$1', grants),
  }
}

const one = (table: string, condition: string) => `(SELECT id FROM ${table} WHERE ${condition})`

/**
 * Columns `size` and `lines`: the members of the groups of the table `below`. One value instead of a row for each:
 * thousands of rows cost the driver more than the database. The groups are an array, because of a recursive list the
 * planner expects so much that it reads all memberships there are.
 */
const namedUsers = (limit: number) => `
  SELECT count(*)::int AS size, string_agg(user_id, chr(10)) AS lines FROM (
    SELECT DISTINCT user_id FROM memberships WHERE group_id = ANY (ARRAY(SELECT id FROM below)) LIMIT ${limit}
  ) AS named`

/** The table `below`: the groups that the query selects, and all below them. Never endless, even with a cycle. */
const below = (groups: string) => `
  below AS (
    ${groups}
    UNION SELECT g.id, b.depth + 1 FROM groups g JOIN below b ON g.parent_id = b.id WHERE b.depth < 100
  )`

export interface NamedUsersRow {
  readonly size: number
  readonly lines: string | null
}

/** @param max one more was asked for, so that too many show */
export function holdersOf(groups: readonly GroupId[], { size, lines }: NamedUsersRow, max: number): Holders {
  return { groups, users: size <= max ? userIdsIn(lines ?? '', size) : null }
}

/** Ids in one text, as the database aggregates them. */
export function idsIn<Id extends string>(list: string | null): Id[] {
  return list === null ? [] : (list.split(',') as Id[])
}
