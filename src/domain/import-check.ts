/** What an import must satisfy before anything is written: every problem at once, by JSON pointer. */
import type { OrganisationImport } from './api.ts'
import { DomainError, type FieldProblem } from './errors.ts'
import type { Transaction } from './transaction.ts'

/** Problems named in one answer; more would help nobody. */
const PROBLEMS_MAX = 200

/** @throws DomainError `invalid-input` with all duplicates and all references to nothing */
export async function checkImport(tx: Transaction, organisation: OrganisationImport): Promise<void> {
  const { users, groups, memberships, resources, grants } = organisation
  const problems = [
    ...duplicates(
      '/users',
      users.map(({ id }) => id),
      'id',
    ),
    ...duplicates(
      '/groups',
      groups.map(({ name }) => name),
      'name',
    ),
    ...duplicates(
      '/resources',
      resources.map(({ name }) => name),
      'name',
    ),
    ...duplicates(
      '/memberships',
      memberships.map(({ group, user }) => JSON.stringify([group, user])),
    ),
    ...duplicates(
      '/grants',
      grants.map(({ group, resource }) => JSON.stringify([group, resource])),
    ),
    ...(await dangling(tx, organisation)),
  ]
  if (problems.length > 0)
    throw new DomainError('invalid-input', 'the import has problems; nothing was written', {
      problems: problems.slice(0, PROBLEMS_MAX),
    })
}

function duplicates(list: string, keys: readonly string[], field?: string): FieldProblem[] {
  const first = new Map<string, number>()
  return keys.flatMap((key, position) => {
    const earlier = first.get(key)
    if (earlier === undefined) {
      first.set(key, position)
      return []
    }
    return [{ path: `${list}/${position}${field ? `/${field}` : ''}`, message: `is the same as ${list}/${earlier}` }]
  })
}

async function dangling(tx: Transaction, organisation: OrganisationImport): Promise<FieldProblem[]> {
  const references = referencesOf(organisation)
  const among = (kind: Reference['kind']) => [
    ...new Set(references.filter((reference) => reference.kind === kind).map(({ name }) => name)),
  ]
  const missing = await tx.unknown({ users: among('users'), groups: among('groups'), resources: among('resources') })
  const unknown = {
    users: new Set(missing.users),
    groups: new Set(missing.groups),
    resources: new Set(missing.resources),
  }
  return references
    .filter(({ kind, name }) => unknown[kind].has(name))
    .map(({ kind, path }) => ({ path, message: `is neither in this import's ${kind} nor in the database` }))
}

interface Reference {
  readonly kind: 'users' | 'groups' | 'resources'
  readonly name: string
  readonly path: string
}

/** References to what the import itself does not contain. */
function referencesOf({ users, groups, memberships, resources, grants }: OrganisationImport): Reference[] {
  const brought = {
    users: new Set(users.map(({ id }) => id)),
    groups: new Set(groups.map(({ name }) => name)),
    resources: new Set(resources.map(({ name }) => name)),
  }
  const all: Reference[] = [
    ...groups.flatMap(({ parent }, i) =>
      parent ? [{ kind: 'groups' as const, name: parent, path: `/groups/${i}/parent` }] : [],
    ),
    ...memberships.flatMap(({ group, user }, i) => [
      { kind: 'groups' as const, name: group, path: `/memberships/${i}/group` },
      { kind: 'users' as const, name: user, path: `/memberships/${i}/user` },
    ]),
    ...grants.flatMap(({ group, resource }, i) => [
      { kind: 'groups' as const, name: group, path: `/grants/${i}/group` },
      { kind: 'resources' as const, name: resource, path: `/grants/${i}/resource` },
    ]),
  ]
  return all.filter(({ kind, name }) => !brought[kind].has(name))
}
