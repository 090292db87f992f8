/** Users, one by one. */
import type { User } from '../../domain/model.ts'
import type { Transaction } from '../../domain/transaction.ts'
import type { Statement } from '../pool.ts'
import type { Session } from '../session.ts'

// Read and locked in one statement: only the locked row itself is read, as it is after any wait.
const LOCK: Statement = {
  name: 'lock-user',
  text: `SELECT id, display_name AS "displayName", disabled, created_at AS "createdAt", updated_at AS "updatedAt"
    FROM users WHERE id = $1 FOR NO KEY UPDATE`,
}
const INSERT = 'INSERT INTO users (id, display_name, disabled, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)'
const UPDATE = 'UPDATE users SET display_name = $2, disabled = $3, updated_at = $4 WHERE id = $1'

export function usersIn(session: Session): Transaction['users'] {
  return {
    async lock(id) {
      const [user] = await session.query<User>(LOCK, [id])
      return user ?? null
    },
    insert: ({ id, displayName, disabled, createdAt, updatedAt }) =>
      session.write({
        name: 'insert-user',
        parts: [INSERT],
        values: [id, displayName, disabled, createdAt, updatedAt],
      }),
    update: ({ id, displayName, disabled, updatedAt }) =>
      session.write({ name: 'update-user', parts: [UPDATE], values: [id, displayName, disabled, updatedAt] }),
    remove: (id) => session.write({ name: 'delete-user', parts: ['DELETE FROM users WHERE id = $1'], values: [id] }),
  }
}
