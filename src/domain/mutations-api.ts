/** Runs the declared mutations for callers who only know the domain's interface. */
import type { Mutation, MutationRunner } from '../cache/index.ts'
import type { Mutated, MutationContext, Mutations } from './api.ts'
import { encodeConsistencyToken } from './consistency-token.ts'
import * as declared from './mutations/index.ts'
import type { Transaction } from './transaction.ts'

type Name = keyof Mutations
type Input<Each extends Name> = Parameters<Mutations[Each]>[0]
type Value<Each extends Name> = Awaited<ReturnType<Mutations[Each]>>['value']
type Declared = { readonly [Each in Name]: Mutation<Transaction, Input<Each>, Value<Each>> }

export function createMutations(runner: MutationRunner<Transaction, MutationContext>): Mutations {
  // A mutation of the interface that is not declared, or is declared with other types, does not compile here.
  const all: Declared = declared
  const runs =
    (mutation: Mutation<Transaction, never, unknown>) =>
    async (input: never, context: MutationContext): Promise<Mutated<unknown>> => {
      const done = await runner.run(mutation, input, context)
      return { value: done.value, consistencyToken: encodeConsistencyToken(done) }
    }
  return Object.fromEntries(
    Object.entries(all).map(([name, mutation]) => [name, runs(mutation)]),
  ) as unknown as Mutations
}
