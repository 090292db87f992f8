/** Users come, change and go. */
import { DomainError } from '../errors.ts'
import { userGroups, userResources } from '../invalidation-rules.ts'
import type { User, UserId } from '../model.ts'
import { checkUserState } from '../scim-version.ts'
import type { Transaction } from '../transaction.ts'
import { mutation } from './declare.ts'
import { checkExistence } from './references.ts'

interface Subject {
  readonly id: UserId
  readonly user: User | null
}

const theUser = async (tx: Transaction, { id }: { id: UserId }): Promise<Subject> => ({
  id,
  user: await tx.users.lock(id),
})
const idOf = ({ id }: Subject) => id
const targetOf = ({ id }: { id: UserId }) => `user:${id}`

export const putUser = mutation('putUser')
  .on(theUser)
  .invalidates(userResources(idOf))
  .invalidates(userGroups(idOf))
  .write(
    (tx, { user: before }, { mustExist, ...given }): { user: User; created: boolean } => {
      checkExistence(before !== null, mustExist)
      const created: User = { displayName: null, disabled: false, createdAt: tx.now, ...given, updatedAt: tx.now }
      if (before === null) {
        tx.users.insert(created)
        return { user: created, created: true }
      }
      const user = { ...before, ...given, updatedAt: tx.now }
      if (user.displayName === before.displayName && user.disabled === before.disabled)
        return { user: before, created: false }
      tx.users.update(user)
      return { user, created: false }
    },
    ({ user }, { user: before }) => user !== before,
  )
  .audited({ target: targetOf, before: ({ user }) => user, after: ({ user }) => user })

export const deleteUser = mutation('deleteUser')
  .on(theUser)
  .invalidates(userResources(idOf))
  .invalidates(userGroups(idOf))
  .write(async (tx, { id, user }, { condition }): Promise<null> => {
    await checkUserState(tx, id, condition)
    if (user === null) throw new DomainError('not-found', `there is no user ${id}`)
    tx.users.remove(id)
    return null
  })
  .audited({ target: targetOf, before: ({ user }) => user })
