/** How the domain's mutations begin: the cache's chain, bound to our transaction and to the inputs of the interface. */
import { mutation as declare } from '../../cache/index.ts'
import type { Mutations } from '../api.ts'
import type { Transaction } from '../transaction.ts'

export type Input<Name extends keyof Mutations> = Parameters<Mutations[Name]>[0]

export const mutation = <In>(name: string) => declare<Transaction, In>(name)
