/** What an import must satisfy before anything is written: every problem at once, by JSON pointer. */
import type { OrganisationImport } from './api.ts'
import { checkEnds, type GivenEnd } from './ends.ts'
import { DomainError, type FieldProblem } from './errors.ts'
import type { Transaction } from './transaction.ts'

/** Problems named in one answer; more would help nobody. */
const PROBLEMS_MAX = 200
/** Items after which other requests get a turn. */
const PIECE = 10_000

/** @throws DomainError `invalid-input` with all duplicates and all references to nothing */
export async function checkImport(tx: Transaction, organisation: OrganisationImport): Promise<void> {
  const { users, groups, memberships, resources, grants } = organisation
  const problems = [
    ...(await duplicates('/users', users, ({ id }) => id, '/id')),
    ...(await duplicates('/groups', groups, ({ name }) => name, '/name')),
    ...(await duplicates('/resources', resources, ({ name }) => name, '/name')),
    ...(await duplicates('/memberships', memberships, ({ group, user }) => JSON.stringify([group, user]))),
    ...(await duplicates('/grants', grants, ({ group, resource }) => JSON.stringify([group, resource]))),
    ...(await dangling(tx, organisation)),
  ]
  if (problems.length > 0)
    throw new DomainError('invalid-input', 'the import has problems; nothing was written', {
      problems: problems.slice(0, PROBLEMS_MAX),
    })
  await checkEnds(tx, [...endsIn('/memberships', memberships), ...endsIn('/grants', grants)])
}

const endsIn = (list: string, items: readonly { readonly expiresAt?: Date | null }[]): GivenEnd[] =>
  items.flatMap(({ expiresAt }, position) => (expiresAt ? [{ path: `${list}/${position}/expiresAt`, expiresAt }] : []))

async function duplicates<Item>(
  list: string,
  items: readonly Item[],
  keyOf: (item: Item) => string,
  field = '',
): Promise<FieldProblem[]> {
  const first = new Map<string, number>()
  const problems: FieldProblem[] = []
  for (const [position, item] of items.entries()) {
    if (position % PIECE === PIECE - 1) await turnOfOthers()
    const key = keyOf(item)
    const earlier = first.get(key)
    if (earlier === undefined) first.set(key, position)
    else problems.push({ path: `${list}/${position}${field}`, message: `is the same as ${list}/${earlier}` })
  }
  return problems
}

async function dangling(tx: Transaction, organisation: OrganisationImport): Promise<FieldProblem[]> {
  const named = await namesNotBrought(organisation)
  const missing = await tx.unknown({
    users: [...named.users],
    groups: [...named.groups],
    resources: [...named.resources],
  })
  const unknown = {
    users: new Set(missing.users),
    groups: new Set(missing.groups),
    resources: new Set(missing.resources),
  }
  const problems: FieldProblem[] = []
  if (Object.values(unknown).every(({ size }) => size === 0)) return []
  for (const { kind, name, list, position, field } of references(organisation)) {
    if (!unknown[kind].has(name)) continue
    const message = `is neither in this import's ${kind} nor in the database`
    problems.push({ path: `${list}/${position}/${field}`, message })
    if (problems.length === PROBLEMS_MAX) break
  }
  return problems
}

const turnOfOthers = () => new Promise<void>((resolve) => setImmediate(resolve))

interface Reference {
  readonly kind: 'users' | 'groups' | 'resources'
  readonly name: string
  readonly list: string
  readonly position: number
  readonly field: string
}

/** Names of what the import itself does not contain. */
async function namesNotBrought(organisation: OrganisationImport): Promise<Record<Reference['kind'], Set<string>>> {
  const brought = {
    users: new Set(organisation.users.map(({ id }) => id)),
    groups: new Set(organisation.groups.map(({ name }) => name)),
    resources: new Set(organisation.resources.map(({ name }) => name)),
  }
  const names = { users: new Set<string>(), groups: new Set<string>(), resources: new Set<string>() }
  for (const { kind, name, position } of references(organisation)) {
    if (position % PIECE === PIECE - 1) await turnOfOthers()
    if (!brought[kind].has(name)) names[kind].add(name)
  }
  return names
}

/** One after the other: a million memberships have two million of them. */
function* references({ groups, memberships, grants }: OrganisationImport): Generator<Reference> {
  for (const [position, { parent }] of groups.entries())
    if (parent) yield { kind: 'groups', name: parent, list: '/groups', position, field: 'parent' }
  for (const [position, { group, user }] of memberships.entries()) {
    yield { kind: 'groups', name: group, list: '/memberships', position, field: 'group' }
    yield { kind: 'users', name: user, list: '/memberships', position, field: 'user' }
  }
  for (const [position, { group, resource }] of grants.entries()) {
    yield { kind: 'groups', name: group, list: '/grants', position, field: 'group' }
    yield { kind: 'resources', name: resource, list: '/grants', position, field: 'resource' }
  }
}
