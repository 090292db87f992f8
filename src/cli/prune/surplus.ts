/** The groups of the imported organisations as the service has them, less what the files name. */
import type { Client, Permission } from '../../client/index.ts'
import { eachOf } from '../each-of.ts'
import { UsageError } from '../outcome.ts'
import type { ImportBody, Renames } from '../peribolos/index.ts'

export interface Surplus {
  /** Groups that the files do not name; their memberships and grants are among the others. */
  readonly groups: readonly { readonly id: string; readonly name: string }[]
  readonly memberships: readonly { readonly groupId: string; readonly group: string; readonly user: string }[]
  readonly grants: readonly {
    readonly groupId: string
    readonly group: string
    readonly resourceId: string
    readonly resource: string
    readonly permission: Permission
  }[]
  /** Groups that exist under a former name only. */
  readonly renames: readonly { readonly id: string; readonly from: string; readonly to: string }[]
  /** How many there are now, named by the files or not. */
  readonly existing: { readonly groups: number; readonly memberships: number; readonly grants: number }
}

interface Imported {
  readonly organisations: readonly string[]
  readonly organisation: ImportBody
  readonly renames: Renames
}

export async function findSurplus(
  api: Client,
  { organisations, organisation, renames }: Imported,
  { orgRoles }: { readonly orgRoles: boolean },
): Promise<Surplus> {
  const found = await groupsOf(api, organisations, orgRoles)
  const renamed = renamesAmong(found, renames)
  const nameNow = new Map(renamed.map(({ id, to }) => [id, to]))
  const wanted = wantedBy(organisation)
  const formerResources = new Map(renames.resources.flatMap(({ to, from }) => from.map((former) => [former, to])))
  const memberships: Surplus['memberships'][number][] = []
  const grants: Surplus['grants'][number][] = []
  const existing = { groups: found.length, memberships: 0, grants: 0 }
  await eachOf(found, async ({ id: groupId, name }) => {
    const group = nameNow.get(groupId) ?? name
    const ofGroup = { path: { id: groupId } }
    for await (const { userId } of api.items('listMembers', ofGroup)) {
      existing.memberships++
      if (!wanted.members(group).has(userId)) memberships.push({ groupId, group, user: userId })
    }
    for await (const { resourceId, resourceName, permission } of api.items('listGrants', ofGroup)) {
      existing.grants++
      const resource = formerResources.get(resourceName) ?? resourceName
      if (!wanted.resources(group).has(resource)) grants.push({ groupId, group, resourceId, resource, permission })
    }
  })
  const byGroup = (one: { readonly group: string }, other: { readonly group: string }) =>
    one.group < other.group ? -1 : Number(one.group > other.group)
  return {
    groups: found.filter(({ id, name }) => !wanted.groups.has(nameNow.get(id) ?? name)),
    memberships: memberships.toSorted(byGroup),
    grants: grants.toSorted(byGroup),
    renames: renamed,
    existing,
  }
}

/** Only with `orgRoles` does the import cover the groups of the organisation itself. */
async function groupsOf(api: Client, organisations: readonly string[], orgRoles: boolean) {
  const found = new Map<string, { readonly id: string; readonly name: string }>()
  for (const org of organisations) {
    const isOfRoles = (name: string) => name === org || name === `${org}:admins`
    const isOwn = (name: string) =>
      isOfRoles(name) ? orgRoles : name.startsWith(`${org}/`) || isOfCollaborators(org, name)
    for await (const { id, name } of api.items('listGroups', { query: { q: org } }))
      if (isOwn(name)) found.set(id, { id, name })
  }
  return [...found.values()]
}

const isOfCollaborators = (org: string, name: string) =>
  name.startsWith(`${org}:`) && name.indexOf(':', org.length + 1) > 0

function renamesAmong(found: readonly { readonly id: string; readonly name: string }[], { groups }: Renames) {
  const ids = new Map(found.map(({ id, name }) => [name, id]))
  return groups.flatMap(({ to, from }) => {
    if (ids.has(to)) return []
    const former = from.find((each) => ids.has(each))
    const id = former === undefined ? undefined : ids.get(former)
    return former === undefined || id === undefined ? [] : [{ id, from: former, to }]
  })
}

function wantedBy({ groups, memberships, grants }: ImportBody) {
  const members = Map.groupBy(memberships, ({ group }) => group)
  const resources = Map.groupBy(grants, ({ group }) => group)
  return {
    groups: new Set(groups.map(({ name }) => name)),
    members: (group: string): ReadonlySet<string> => new Set(members.get(group)?.map(({ user }) => user)),
    resources: (group: string): ReadonlySet<string> => new Set(resources.get(group)?.map(({ resource }) => resource)),
  }
}

export const amounts = ({ groups, memberships, grants }: Surplus) => ({
  groups: groups.length,
  memberships: memberships.length,
  grants: grants.length,
})

export function describeSurplus(surplus: Surplus, what: string): string {
  const { groups, memberships, grants } = amounts(surplus)
  return `${groups} groups, ${memberships} memberships, ${grants} grants: ${what}`
}

/**
 * @param share of what exists, 0 to 1
 * @throws UsageError if more than that would be removed: an empty file must not empty an organisation
 */
export function assertWithin(surplus: Surplus, share: number): void {
  for (const [what, count] of Object.entries(amounts(surplus))) {
    const all = surplus.existing[what as keyof Surplus['existing']]
    if (count > share * all)
      throw new UsageError(
        `${count} of ${all} ${what} would go, ${percent(count / all)} and more than the ${percent(share)} that --prune-max allows; nothing was sent`,
      )
  }
}

const percent = (share: number) => `${Number((100 * share).toFixed(1))}%`
