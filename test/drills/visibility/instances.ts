/** What the visibility drills ask of an instance, and the small organisations that they change. */
import type { MutationContext, Portcullis } from '../../../src/domain/api.ts'
import type { UserId } from '../../../src/domain/model.ts'

export interface Instance {
  readonly portcullis: Pick<Portcullis, 'reads' | 'mutations'>
}

export type Pair = readonly [Instance, Instance]

export const asRoot: MutationContext = { actor: 'root' as UserId }
export const named = (name: string) => ({ name })

/** Names of what the user sees, on the first page; `bypass` asks PostgreSQL. */
export async function seenBy({ portcullis }: Instance, user: string, terms = {}): Promise<string[]> {
  const { body } = await portcullis.reads.visibleResources(user as UserId, { limit: 50 }, terms)
  return (JSON.parse(body.toString()) as { data: { name: string }[] }).data.map(({ name }) => name)
}

/** A group with these members and with `read` on documents of these names. */
export async function createTeam(
  { portcullis }: Instance,
  { group, members, resources }: { group: string; members: readonly string[]; resources: readonly string[] },
): Promise<void> {
  await portcullis.mutations.importOrganisation(
    {
      users: members.map((id) => ({ id })),
      groups: [{ name: group }],
      memberships: members.map((id) => ({ group, user: id, role: 'member' })),
      resources: resources.map((name) => ({ name, kind: 'document' })),
      grants: resources.map((resource) => ({ group, resource, permission: 'read' })),
    },
    asRoot,
  )
}
