/** Reads `teams:`: members, maintainers, repositories, and the teams nested in them. */
import { PERMISSIONS } from '../../domain/model.ts'
import { nameFault } from '../../domain/names.ts'
import { type Findings, located, type Place } from './findings.ts'
import { isAccess, quoted, readLogins, readPrevious } from './names.ts'
import type { Team, TeamRepository } from './organisation.ts'
import type { RepositoryNames } from './repository-names.ts'
import type { Field, Value, YamlSource } from './yaml-source.ts'

/** The service keeps trees of at most this many levels. */
const DEEPEST = 32
const TEAM_FIELDS = ['description', 'members', 'maintainers', 'privacy', 'previously', 'repos', 'teams']

/** One for each organisation: all its files share one space of team names, at any depth. */
export interface TeamReader {
  read(source: YamlSource, teams: Value): void
  readonly teams: readonly Team[]
}

export function createTeamReader(
  organisation: string,
  repositoryNames: RepositoryNames,
  findings: Findings,
): TeamReader {
  return new OrganisationTeams(organisation, repositoryNames, findings)
}

class OrganisationTeams implements TeamReader {
  readonly teams: Team[] = []
  readonly #organisation: string
  readonly #repositoryNames: RepositoryNames
  readonly #findings: Findings
  /** By name in lower case: where it was given first. */
  readonly #seen = new Map<string, Place>()

  constructor(organisation: string, repositoryNames: RepositoryNames, findings: Findings) {
    this.#organisation = organisation
    this.#repositoryNames = repositoryNames
    this.#findings = findings
  }

  read(source: YamlSource, teams: Value): void {
    this.#readAll(source, teams, [])
  }

  /** An alias can nest a team in itself, but not endlessly: the second time its name is taken. */
  #readAll(source: YamlSource, value: Value, above: readonly string[]): void {
    const parent = above.at(-1) ?? null
    const what = parent === null ? 'teams' : `the teams in ${quoted(parent)}`
    for (const field of source.fields(value, what)) {
      const name = field.key.normalize('NFC')
      if (!this.#isNew(field, name)) continue
      if (above.length >= DEEPEST) {
        this.#findings.problem(field.keyPlace, `the team ${quoted(name)} is more than ${DEEPEST} levels deep`)
        continue
      }
      const nested = this.#readOne(source, field, name, parent)
      if (nested) this.#readAll(source, nested, [...above, name])
    }
  }

  #isNew({ key, keyPlace }: Field, name: string): boolean {
    const fault = nameFault(key) ?? nameFault(`${this.#organisation}/${name}`)
    if (fault !== null) this.#findings.problem(keyPlace, `the team name ${quoted(key)} ${fault}`)
    return this.#claim(name, keyPlace) && fault === null
  }

  /** GitHub tells teams apart without case, and one that was renamed keeps its former names to itself. */
  #claim(name: string, place: Place): boolean {
    const earlier = this.#seen.get(name.toLowerCase())
    if (earlier === undefined) this.#seen.set(name.toLowerCase(), place)
    else
      this.#findings.problem(place, `${this.#organisation} has a team ${quoted(name)} already, at ${located(earlier)}`)
    return earlier === undefined
  }

  /** @returns the teams nested in it */
  #readOne(source: YamlSource, field: Field, name: string, parent: string | null): Value | undefined {
    const what = `the team ${quoted(name)}`
    const fields = new Map(source.fields(field, what).map((each) => [each.key, each]))
    // A misspelt `members` would silently remove everybody's access.
    for (const { key, keyPlace } of fields.values())
      if (!TEAM_FIELDS.includes(key))
        this.#findings.problem(keyPlace, `${quoted(key)} is not a field of a team (${what})`)
    this.#checkPrivacy(source, fields.get('privacy'), what)
    const previously = readPrevious(source, fields.get('previously'), what, this.#findings)
    const maintainers = readLogins(source, fields.get('maintainers'), `the maintainers of ${what}`, this.#findings)
    const members = readLogins(source, fields.get('members'), `the members of ${what}`, this.#findings)
    const maintain = new Set(maintainers.map(({ id }) => id))
    for (const { id, written } of members)
      if (maintain.has(id))
        this.#findings.note(
          field.keyPlace,
          `${quoted(written)} is member and maintainer of ${what}: counted as maintainer`,
        )
    this.teams.push({
      name,
      place: field.keyPlace,
      parent,
      members: [
        ...maintainers.map((login) => ({ ...login, role: 'maintainer' as const })),
        ...members.filter(({ id }) => !maintain.has(id)).map((login) => ({ ...login, role: 'member' as const })),
      ],
      repositories: this.#readRepositories(source, fields.get('repos'), what),
      previously: previously.filter((former) => this.#claim(former.name, former.place)).map((former) => former.name),
    })
    return fields.get('teams')
  }

  #checkPrivacy(source: YamlSource, value: Value | undefined, what: string): void {
    if (value === undefined || source.isEmpty(value)) return
    const privacy = source.text(value, `the privacy of ${what}`)
    if (privacy !== null && privacy !== 'closed' && privacy !== 'secret')
      this.#findings.problem(value.place, `${quoted(privacy)} is not a privacy setting (${what}): closed or secret`)
  }

  #readRepositories(source: YamlSource, repos: Value | undefined, what: string): readonly TeamRepository[] {
    const granted = new Map<string, TeamRepository>()
    for (const field of repos ? source.fields(repos, `the repos of ${what}`) : []) {
      const name = this.#repositoryNames.refer(field)
      const level = source.text(field, `the permission of ${what} on ${quoted(field.key)}`)
      if (level !== null && !isAccess(level))
        this.#findings.problem(
          field.place,
          `${quoted(level)} is not a permission (${what} on ${quoted(field.key)}): one of none, ${PERMISSIONS.join(', ')}`,
        )
      if (name === null) continue
      if (granted.has(name)) this.#findings.problem(field.keyPlace, `${what} has the repository ${quoted(name)} twice`)
      if (level !== null && isAccess(level)) granted.set(name, { name, permission: level })
    }
    return [...granted.values()]
  }
}
