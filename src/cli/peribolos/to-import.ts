/** Organisations as the body of `POST /import`. */
import type { ImportBody } from './import-body.ts'
import type { Login, OrganisationFile } from './organisation.ts'

export interface Rename {
  readonly to: string
  /** In the order in which they are looked for. */
  readonly from: readonly string[]
}

export interface Renames {
  readonly groups: readonly Rename[]
  readonly resources: readonly Rename[]
}

type Mutable = { -readonly [List in keyof ImportBody]: ImportBody[List][number][] }

/**
 * Users, groups `<org>/<team>`, resources `<org>/<repository>`: what the teams say; and a group
 * `<org>:<repository>:<permission>` of the collaborators who have it, which no team can be called.
 */
export function toImport(organisations: readonly OrganisationFile[]): ImportBody {
  return merge(
    organisations,
    organisations.flatMap((each) => [ofTeams(each), ofCollaborators(each)]),
  )
}

/**
 * With two groups more for each organisation: `<org>`, all members and admins, holding `default_repository_permission`
 * on every repository the files name; and `<org>:admins`, the admins, holding admin. Neither can be a team's name, for
 * that has a slash.
 */
export function toImportWithOrganisationRoles(organisations: readonly OrganisationFile[]): ImportBody {
  return merge(
    organisations,
    organisations.flatMap((each) => [ofTeams(each), ofCollaborators(each), ofRoles(each)]),
  )
}

function ofTeams({ name: org, teams, repositories }: OrganisationFile): ImportBody {
  const names = new Set(teams.flatMap((team) => team.repositories.map(({ name }) => name)))
  const described = new Map(repositories.map(({ name, description }) => [name, description]))
  return {
    users: [],
    groups: teams.map(({ name, parent }) => ({
      name: `${org}/${name}`,
      parent: parent === null ? null : `${org}/${parent}`,
    })),
    memberships: teams.flatMap(({ name, members }) =>
      members.map(({ id, role }) => ({ group: `${org}/${name}`, user: id, role })),
    ),
    resources: [...names.union(described)].map((name) => {
      const description = described.get(name)
      return { name: `${org}/${name}`, kind: 'repository', ...(description && { description }) }
    }),
    grants: teams.flatMap((team) =>
      team.repositories.flatMap(({ name, permission }) =>
        permission === 'none' ? [] : [{ group: `${org}/${team.name}`, resource: `${org}/${name}`, permission }],
      ),
    ),
  }
}

function ofCollaborators({ name: org, repositories }: OrganisationFile): ImportBody {
  const levels = repositories.flatMap(({ name, collaborators }) =>
    [...Map.groupBy(collaborators, ({ permission }) => permission)].map(([permission, logins]) => ({
      group: `${org}:${name}:${permission}`,
      resource: `${org}/${name}`,
      permission,
      logins,
    })),
  )
  return {
    users: [],
    groups: levels.map(({ group }) => ({ name: group, parent: null })),
    memberships: levels.flatMap(({ group, logins }) =>
      logins.map(({ id }) => ({ group, user: id, role: 'member' as const })),
    ),
    resources: [],
    grants: levels.map(({ group, resource, permission }) => ({ group, resource, permission })),
  }
}

/** Groups and resources that have another name now: the first former name that exists is renamed. */
export function renamesIn(organisations: readonly OrganisationFile[]): Renames {
  const renames = (org: string, all: readonly { readonly name: string; readonly previously: readonly string[] }[]) =>
    all
      .filter(({ previously }) => previously.length > 0)
      .map(({ name, previously }) => ({ to: `${org}/${name}`, from: previously.map((former) => `${org}/${former}`) }))
  return {
    groups: organisations.flatMap(({ name, teams }) => renames(name, teams)),
    resources: organisations.flatMap(({ name, repositories }) => renames(name, repositories)),
  }
}

function ofRoles(organisation: OrganisationFile): ImportBody {
  const { name: org, admins, members, defaultPermission } = organisation
  const everybody = new Set([...admins, ...members].map(({ id }) => id))
  const resources = ofTeams(organisation).resources.map(({ name }) => name)
  const levels = [
    ...(defaultPermission === undefined || defaultPermission === 'none'
      ? []
      : [{ group: org, permission: defaultPermission }]),
    { group: `${org}:admins`, permission: 'admin' as const },
  ]
  return {
    users: [],
    groups: [
      { name: org, parent: null },
      { name: `${org}:admins`, parent: null },
    ],
    memberships: [
      ...[...everybody].map((user) => ({ group: org, user, role: 'member' as const })),
      ...admins.map(({ id }) => ({ group: `${org}:admins`, user: id, role: 'member' as const })),
    ],
    resources: [],
    grants: levels.flatMap(({ group, permission }) => resources.map((resource) => ({ group, resource, permission }))),
  }
}

/** Every login becomes a user, also one that is in no team; the first spelling is the display name. */
function merge(organisations: readonly OrganisationFile[], parts: readonly ImportBody[]): ImportBody {
  const logins = new Map<string, Login>()
  for (const { admins, members, teams, repositories } of organisations)
    for (const login of [
      ...admins,
      ...members,
      ...teams.flatMap((team) => team.members),
      ...repositories.flatMap(({ collaborators }) => collaborators),
    ])
      if (!logins.has(login.id)) logins.set(login.id, login)
  const all: Mutable = {
    users: [...logins.values()].map(({ id, written }) => ({ id, displayName: written })),
    groups: [],
    memberships: [],
    resources: [],
    grants: [],
  }
  for (const part of parts) {
    for (const each of part.groups) all.groups.push(each)
    for (const each of part.memberships) all.memberships.push(each)
    for (const each of part.resources) all.resources.push(each)
    for (const each of part.grants) all.grants.push(each)
  }
  return all
}
