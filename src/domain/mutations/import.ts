/** A whole organisation at once. */
import type { ImportCounts, OrganisationImport } from '../api.ts'
import { checkImport } from '../import-check.ts'
import { everything } from '../invalidation-rules.ts'
import { mutation } from './declare.ts'
import { checkWholeTree } from './group-tree.ts'

export const importOrganisation = mutation<OrganisationImport>('importOrganisation')
  .locking((tx) => tx.lock.treeChange())
  .invalidates(everything())
  .audited(
    () => 'organisation',
    async () => null,
  )
  .write(
    async (tx, organisation): Promise<ImportCounts> => {
      await checkImport(tx, organisation)
      const counts = await tx.importOrganisation(organisation)
      await checkWholeTree(tx)
      return counts
    },
    ({ changed }) => changed,
  )
