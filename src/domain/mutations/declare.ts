/** How the domain's mutations begin: the cache's chain, bound to our transaction and to the inputs of the interface. */
import { mutation as declare } from '../../cache/index.ts'
import type { Mutations } from '../api.ts'
import type { Transaction } from '../transaction.ts'

export type Input<Name extends keyof Mutations> = Parameters<Mutations[Name]>[0]

/** The chain of the mutation that the interface offers under this name. */
export const mutation = <Name extends keyof Mutations>(name: Name) => declare<Transaction, Input<Name>>(name)

/** Relies on the tree as it is. */
export const keepingTheTree = (tx: Transaction) => tx.tree.keepShape()
/** Changes the tree. */
export const changingTheTree = (tx: Transaction) => tx.tree.changeShape()
