/** A whole organisation at once. */
import type { ImportCounts } from '../api.ts'
import { checkImport } from '../import-check.ts'
import { everything } from '../invalidation-rules.ts'
import { changingTheTree, mutation } from './declare.ts'
import { checkWholeTree } from './group-tree.ts'

export const importOrganisation = mutation('importOrganisation')
  .locking((tx) => tx.takeLong())
  .locking(changingTheTree)
  .invalidates(everything())
  .write(
    async (tx, organisation): Promise<ImportCounts> => {
      await checkImport(tx, organisation)
      const counts = await tx.importOrganisation(organisation)
      await checkWholeTree(tx)
      return counts
    },
    ({ changed }) => changed,
  )
  .audited({ target: () => 'organisation' })
