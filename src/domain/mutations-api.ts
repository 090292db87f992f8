/** Runs the declared mutations for callers who only know the domain's interface. */
import type { MutationRunner } from '../cache/index.ts'
import type { MutationContext, Mutations } from './api.ts'
import { encodeConsistencyToken } from './consistency-token.ts'
import * as declared from './mutations/index.ts'
import type { Transaction } from './transaction.ts'

export function createMutations(runner: MutationRunner<Transaction, MutationContext>): Mutations {
  function runs<Input, Result>(mutation: Parameters<typeof runner.run<Input, Result>>[0]) {
    return async (input: Input, context: MutationContext) => {
      const done = await runner.run(mutation, input, context)
      return { value: done.value, consistencyToken: encodeConsistencyToken(done) }
    }
  }
  return {
    createResource: runs(declared.createResource),
    updateResource: runs(declared.updateResource),
    deleteResource: runs(declared.deleteResource),
    putUser: runs(declared.putUser),
    deleteUser: runs(declared.deleteUser),
    createGroup: runs(declared.createGroup),
    updateGroup: runs(declared.updateGroup),
    deleteGroup: runs(declared.deleteGroup),
    addUserToGroup: runs(declared.addUserToGroup),
    removeUserFromGroup: runs(declared.removeUserFromGroup),
    replaceMembers: runs(declared.replaceMembers),
    putGrant: runs(declared.putGrant),
    removeGrant: runs(declared.removeGrant),
    replaceGrants: runs(declared.replaceGrants),
    importOrganisation: runs(declared.importOrganisation),
  }
}
