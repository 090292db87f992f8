/**
 * What happens to a membership or a grant whose end has come: its row goes, and the log and the audit trail say that it
 * ended. Readers do not depend on it: they stop seeing the row at its end (living.ts). The job does it as ends come, and a
 * mutation that meets such a row does it first, so that what it writes is new.
 */
import type { Statement } from './pool.ts'

/** No person ends the access: this is the actor and the event in the audit trail and in the log. */
const ACTOR = 'system:expiry'
export const END_ACCESS = 'endAccess'

export interface Ended {
  readonly memberships: number
  readonly grants: number
}

/** A condition, and what may follow it, that selects among the ended rows; absent: no rows. */
interface Which {
  readonly memberships?: string
  readonly grants?: string
}

const NONE = 'false'
const AS_TEXT = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/**
 * A row that somebody prolongs meanwhile has no end that has come once it is locked, and stays. The tags are those of the
 * triggers: an instance of an older release, which does not know of ends, takes it for a removal.
 */
export function ending(name: string, { memberships = NONE, grants = NONE }: Which, locking = 'FOR UPDATE'): Statement {
  return {
    name,
    text: `
WITH due_memberships AS MATERIALIZED (
  SELECT user_id, group_id FROM memberships WHERE expires_at <= statement_timestamp() AND ${memberships} ${locking}
),
due_grants AS MATERIALIZED (
  SELECT group_id, resource_id FROM grants WHERE expires_at <= statement_timestamp() AND ${grants} ${locking}
),
ended_memberships AS (
  DELETE FROM memberships m USING due_memberships d WHERE m.user_id = d.user_id AND m.group_id = d.group_id
  RETURNING m.user_id, m.group_id, m.role, m.expires_at
),
ended_grants AS (
  DELETE FROM grants g USING due_grants d WHERE g.group_id = d.group_id AND g.resource_id = d.resource_id
  RETURNING g.group_id, g.resource_id, g.permission, g.expires_at
),
audited AS (
  INSERT INTO audit_log (actor, action, target, before)
  SELECT '${ACTOR}', '${END_ACCESS}', concat('membership:', g.name, ':', m.user_id), jsonb_build_object(
    'userId', m.user_id, 'groupId', m.group_id, 'role', m.role, 'expiresAt', ${AS_TEXT('m.expires_at')})
  FROM ended_memberships m JOIN groups g ON g.id = m.group_id
  UNION ALL
  SELECT '${ACTOR}', '${END_ACCESS}', concat('grant:', g.name, ':', r.name), jsonb_build_object(
    'groupId', e.group_id, 'resourceId', e.resource_id, 'permission', e.permission, 'expiresAt', ${AS_TEXT('e.expires_at')})
  FROM ended_grants e JOIN groups g ON g.id = e.group_id JOIN resources r ON r.id = e.resource_id
),
appended AS (
  INSERT INTO invalidation_log (tags, event, actor)
  SELECT tags, '${END_ACCESS}', '${ACTOR}' FROM (
    SELECT portcullis_user_tags(ARRAY(SELECT user_id FROM ended_memberships))
      || portcullis_catalogue_tags(ARRAY(SELECT resource_id FROM ended_grants))
      || portcullis_grants_tags(ARRAY(SELECT group_id FROM ended_grants)) AS tags OFFSET 0
  ) AS named WHERE cardinality(tags) > 0
)
SELECT (SELECT count(*)::int FROM ended_memberships) AS memberships, (SELECT count(*)::int FROM ended_grants) AS grants`,
  }
}
