/** Users and groups with all that identity providers keep of them. */
import type { UserId } from '../../domain/model.ts'
import type { ScimUser } from '../../domain/scim-model.ts'
import type { Transaction } from '../../domain/transaction.ts'
import type { Statement } from '../pool.ts'
import {
  folded,
  KNOWN_AS,
  SCIM_GROUP,
  SCIM_USER,
  type ScimGroupRow,
  type ScimUserRow,
  scimGroupOf,
  scimUserOf,
} from '../scim-rows.ts'
import type { Session } from '../session.ts'

// Read and locked in one statement: only the locked row itself is read, as it is after any wait.
const LOCK_USER: Statement = {
  name: 'lock-scim-user',
  text: `SELECT ${SCIM_USER} FROM users u WHERE u.id = $1 FOR NO KEY UPDATE`,
}
/** A user's id counts as a name, too: tokens may carry it. */
const NAME_TAKEN: Statement = {
  name: 'scim-name-taken',
  text: `SELECT EXISTS (
    SELECT FROM users u WHERE ${folded(KNOWN_AS)} = ${folded('$2::text')} AND u.id <> $1
  ) OR EXISTS (SELECT FROM users u WHERE u.id = $2::text AND u.id <> $1) AS "isNameTaken"`,
}
const LOCK_USERS: Statement = {
  name: 'lock-scim-users',
  text: 'SELECT id FROM users WHERE id = ANY($1::text[]) ORDER BY id FOR KEY SHARE',
}
const GROUP: Statement = { name: 'scim-group-row', text: `SELECT ${SCIM_GROUP} FROM groups g WHERE g.id = $1::uuid` }

const INSERT_USER = `
INSERT INTO users (id, user_name, external_id, display_name, disabled, profile, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)`
// Users without a name do not get one by another change: their ids may differ only in case.
const UPDATE_USER = `
UPDATE users SET user_name = CASE WHEN $2 = coalesce(user_name, id) THEN user_name ELSE $2 END, external_id = $3,
  display_name = $4, disabled = $5, profile = $6::jsonb, updated_at = $7
WHERE id = $1`
const INSERT_GROUP = `
INSERT INTO groups (id, name, external_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)`
// The version is of what the API shows: the name, not the provider's own id.
const UPDATE_GROUP = `
UPDATE groups SET version = version + CASE WHEN name = $2 THEN 0 ELSE 1 END, name = $2, external_id = $3, updated_at = $4
WHERE id = $1::uuid`

export function scimIn(session: Session): Transaction['scim'] {
  return {
    async lockUser(id, userName) {
      if (userName === null) {
        const [row] = await session.query<ScimUserRow>(LOCK_USER, [id])
        return { user: row ? scimUserOf(row) : null, isNameTaken: false }
      }
      const [[row], [taken]] = await session.both<ScimUserRow, { isNameTaken: boolean }>(
        [LOCK_USER, [id]],
        [NAME_TAKEN, [id, userName]],
      )
      return { user: row ? scimUserOf(row) : null, isNameTaken: taken?.isNameTaken ?? false }
    },
    insertUser: (user) =>
      session.write({
        name: 'insert-scim-user',
        parts: [INSERT_USER],
        values: [...valuesOf(user), user.createdAt, user.updatedAt],
      }),
    updateUser: (user) =>
      session.write({ name: 'update-scim-user', parts: [UPDATE_USER], values: [...valuesOf(user), user.updatedAt] }),
    async lockUsers(ids) {
      const rows = ids.length === 0 ? [] : await session.query<{ id: UserId }>(LOCK_USERS, [ids])
      return new Set(rows.map(({ id }) => id))
    },
    async group(id) {
      const [row] = await session.query<ScimGroupRow>(GROUP, [id])
      return row ? scimGroupOf(row) : null
    },
    insertGroup: ({ id, displayName, externalId, createdAt, updatedAt }) =>
      session.write({
        name: 'insert-scim-group',
        parts: [INSERT_GROUP],
        values: [id, displayName, externalId ?? null, createdAt, updatedAt],
      }),
    updateGroup: ({ id, displayName, externalId, updatedAt }) =>
      session.write({
        name: 'update-scim-group',
        parts: [UPDATE_GROUP],
        values: [id, displayName, externalId ?? null, updatedAt],
      }),
  }
}

function valuesOf({ id, userName, externalId, displayName, active, profile }: ScimUser) {
  return [id, userName, externalId ?? null, displayName ?? null, !active, JSON.stringify(profile)]
}
