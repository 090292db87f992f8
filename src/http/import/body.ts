/** The body of an import: what may be in it, and how its bytes become what the domain takes. */
import { z } from 'zod'
import { PROBLEMS_MAX } from '../../domain/errors.ts'
import { createPiecesMaker, IMPORT_LISTS, type ImportList, type ImportPieces } from '../../domain/import-pieces.ts'
import { checkKey, namedTwice, notJson, parsePlainJson } from '../plain-json.ts'
import { invalid } from '../problem.ts'
import {
  attributes,
  description,
  displayName,
  expiresAtIn,
  kind,
  membershipRole,
  name,
  permission,
  userId,
} from '../schemas.ts'
import { PLAINLY } from '../validation-messages.ts'
import { checkPart, listsOf, membersOf } from './split.ts'

const MAX_ITEMS = 1_000_000
const TOO_MANY = `must be at most ${MAX_ITEMS} items`

const listed = <Item extends z.ZodType>(item: Item) => z.array(item).max(MAX_ITEMS, { error: TOO_MANY }).default([])

const AS_IT_WAS = 'as it was, none for what is new'

export const importBody = z.strictObject({
  users: listed(z.strictObject({ id: userId, displayName: displayName.exactOptional() })),
  groups: listed(z.strictObject({ name, parent: name.nullable().exactOptional() })),
  memberships: listed(
    z.strictObject({
      group: name,
      user: userId,
      role: membershipRole.default('member'),
      expiresAt: expiresAtIn(AS_IT_WAS),
    }),
  ),
  resources: listed(
    z.strictObject({ name, kind, description: description.exactOptional(), attributes: attributes.exactOptional() }),
  ),
  grants: listed(z.strictObject({ group: name, resource: name, permission, expiresAt: expiresAtIn(AS_IT_WAS) })),
})

/** Items that are parsed and checked together: few enough that the garbage collector frees them soon. */
const TOGETHER = 1000
/** The members of the body are one level below it, the items of its lists two. */
const BELOW_BODY = 2

/**
 * Takes some seconds for the largest bodies, in one go.
 * @throws HttpError `malformed-request`, `payload-too-large`
 * @throws DomainError `invalid-input`, each problem by its JSON pointer
 */
export function readImport(bytes: Uint8Array): ImportPieces {
  const { lists, others } = partsOf(bytes)
  const maker = createPiecesMaker()
  const issues: z.core.$ZodIssue[] = []
  for (const list of IMPORT_LISTS) {
    let read = 0
    for (const text of lists.get(list) ?? []) {
      const items = parsePlainJson(text, BELOW_BODY) as readonly unknown[]
      if (read + items.length > MAX_ITEMS) {
        issues.push({ code: 'custom', path: [list], message: TOO_MANY, input: undefined })
        break
      }
      if (issues.length < PROBLEMS_MAX) {
        const result = importBody.shape[list].safeParse(items, PLAINLY)
        if (result.success) maker.add(list, result.data as never)
        else issues.push(...result.error.issues.map((issue) => ({ ...issue, path: pathOf(issue, list, read) })))
      }
      read += items.length
    }
  }
  const rest = importBody.safeParse(others, PLAINLY)
  if (!rest.success) issues.push(...rest.error.issues)
  if (issues.length > 0) throw invalid(issues, 'body')
  return maker.finish()
}

function pathOf({ path: [position, ...rest] }: z.core.$ZodIssue, list: ImportList, read: number): PropertyKey[] {
  return [list, read + Number(position), ...rest]
}

interface Parts {
  readonly lists: ReadonlyMap<ImportList, Iterable<Uint8Array>>
  /** Everything else in the body. */
  readonly others: unknown
}

function partsOf(bytes: Uint8Array): Parts {
  const members = membersOf(bytes)
  if (members === null) return { lists: new Map(), others: parsePlainJson(checkPart(bytes, 'The body')) }
  const lists = new Map<ImportList, Iterable<Uint8Array>>()
  const others = new Map<string, unknown>()
  for (const { key, value } of members) {
    const named = nameOf(key)
    const pointer = `/${named}`
    const texts = isImportList(named) ? listsOf(value, pointer, TOGETHER) : null
    if (lists.has(named as ImportList) || others.has(named)) throw namedTwice()
    if (texts) lists.set(named as ImportList, texts)
    else others.set(named, parsePlainJson(checkPart(value, pointer), BELOW_BODY))
  }
  return { lists, others: Object.fromEntries(others) }
}

function nameOf(key: Uint8Array): string {
  const named = parsePlainJson(checkPart(key, 'A name'))
  if (typeof named !== 'string') throw notJson()
  checkKey(named)
  return named
}

const isImportList = (named: string): named is ImportList => (IMPORT_LISTS as readonly string[]).includes(named)
