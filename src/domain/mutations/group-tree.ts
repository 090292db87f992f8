/** Keeps the groups a tree: no cycles, and a bounded number of levels. */
import { DomainError } from '../errors.ts'
import type { GroupId } from '../model.ts'
import type { Subtree, Transaction } from '../transaction.ts'

/** Levels of the group tree at most. */
const MAX_DEPTH = 32

/**
 * @param lineage of the parent; empty for a top-level group
 * @throws DomainError `group-too-deep` when a new group below it would be one level too many
 */
export function checkBelow(lineage: readonly GroupId[]): void {
  if (lineage.length >= MAX_DEPTH) throw tooDeep()
}

/**
 * @param lineage of the new parent; empty where the group becomes or stays a top-level group
 * @throws DomainError `group-cycle`, `group-too-deep`
 */
export function checkMove({ groups, height }: Subtree, lineage: readonly GroupId[]): void {
  const [parent] = lineage
  if (parent === undefined) return
  if (groups.includes(parent)) throw new DomainError('group-cycle', 'a group cannot be moved below itself')
  if (lineage.length + height > MAX_DEPTH) throw tooDeep()
}

/** @throws DomainError `group-too-deep`, also where an import made a cycle */
export async function checkWholeTree(tx: Transaction): Promise<void> {
  if ((await tx.groups.deepest()) > MAX_DEPTH) throw tooDeep()
}

function tooDeep(): DomainError {
  return new DomainError('group-too-deep', `the tree would have a cycle or more than ${MAX_DEPTH} levels`)
}
