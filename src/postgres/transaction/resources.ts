/** Resources, one by one. */
import type { GroupId, Resource } from '../../domain/model.ts'
import type { Transaction } from '../../domain/transaction.ts'
import type { Statement } from '../pool.ts'
import type { Question, Session } from '../session.ts'
import { type AffectedStatements, holdersOf, idsIn, type NamedUsersRow } from './affected.ts'
import { byRef, namedBy, statementFor } from './refs.ts'

const RESOURCE =
  'id, name, kind, description, attributes, version, created_at AS "createdAt", updated_at AS "updatedAt"'

const FIND = byRef('resource', '$1', (resource) => `SELECT ${RESOURCE} FROM resources WHERE ${resource}`)

// The resource, then the groups that hold it, by id. The groups are locked from what the statement's snapshot shows: where
// the resource had to be waited for, a grant may be missing from it. The holders are read anew behind the locks, which shows
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

const INSERT = `
INSERT INTO resources (id, name, kind, description, attributes, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)`
const INSERT_GRANTS = `
INSERT INTO grants (group_id, resource_id, permission)
SELECT "groupId", "resourceId", permission FROM jsonb_to_recordset($9::jsonb)
  AS g("groupId" uuid, "resourceId" uuid, permission permission)`
const UPDATE = `
UPDATE resources SET name = $2, kind = $3, description = $4, attributes = $5::jsonb, version = $6, updated_at = $7
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
    insert: ({ id, name, kind, description, attributes, version, createdAt, updatedAt }, grants) => {
      const values = [id, name, kind, description, JSON.stringify(attributes), version, createdAt, updatedAt]
      if (grants.length === 0) session.write({ name: 'insert-resource', parts: [INSERT], values })
      else
        session.write({
          name: 'insert-granted',
          parts: [INSERT, INSERT_GRANTS],
          values: [...values, JSON.stringify(grants)],
        })
    },
    update: ({ id, name, kind, description, attributes, version, updatedAt }) =>
      session.write({
        name: 'update-resource',
        parts: [UPDATE],
        values: [id, name, kind, description, JSON.stringify(attributes), version, updatedAt],
      }),
    remove: (id) =>
      session.write({ name: 'delete-resource', parts: ['DELETE FROM resources WHERE id = $1::uuid'], values: [id] }),
  }
}
