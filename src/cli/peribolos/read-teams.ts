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
  const teams: Team[] = []
  const seen = new Map<string, Place>()

  // An alias can nest a team in itself, but not endlessly: the second time its name is taken.
  function readAll(source: YamlSource, value: Value, above: readonly string[]): void {
    const parent = above.at(-1) ?? null
    const what = parent === null ? 'teams' : `the teams in ${quoted(parent)}`
    for (const field of source.fields(value, what)) {
      const name = field.key.normalize('NFC')
      if (!isNew(field, name)) continue
      if (above.length >= DEEPEST) {
        findings.problem(field.keyPlace, `the team ${quoted(name)} is more than ${DEEPEST} levels deep`)
        continue
      }
      const nested = readOne(source, field, name, parent)
      if (nested) readAll(source, nested, [...above, name])
    }
  }

  function isNew({ key, keyPlace }: Field, name: string): boolean {
    const fault = nameFault(key) ?? nameFault(`${organisation}/${name}`)
    if (fault !== null) findings.problem(keyPlace, `the team name ${quoted(key)} ${fault}`)
    return claim(name, keyPlace) && fault === null
  }

  /** GitHub tells teams apart without case, and one that was renamed keeps its former names to itself. */
  function claim(name: string, place: Place): boolean {
    const earlier = seen.get(name.toLowerCase())
    if (earlier === undefined) seen.set(name.toLowerCase(), place)
    else findings.problem(place, `${organisation} has a team ${quoted(name)} already, at ${located(earlier)}`)
    return earlier === undefined
  }

  /** @returns the teams nested in it */
  function readOne(source: YamlSource, field: Field, name: string, parent: string | null): Value | undefined {
    const what = `the team ${quoted(name)}`
    const fields = new Map(source.fields(field, what).map((each) => [each.key, each]))
    // A misspelt `members` would silently remove everybody's access.
    for (const { key, keyPlace } of fields.values())
      if (!TEAM_FIELDS.includes(key)) findings.problem(keyPlace, `${quoted(key)} is not a field of a team (${what})`)
    checkPrivacy(source, fields.get('privacy'), what)
    const previously = readPrevious(source, fields.get('previously'), what, findings)
    const maintainers = readLogins(source, fields.get('maintainers'), `the maintainers of ${what}`, findings)
    const members = readLogins(source, fields.get('members'), `the members of ${what}`, findings)
    const maintain = new Set(maintainers.map(({ id }) => id))
    for (const { id, written } of members)
      if (maintain.has(id))
        findings.note(field.keyPlace, `${quoted(written)} is member and maintainer of ${what}: counted as maintainer`)
    teams.push({
      name,
      place: field.keyPlace,
      parent,
      members: [
        ...maintainers.map((login) => ({ ...login, role: 'maintainer' as const })),
        ...members.filter(({ id }) => !maintain.has(id)).map((login) => ({ ...login, role: 'member' as const })),
      ],
      repositories: readRepositories(source, fields.get('repos'), what),
      previously: previously.filter((former) => claim(former.name, former.place)).map((former) => former.name),
    })
    return fields.get('teams')
  }

  function checkPrivacy(source: YamlSource, value: Value | undefined, what: string): void {
    if (value === undefined || source.isEmpty(value)) return
    const privacy = source.text(value, `the privacy of ${what}`)
    if (privacy !== null && privacy !== 'closed' && privacy !== 'secret')
      findings.problem(value.place, `${quoted(privacy)} is not a privacy setting (${what}): closed or secret`)
  }

  function readRepositories(source: YamlSource, repos: Value | undefined, what: string): readonly TeamRepository[] {
    const granted = new Map<string, TeamRepository>()
    for (const field of repos ? source.fields(repos, `the repos of ${what}`) : []) {
      const name = repositoryNames.refer(field)
      const level = source.text(field, `the permission of ${what} on ${quoted(field.key)}`)
      if (level !== null && !isAccess(level))
        findings.problem(
          field.place,
          `${quoted(level)} is not a permission (${what} on ${quoted(field.key)}): one of none, ${PERMISSIONS.join(', ')}`,
        )
      if (name === null) continue
      if (granted.has(name)) findings.problem(field.keyPlace, `${what} has the repository ${quoted(name)} twice`)
      if (level !== null && isAccess(level)) granted.set(name, { name, permission: level })
    }
    return [...granted.values()]
  }

  return { teams, read: (source, value) => readAll(source, value, []) }
}
