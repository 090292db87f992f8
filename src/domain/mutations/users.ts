/** Users come, change and go. */
import { DomainError } from '../errors.ts'
import { userGroups, userResources } from '../invalidation-rules.ts'
import type { User } from '../model.ts'
import { type Input, mutation } from './declare.ts'
import { checkExistence } from './references.ts'

export const putUser = mutation<Input<'putUser'>>('putUser')
  .locking((tx, { id }) => tx.lock.user(id))
  .invalidates(userResources(({ id }) => id))
  .invalidates(userGroups(({ id }) => id))
  .audited(
    ({ id }) => `user:${id}`,
    (tx, { id }) => tx.users.find(id),
  )
  .write(async (tx, { mustExist, ...input }): Promise<{ user: User; created: boolean }> => {
    const before = await tx.users.find(input.id)
    checkExistence(before, mustExist)
    return { user: await tx.users.put(input), created: before === null }
  })

export const deleteUser = mutation<Input<'deleteUser'>>('deleteUser')
  .locking((tx, { id }) => tx.lock.user(id))
  .invalidates(userResources(({ id }) => id))
  .invalidates(userGroups(({ id }) => id))
  .audited(
    ({ id }) => `user:${id}`,
    (tx, { id }) => tx.users.find(id),
  )
  .write(async (tx, { id }): Promise<null> => {
    if (!(await tx.users.find(id))) throw new DomainError('not-found', `there is no user ${id}`)
    await tx.users.remove(id)
    return null
  })
