/** Groups: locked as the kind of change demands, and the tree above and below them. */
import type { Group, GroupId } from '../../domain/model.ts'
import type { Transaction } from '../../domain/transaction.ts'
import type { Statement } from '../pool.ts'
import type { Session } from '../session.ts'
import { type AffectedStatements, holdersOf, idsIn, type NamedUsersRow } from './affected.ts'
import { lineageOf } from './lineage.ts'
import { byRef, namedBy, splitRefs, statementFor } from './refs.ts'

const GROUP = 'id, name, parent_id AS "parentId", version, created_at AS "createdAt", updated_at AS "updatedAt"'

// Read and locked in one statement: only the locked rows themselves are read, as they are after any wait. A group that
// was renamed meanwhile no longer meets the condition and is not found.
const LOCK = byRef('lock-group', '$1', (group) => `SELECT ${GROUP} FROM groups WHERE ${group} FOR NO KEY UPDATE`)
const LOCK_ALL: Statement = {
  name: 'lock-groups',
  text: `SELECT ${GROUP} FROM groups WHERE id = ANY($1::uuid[]) OR name = ANY($2::text[]) ORDER BY id FOR NO KEY UPDATE`,
}

const LINEAGE = byRef(
  'lineage',
  '$1',
  (group) => `WITH RECURSIVE ${lineageOf(group)} SELECT string_agg(id::text, ',' ORDER BY depth) AS ids FROM lineage`,
)

const DEEPEST: Statement = {
  name: 'deepest-group',
  text: `
WITH RECURSIVE up AS (
  SELECT id, parent_id, 1 AS depth FROM groups
  UNION ALL SELECT u.id, g.parent_id, u.depth + 1 FROM groups g JOIN up u ON g.id = u.parent_id WHERE u.depth < 100
)
SELECT coalesce(max(depth), 0)::int AS deepest FROM up`,
}

const INSERT = `INSERT INTO groups (id, name, parent_id, version, created_at, updated_at)
  VALUES ($1, $2, $3::uuid, $4, $5, $6)`
const UPDATE = 'UPDATE groups SET name = $2, parent_id = $3::uuid, version = $4, updated_at = $5 WHERE id = $1::uuid'
// The children get a new version; the foreign key alone would leave their entity tags as they are.
const ORPHAN = 'UPDATE groups SET parent_id = NULL, version = version + 1, updated_at = $2 WHERE parent_id = $1::uuid'
const REMOVE = 'DELETE FROM groups WHERE id = $1::uuid'

interface SubtreeRow extends NamedUsersRow {
  readonly groups: string | null
  readonly height: number
}

export function groupsIn(session: Session, affected: AffectedStatements): Transaction['groups'] {
  return {
    async lock(ref) {
      const name = namedBy(ref)
      const [[group], [below]] = await session.both<Group, SubtreeRow>(
        [statementFor(LOCK, ref), [name]],
        [statementFor(affected.subtree, ref), [name]],
      )
      if (!group || !below) return null
      const subtree = { ...holdersOf(idsIn<GroupId>(below.groups), below, affected.max), height: below.height }
      return { group, subtree }
    },
    lockAll: async (refs) => (refs.length === 0 ? [] : session.query<Group>(LOCK_ALL, splitRefs(refs))),
    async lineage(ref) {
      const [row] = await session.query<{ ids: string | null }>(statementFor(LINEAGE, ref), [namedBy(ref)])
      return idsIn<GroupId>(row?.ids ?? null)
    },
    async membersBelow(ids) {
      const [row] = ids.length === 0 ? [] : await session.query<NamedUsersRow>(affected.membersBelow, [ids])
      return holdersOf(ids, row ?? { size: 0, lines: null }, affected.max).users
    },
    async deepest() {
      const [row] = await session.query<{ deepest: number }>(DEEPEST, [])
      return row?.deepest ?? 0
    },
    insert: ({ id, name, parentId, version, createdAt, updatedAt }) =>
      session.write({
        name: 'insert-group',
        parts: [INSERT],
        values: [id, name, parentId, version, createdAt, updatedAt],
      }),
    update: ({ id, name, parentId, version, updatedAt }) =>
      session.write({ name: 'update-group', parts: [UPDATE], values: [id, name, parentId, version, updatedAt] }),
    remove: (id) => session.write({ name: 'delete-group', parts: [ORPHAN, REMOVE], values: [id, new Date()] }),
  }
}
