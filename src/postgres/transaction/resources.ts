/** Resources, one by one. */
import { type GroupId, RESOURCE_CONTENT, type Resource } from '../../domain/model.ts'
import type { Transaction } from '../../domain/transaction.ts'
import type { Statement } from '../pool.ts'
import { RESOURCE } from '../resource-columns.ts'
import type { Question, Session } from '../session.ts'
import { type AffectedStatements, holdersOf, idsIn, type NamedUsersRow } from './affected.ts'
import { byRef, namedBy, statementFor } from './refs.ts'

const FIND = byRef('resource', '$1', (resource) => `SELECT ${RESOURCE} FROM resources WHERE ${resource}`)

// The resource, then the groups that hold it, by id. The groups are locked from what the statement's snapshot shows: where
// the resource had to be waited for, a grant may be missing from it. The holders are read again behind the locks, which shows
// that: then no grant can be added (that shares the resource), no locked group can lose or get a member below it (that
// shares the group), and the tree keeps its shape.
const LOCK = byRef(
  'lock-resource',
  '$1',
  (resource) => `
WITH subject AS MATERIALIZED (SELECT ${RESOURCE} FROM resources WHERE ${resource} FOR NO KEY UPDATE),
holders AS MATERIALIZED (
  SELECT id FROM groups
  WHERE id IN (SELECT group_id FROM grants WHERE resource_id = (SELECT id FROM subject))
  ORDER BY id FOR NO KEY UPDATE
)
SELECT subject.*, (SELECT string_agg(id::text, ',') FROM holders) AS locked FROM subject`,
)

const LOCK_GROUPS: Statement = {
  name: 'lock-holders',
  text: 'SELECT FROM groups WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE',
}

/** What a write says of a resource; `attributes` goes as the JSON that the driver makes of an object. */
const WRITTEN = ['id', ...RESOURCE_CONTENT, 'version', 'updatedAt', 'createdAt'] as const
const parameterOf = (name: (typeof WRITTEN)[number]) => `$${WRITTEN.indexOf(name) + 1}`
const valuesOf = (resource: Resource) => WRITTEN.map((name) => resource[name])

const INSERT = `
INSERT INTO resources (id, ${RESOURCE_CONTENT.join(', ')}, version, updated_at, created_at)
VALUES (${WRITTEN.map(parameterOf).join(', ')})`
const INSERT_GRANTS = `
INSERT INTO grants (group_id, resource_id, permission, expires_at)
SELECT "groupId", "resourceId", permission, "expiresAt" FROM jsonb_to_recordset($${WRITTEN.length + 1}::jsonb)
  AS g("groupId" uuid, "resourceId" uuid, permission permission, "expiresAt" timestamptz)`
const UPDATE = `
UPDATE resources SET ${RESOURCE_CONTENT.map((name) => `${name} = ${parameterOf(name)}`).join(', ')},
  version = ${parameterOf('version')}, updated_at = ${parameterOf('updatedAt')}
WHERE id = $1::uuid`

interface LockedRow extends Resource {
  readonly locked: string | null
}

interface HoldersRow extends NamedUsersRow {
  readonly groups: string | null
}

export function resourcesIn(session: Session, affected: AffectedStatements): Transaction['resources'] {
  function holdersIn([row]: readonly HoldersRow[]) {
    if (!row) throw new Error('an aggregate returned no row')
    return holdersOf(idsIn<GroupId>(row.groups), row, affected.max)
  }

  return {
    async lock(ref) {
      const name = namedBy(ref)
      const asked: Question = [statementFor(affected.holders, ref), [name]]
      const [[row], rows] = await session.both<LockedRow, HoldersRow>([statementFor(LOCK, ref), [name]], asked)
      if (!row) return null
      const { locked, ...resource } = row
      const holders = holdersIn(rows)
      const known = new Set(idsIn<GroupId>(locked))
      const missed = holders.groups.filter((group) => !known.has(group))
      if (missed.length === 0) return { resource, holders }
      const [, again] = await session.both<never, HoldersRow>([LOCK_GROUPS, [missed]], asked)
      return { resource, holders: holdersIn(again) }
    },
    async find(ref) {
      const [row] = await session.query<Resource>(statementFor(FIND, ref), [namedBy(ref)])
      return row ?? null
    },
    insert: (resource, grants) => {
      const values = valuesOf(resource)
      if (grants.length === 0) session.write({ name: 'insert-resource', parts: [INSERT], values })
      else
        session.write({
          name: 'insert-granted',
          parts: [INSERT, INSERT_GRANTS],
          values: [...values, JSON.stringify(grants)],
        })
    },
    // Everything but the last, which does not change.
    update: (resource) =>
      session.write({ name: 'update-resource', parts: [UPDATE], values: valuesOf(resource).slice(0, -1) }),
    remove: (id) =>
      session.write({ name: 'delete-resource', parts: ['DELETE FROM resources WHERE id = $1::uuid'], values: [id] }),
  }
}
