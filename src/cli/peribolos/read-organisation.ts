/** Reads one organisation: the mapping in its org.yaml (or under `orgs:`) together with its teams.yaml files. */

import { PERMISSIONS } from '../../domain/model.ts'
import { nameFault } from '../../domain/names.ts'
import type { Findings } from './findings.ts'
import { isAccess, quoted, readLogins } from './names.ts'
import type { OrganisationFile } from './organisation.ts'
import { readRepositories } from './read-repositories.ts'
import { createTeamReader } from './read-teams.ts'
import { createRepositoryNames } from './repository-names.ts'
import type { Value, YamlSource } from './yaml-source.ts'

/** What tells an organisation from any other YAML file. */
export const ORGANISATION_FIELDS = ['admins', 'members', 'teams', 'repos', 'default_repository_permission']
/** Settings of an organisation that say nothing about who may see what. */
const OTHER_FIELDS = [
  ...['name', 'description', 'company', 'email', 'billing_email', 'location', 'blog', 'twitter_username'],
  ...['has_organization_projects', 'has_repository_projects', 'members_can_create_repositories'],
]

export interface OrganisationInput {
  readonly name: string
  readonly source: YamlSource
  /** The mapping that holds `admins`, `members`, `teams`. */
  readonly body: Value
  readonly teamFiles: readonly YamlSource[]
}

export function readOrganisation(input: OrganisationInput, findings: Findings): OrganisationFile {
  const { source, body, teamFiles } = input
  const what = `the organisation ${quoted(input.name)}`
  const name = input.name.normalize('NFC')
  const fault = name.includes('/') ? 'contains a slash' : nameFault(name)
  if (fault !== null) findings.problem(body.place, `the organisation name ${quoted(name)} ${fault}`)
  const fields = new Map(source.fields(body, what).map((field) => [field.key, field]))
  for (const { key, keyPlace, ...value } of fields.values())
    if (key === 'roles') {
      if (!source.isEmpty(value)) findings.note(keyPlace, `the organisation roles of ${what} are not taken`)
    } else if (!ORGANISATION_FIELDS.includes(key) && !OTHER_FIELDS.includes(key))
      findings.note(keyPlace, `${quoted(key)} is not known in an organisation: skipped`)

  const admins = readLogins(source, fields.get('admins'), `the admins of ${what}`, findings)
  const members = readLogins(source, fields.get('members'), `the members of ${what}`, findings)
  const both = new Set(admins.map(({ id }) => id))
  for (const { id, written } of members)
    if (both.has(id)) findings.note(body.place, `${quoted(written)} is member and admin of ${what}: counted as admin`)
  const names = createRepositoryNames(name, findings)
  // Before the teams: the organisation's own spelling of a repository counts, and its former names lead to it.
  const repositories = readRepositories(source, fields.get('repos'), { organisation: name, names }, findings)
  const teams = createTeamReader(name, names, findings)
  const own = fields.get('teams')
  if (own) teams.read(source, own)
  for (const file of teamFiles) readTeamFile(file, teams, findings)
  return {
    name,
    place: body.place,
    admins,
    members,
    defaultPermission: readDefaultPermission(source, fields.get('default_repository_permission'), findings),
    repositories,
    teams: teams.teams,
  }
}

function readTeamFile(file: YamlSource, teams: ReturnType<typeof createTeamReader>, findings: Findings): void {
  for (const field of file.fields(file.root, 'a teams.yaml'))
    if (field.key === 'teams') teams.read(file, field)
    else findings.problem(field.keyPlace, `${quoted(field.key)} does not belong in a teams.yaml, which holds "teams"`)
}

function readDefaultPermission(
  source: YamlSource,
  value: Value | undefined,
  findings: Findings,
): OrganisationFile['defaultPermission'] {
  if (value === undefined || source.isEmpty(value)) return undefined
  const level = source.text(value, 'default_repository_permission')
  if (level === null) return undefined
  if (isAccess(level)) return level
  findings.problem(value.place, `${quoted(level)} is not a permission: one of none, ${PERMISSIONS.join(', ')}`)
  return undefined
}
