/** What an import must satisfy before anything is written: every problem at once, by JSON pointer. */
import { checkEnds, type GivenEnd } from './ends.ts'
import { DomainError, type FieldProblem, PROBLEMS_MAX } from './errors.ts'
import { IMPORT_LISTS, type ImportPieces, type NamedKind, type Piece, REFERENCES_OF } from './import-pieces.ts'
import type { Transaction } from './transaction.ts'

/** @throws DomainError `invalid-input` with all duplicates and all references to nothing, `end-in-the-past` */
export async function checkImport(tx: Transaction, organisation: ImportPieces): Promise<void> {
  const problems = [...organisation.duplicates, ...(await dangling(tx, organisation))]
  if (problems.length > 0)
    throw new DomainError('invalid-input', 'the import has problems; nothing was written', {
      problems: problems.slice(0, PROBLEMS_MAX),
    })
  await checkAllEnds(tx, organisation)
}

/** The pieces are looked through only where the earliest end is in the past. */
async function checkAllEnds(tx: Transaction, { firstEnd, pieces }: ImportPieces): Promise<void> {
  if (firstEnd === null || firstEnd > (await tx.clock()).getTime()) return
  const given: GivenEnd[] = []
  for (const list of ['memberships', 'grants'] as const) {
    let position = 0
    for (const piece of pieces[list]) {
      for (const { expiresAt } of itemsOf(piece) as readonly { readonly expiresAt?: string | null }[]) {
        const path = `/${list}/${position++}/expiresAt`
        if (expiresAt) given.push({ path, expiresAt: new Date(expiresAt) })
      }
      await turnOfOthers()
    }
  }
  await checkEnds(tx, given)
}

type Names = Readonly<Record<NamedKind, ReadonlySet<string>>>

async function dangling(tx: Transaction, organisation: ImportPieces): Promise<FieldProblem[]> {
  const unknown = await namesOfNothing(tx, organisation)
  if (Object.values(unknown).every(({ size }) => size === 0)) return []
  const problems: FieldProblem[] = []
  for (const list of IMPORT_LISTS) {
    let position = 0
    for (const piece of organisation.pieces[list]) {
      for (const item of itemsOf(piece)) {
        const pointer = `/${list}/${position++}`
        for (const { kind, name, field } of REFERENCES_OF[list](item as never))
          if (unknown[kind].has(name))
            problems.push({
              path: `${pointer}/${field}`,
              message: `is neither in this import's ${kind} nor in the database`,
            })
      }
      if (problems.length >= PROBLEMS_MAX) return problems
      await turnOfOthers()
    }
  }
  return problems
}

/** At most `PROBLEMS_MAX` of each piece: the first problems are those of the names that are mentioned first. */
async function namesOfNothing(tx: Transaction, { elsewhere }: ImportPieces): Promise<Names> {
  const { users, groups, resources } = elsewhere
  const unknown = { users: new Set<string>(), groups: new Set<string>(), resources: new Set<string>() }
  for (let at = 0; at < Math.max(users.length, groups.length, resources.length); at++) {
    const found = await tx.unknown(
      { users: users[at] ?? null, groups: groups[at] ?? null, resources: resources[at] ?? null },
      PROBLEMS_MAX,
    )
    for (const kind of ['users', 'groups', 'resources'] as const)
      for (const name of found[kind]) unknown[kind].add(name)
  }
  return unknown
}

const utf8 = new TextDecoder()
const itemsOf = ({ json }: Piece) => JSON.parse(utf8.decode(json)) as readonly unknown[]

const turnOfOthers = () => new Promise<void>((resolve) => setImmediate(resolve))
