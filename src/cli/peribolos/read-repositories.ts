/** Reads the organisation's own list of repositories: descriptions, former names, collaborators. */

import { PERMISSIONS } from '../../domain/model.ts'
import { nameFault } from '../../domain/names.ts'
import type { Findings } from './findings.ts'
import { isAccess, quoted, readPrevious } from './names.ts'
import type { Repository } from './organisation.ts'
import type { RepositoryNames } from './repository-names.ts'
import type { Field, Value, YamlSource } from './yaml-source.ts'

/** All that the format defines; the settings among them say nothing about who may see what. */
const FIELDS = [
  ...['description', 'previously', 'collaborators'],
  ...['homepage', 'private', 'visibility', 'has_issues', 'has_projects', 'has_wiki', 'default_branch', 'archived'],
  ...['allow_squash_merge', 'allow_merge_commit', 'allow_rebase_merge'],
  ...['squash_merge_commit_title', 'squash_merge_commit_message'],
  ...['on_create', 'fork_from', 'default_branch_only'],
]

export function readRepositories(
  source: YamlSource,
  value: Value | undefined,
  { organisation, names }: { readonly organisation: string; readonly names: RepositoryNames },
  findings: Findings,
): readonly Repository[] {
  function readOne(repository: Field): Repository[] {
    const what = `the repository ${quoted(repository.key)}`
    const fields = new Map(source.fields(repository, what).map((field) => [field.key, field]))
    // A misspelt `collaborators` would silently remove their access.
    for (const { key, keyPlace } of fields.values())
      if (!FIELDS.includes(key)) findings.problem(keyPlace, `${quoted(key)} is not a field of a repository (${what})`)
    const previously = readPrevious(source, fields.get('previously'), what, findings)
    const name = names.declare(repository, previously)
    const about = fields.get('description')
    const collaborators = readCollaborators(fields.get('collaborators'), what)
    if (name === null) return []
    // The longest of the names that their groups can have.
    const fault = nameFault(`${organisation}:${name}:maintain`)
    if (collaborators.length > 0 && fault !== null)
      findings.problem(repository.keyPlace, `the group of the collaborators of ${what} ${fault}`)
    return [
      {
        name,
        description: about && !source.isEmpty(about) ? source.text(about, `the description of ${what}`) : null,
        previously: previously.map((former) => former.name),
        collaborators,
      },
    ]
  }

  function readCollaborators(list: Value | undefined, what: string): Repository['collaborators'] {
    const found = new Map<string, Repository['collaborators'][number]>()
    const seen = new Set<string>()
    for (const field of list ? source.fields(list, `the collaborators of ${what}`) : []) {
      const [written, id] = [field.key, field.key.toLowerCase()]
      const fault = nameFault(written)
      if (fault !== null)
        findings.problem(field.keyPlace, `the login ${quoted(written)} among the collaborators of ${what} ${fault}`)
      if (seen.has(id)) findings.problem(field.keyPlace, `${what} has the collaborator ${quoted(id)} twice`)
      seen.add(id)
      const level = source.text(field, `the permission of ${quoted(written)} on ${what}`)
      if (level === null) continue
      if (!isAccess(level))
        findings.problem(
          field.place,
          `${quoted(level)} is not a permission (${quoted(written)} on ${what}): one of none, ${PERMISSIONS.join(', ')}`,
        )
      else if (level !== 'none') found.set(id, { id, written, permission: level })
    }
    return [...found.values()]
  }

  return value ? source.fields(value, `the repos of ${quoted(organisation)}`).flatMap(readOne) : []
}
