/** Grants: one, or all of a group. */
import type { Grant, GroupId, Permission, Ref, ResourceId } from '../../domain/model.ts'
import type { Transaction } from '../../domain/transaction.ts'
import { ending } from '../ending.ts'
import { withEnd } from '../living.ts'
import type { Statement } from '../pool.ts'
import type { Question, Session } from '../session.ts'
import { type AffectedStatements, holdersOf, type NamedUsersRow } from './affected.ts'
import { byRef, namedBy, splitRefs, statementFor } from './refs.ts'

/**
 * The resources that $2 and $3 name, shared, then the group $1 alone: a change of a resource has locked it and then
 * its holders, so a grant given at the same time would be missing from both lists of affected users. Counting the
 * resources makes the group wait for them. Only the locked rows themselves are read, as they are after any wait.
 */
const lock = (group: string) => `
WITH granted AS MATERIALIZED (
  SELECT id, name FROM resources WHERE id = ANY($2::uuid[]) OR name = ANY($3::text[]) ORDER BY id FOR SHARE
), holder AS MATERIALIZED (
  SELECT id FROM groups WHERE ${group} AND (SELECT count(*) FROM granted) >= 0 FOR NO KEY UPDATE
)
SELECT (SELECT id FROM holder) AS "groupId",
  (SELECT coalesce(json_agg(json_build_array(id, name)), '[]') FROM granted) AS resources`
const LOCK = byRef('lock-grant', '$1', lock)

const RESOURCES_OF: Statement = {
  name: 'resources-of-group',
  text: `SELECT coalesce(json_agg(resource_id), '[]') AS ids FROM grants WHERE group_id = $1::uuid`,
}

const END_ONE = ending('end-grant', { grants: 'group_id = $1::uuid AND resource_id = $2::uuid' })
const END_ALL = ending('end-grants', { grants: 'group_id = $1::uuid' })

const INSERT = `
INSERT INTO grants (group_id, resource_id, permission, expires_at) VALUES ($1::uuid, $2::uuid, $3::permission, $4)`
const UPDATE = `
UPDATE grants SET permission = $3::permission, expires_at = $4 WHERE group_id = $1::uuid AND resource_id = $2::uuid`
const REMOVE = 'DELETE FROM grants WHERE group_id = $1::uuid AND resource_id = $2::uuid'
const PUT_ALL = `
INSERT INTO grants (group_id, resource_id, permission, expires_at)
SELECT "groupId", "resourceId", permission, "expiresAt" FROM jsonb_to_recordset($1::jsonb)
  AS g("groupId" uuid, "resourceId" uuid, permission permission, "expiresAt" timestamptz)
ON CONFLICT (group_id, resource_id) DO UPDATE SET permission = EXCLUDED.permission, expires_at = EXCLUDED.expires_at`
const REMOVE_ALL = 'DELETE FROM grants WHERE group_id = $1::uuid AND resource_id = ANY($2::uuid[])'

interface LockedRow {
  readonly groupId: GroupId | null
  readonly resources: [ResourceId, string][]
}

interface GrantRow extends NamedUsersRow {
  /** Null where there is no row. */
  readonly permission: Permission | null
  readonly until: number | null
  readonly hasEnded: boolean | null
}

interface ListRow extends NamedUsersRow {
  readonly state: string
  readonly grants: [ResourceId, Permission, until: number | null][]
  /** Whether any rows of the group have ended. */
  readonly hasEnded: boolean
}

export function grantsIn(session: Session, affected: AffectedStatements): Transaction['grants'] {
  /** Takes the locks, then reads. */
  async function locked<Row extends NamedUsersRow>(
    group: Ref<GroupId>,
    resources: readonly Ref<ResourceId>[],
    reading: Question,
  ) {
    const locking: Question = [statementFor(LOCK, group), [namedBy(group), ...splitRefs(resources)]]
    const [[lockedRow], [row]] = await session.both<LockedRow, Row>(locking, reading)
    if (!lockedRow || !row) throw new Error('a select without a condition returned no row')
    const ids = new Map(lockedRow.resources.flatMap(([id, name]) => [[`id:${id}`, id] as const, [`name:${name}`, id]]))
    const idOf = (ref: Ref<ResourceId>) =>
      ids.get('id' in ref ? `id:${ref.id.toLowerCase()}` : `name:${ref.name}`) ?? null
    const { groupId } = lockedRow
    const holders = holdersOf(groupId === null ? [] : [groupId], row, affected.max)
    return { groupId, resourceIds: resources.map(idOf), row, holders }
  }

  return {
    async lock(group, resource) {
      const reading = statementFor('id' in resource ? affected.grant.id : affected.grant.name, group)
      const values = [namedBy(group), namedBy(resource)]
      const { groupId, resourceIds, row, holders } = await locked<GrantRow>(group, [resource], [reading, values])
      const { permission, until, hasEnded } = row
      const [resourceId = null] = resourceIds
      if (groupId === null || resourceId === null) return { groupId, resourceId, grant: null, holders }
      if (hasEnded) await session.query(END_ONE, [groupId, resourceId])
      const isThere = permission !== null && !hasEnded
      const grant = isThere ? withEnd<Grant>({ groupId, resourceId, permission, until }) : null
      return { groupId, resourceId, grant, holders }
    },
    async lockList(group, resources) {
      const reading: Question = [statementFor(affected.grants, group), [namedBy(group)]]
      const { row, ...found } = await locked<ListRow>(group, resources, reading)
      const { groupId } = found
      if (groupId === null) return { ...found, grants: [], state: row.state }
      if (row.hasEnded) await session.query(END_ALL, [groupId])
      const grants = row.grants.map(([resourceId, permission, until]) =>
        withEnd<Grant>({ groupId, resourceId, permission, until }),
      )
      return { ...found, grants, state: row.state }
    },
    insert: ({ groupId, resourceId, permission, expiresAt }) =>
      session.write({ name: 'insert-grant', parts: [INSERT], values: [groupId, resourceId, permission, expiresAt] }),
    update: ({ groupId, resourceId, permission, expiresAt }) =>
      session.write({ name: 'update-grant', parts: [UPDATE], values: [groupId, resourceId, permission, expiresAt] }),
    remove: ({ groupId, resourceId }) =>
      session.write({ name: 'delete-grant', parts: [REMOVE], values: [groupId, resourceId] }),
    putAll: (grants) => session.write({ name: 'put-grants', parts: [PUT_ALL], values: [JSON.stringify(grants)] }),
    removeAll: (groupId, resources) =>
      session.write({ name: 'delete-grants', parts: [REMOVE_ALL], values: [groupId, resources] }),
    async resourcesOf(groupId) {
      const [row] = await session.query<{ ids: ResourceId[] }>(RESOURCES_OF, [groupId])
      return row?.ids ?? []
    },
  }
}
