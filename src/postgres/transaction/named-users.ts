/** Everybody whom a change touches, as one value. */
import type { GroupId } from '../../domain/model.ts'
import type { Holders } from '../../domain/transaction.ts'
import { userIdsIn } from '../../domain/user-ids.ts'

/**
 * Columns `size` and `lines`: the members of the groups of the table `below`, at most as many as the parameter says. One
 * value instead of a row for each: thousands of rows cost the driver more than the database. The groups are an array,
 * because of a recursive list the planner expects so much that it reads all memberships there are.
 */
export const namedUsers = (limit: string) => `
  SELECT count(*)::int AS size, string_agg(user_id, chr(10)) AS lines FROM (
    SELECT DISTINCT user_id FROM memberships WHERE group_id = ANY (ARRAY(SELECT id FROM below)) LIMIT ${limit}
  ) AS named`

/** The table `below`: the groups that the query selects, and all below them. Never endless, even with a cycle. */
export const below = (groups: string) => `
  below AS (
    ${groups}
    UNION SELECT g.id, b.depth + 1 FROM groups g JOIN below b ON g.parent_id = b.id WHERE b.depth < 100
  )`

export interface NamedUsersRow {
  readonly size: number
  readonly lines: string | null
}

/** @param affectedMax one more was asked for, so that too many show */
export function holdersOf(groups: readonly GroupId[], { size, lines }: NamedUsersRow, affectedMax: number): Holders {
  return { groups, users: size <= affectedMax ? userIdsIn(lines ?? '', size) : null }
}

/** Ids as the database gathers them, in one text. */
export function idsIn<Id extends string>(list: string | null): Id[] {
  return list === null ? [] : (list.split(',') as Id[])
}
