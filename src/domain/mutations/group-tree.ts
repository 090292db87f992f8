/** What keeps the groups a tree: no cycles, and no more levels than anybody can follow. */
import { DomainError } from '../errors.ts'
import type { GroupId } from '../model.ts'
import type { Transaction } from '../transaction.ts'

/** Levels of the group tree at most. */
const MAX_DEPTH = 32

/** @throws DomainError `group-too-deep` when a new group below this one would be one level too many */
export async function checkBelow(tx: Transaction, parent: GroupId): Promise<void> {
  if ((await tx.groups.lineage(parent)).length >= MAX_DEPTH) throw tooDeep()
}

/** @throws DomainError `group-cycle`, `group-too-deep` */
export async function checkMove(tx: Transaction, group: GroupId, parent: GroupId): Promise<void> {
  const lineage = await tx.groups.lineage(parent)
  if (lineage.includes(group)) throw new DomainError('group-cycle', 'a group cannot be moved below itself')
  if (lineage.length + (await tx.groups.height(group)) > MAX_DEPTH) throw tooDeep()
}

/** @throws DomainError `group-too-deep`, also where an import made a cycle */
export async function checkWholeTree(tx: Transaction): Promise<void> {
  if ((await tx.groups.deepest()) > MAX_DEPTH) throw tooDeep()
}

function tooDeep(): DomainError {
  return new DomainError('group-too-deep', `the tree would have a cycle or more than ${MAX_DEPTH} levels`)
}
