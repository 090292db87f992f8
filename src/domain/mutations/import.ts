/** A whole organisation at once. */
import type { ImportCounts } from '../api.ts'
import { checkImport } from '../import-check.ts'
import { cutIntoPieces, type ImportPieces } from '../import-pieces.ts'
import { wholeLayers } from '../invalidation-rules.ts'
import { LAYERS, type LayerName } from '../layers.ts'
import { changingTheTree, mutation } from './declare.ts'
import { checkWholeTree } from './group-tree.ts'

export const importOrganisation = mutation('importOrganisation')
  .locking((tx) => tx.takeLong())
  .locking(changingTheTree)
  .on(async (_tx, input) => ('pieces' in input ? input : cutIntoPieces(input)))
  .invalidates(wholeLayers(layersOf))
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

/** The layers that an import can change, by its non-empty lists: members alone leave the catalogue as it is. */
function layersOf({ sizes }: ImportPieces): readonly LayerName[] {
  const changed = new Set<LayerName>()
  if (sizes.users + sizes.groups + sizes.memberships > 0) changed.add('user-groups').add('user-resources')
  if (sizes.resources + sizes.grants > 0) changed.add('resources').add('user-resources')
  return LAYERS.names.filter((name) => changed.has(name))
}
