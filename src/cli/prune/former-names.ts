/** Renames the groups that `previously` names before the import, which would otherwise create second ones. */
import { type Client, RefusedError } from '../../client/index.ts'
import type { Renames } from '../peribolos/index.ts'
import type { Surplus } from './surplus.ts'

const [NOT_FOUND, CONFLICT] = [404, 409]

export async function renameFormerNames(
  api: Client,
  { resources }: Renames,
  { renames }: Pick<Surplus, 'renames'>,
  say: (text: string) => void,
): Promise<void> {
  for (const { id, from, to } of renames) {
    await api.patchGroup({ path: { id }, body: { name: to } })
    say(`renamed ${from} to ${to}`)
  }
  for (const { from, to } of resources) {
    for (const former of from) {
      const outcome = await renameResource(api, former, to)
      if (outcome === 'renamed') say(`renamed ${former} to ${to}`)
      if (outcome !== 'absent') break
    }
  }
}

/** No call lists the resources of others, so the renaming itself tells whether there is one. */
async function renameResource(api: Client, from: string, to: string): Promise<'renamed' | 'absent' | 'taken'> {
  try {
    await api.patchResource({ path: { id: `name:${from}` }, body: { name: to } })
    return 'renamed'
  } catch (error) {
    if (error instanceof RefusedError && error.status === NOT_FOUND) return 'absent'
    if (error instanceof RefusedError && error.status === CONFLICT) return 'taken'
    throw error
  }
}
