/**
 * An organisation to import, as the database takes it: lists cut into pieces of JSON, with what can be found out about it
 * without the database. Making it of a million items takes seconds and is done where nothing else waits; it is then
 * carried out piece by piece, so that other requests never wait long.
 */
import type { OrganisationImport } from './api/organisation-import.ts'
import { type FieldProblem, PROBLEMS_MAX } from './errors.ts'

export interface Piece {
  readonly items: number
  /** An array in UTF-8, with a buffer of its own. */
  readonly json: Uint8Array<ArrayBuffer>
}

export type ImportList = keyof OrganisationImport
export type NamedKind = 'users' | 'groups' | 'resources'

export interface ImportPieces {
  readonly sizes: Readonly<Record<ImportList, number>>
  /** All items of a list, in their order. */
  readonly pieces: Readonly<Record<ImportList, readonly Piece[]>>
  /** Names that the import refers to but does not contain, in the order of their first mention. */
  readonly elsewhere: Readonly<Record<NamedKind, readonly Piece[]>>
  /** The earliest end of a membership or a grant, in milliseconds since the epoch; null where none has one. */
  readonly firstEnd: number | null
  /** Items that occur twice; at most `PROBLEMS_MAX`. */
  readonly duplicates: readonly FieldProblem[]
}

/** In the order in which they are written. */
export const IMPORT_LISTS = ['users', 'groups', 'memberships', 'resources', 'grants'] as const satisfies ImportList[]

export interface PiecesMaker {
  /** The next items of a list. */
  add<List extends ImportList>(list: List, items: OrganisationImport[List]): void
  finish(): ImportPieces
}

export function createPiecesMaker(): PiecesMaker {
  const cutters = forEachList(() => createCutter())
  const registers = {
    users: createRegister('/users', '/id'),
    groups: createRegister('/groups', '/name'),
    memberships: createRegister('/memberships'),
    resources: createRegister('/resources', '/name'),
    grants: createRegister('/grants'),
  }
  let firstEnd: number | null = null
  const mentioned = { users: new Set<string>(), groups: new Set<string>(), resources: new Set<string>() }
  return {
    add(list, items) {
      const keysOf: (item: never) => readonly [string, string] = KEYS_OF[list]
      const referencesOf: (item: never) => readonly Reference[] = REFERENCES_OF[list]
      for (const item of items) {
        cutters[list].add(item)
        registers[list].add(keysOf(item as never))
        if ('expiresAt' in item && item.expiresAt) firstEnd = Math.min(firstEnd ?? Infinity, item.expiresAt.getTime())
        for (const { kind, name } of referencesOf(item as never)) mentioned[kind].add(name)
      }
    },
    finish() {
      const elsewhere = (kind: NamedKind) => {
        const cutter = createCutter()
        for (const name of mentioned[kind]) if (!registers[kind].has(['', name])) cutter.add(name)
        return cutter.finish()
      }
      return {
        sizes: forEachList((list) => cutters[list].size),
        pieces: forEachList((list) => cutters[list].finish()),
        elsewhere: { users: elsewhere('users'), groups: elsewhere('groups'), resources: elsewhere('resources') },
        firstEnd,
        duplicates: DUPLICATES_TOLD.flatMap((list) => registers[list].duplicates).slice(0, PROBLEMS_MAX),
      }
    },
  }
}

/** In one go: for a million items it takes a second or more. */
export function cutIntoPieces(organisation: OrganisationImport): ImportPieces {
  const maker = createPiecesMaker()
  for (const list of IMPORT_LISTS) maker.add(list, organisation[list])
  return maker.finish()
}

const DUPLICATES_TOLD = ['users', 'groups', 'resources', 'memberships', 'grants'] as const

function forEachList<T>(of: (list: ImportList) => T): Record<ImportList, T> {
  return Object.fromEntries(IMPORT_LISTS.map((list) => [list, of(list)])) as Record<ImportList, T>
}

/**
 * The database works on this many for a fraction of a second, and no piece is so large that copying it would be
 * noticed.
 */
const PIECE_ITEMS = 10_000
const PIECE_CHARACTERS = 1024 * 1024

function createCutter() {
  const utf8 = new TextEncoder()
  const pieces: Piece[] = []
  let texts: string[] = []
  let characters = 0
  let size = 0

  function cut(): void {
    if (texts.length > 0) pieces.push({ items: texts.length, json: utf8.encode(`[${texts.join(',')}]`) })
    texts = []
    characters = 0
  }

  return {
    get size() {
      return size
    },
    add(item: unknown): void {
      const text = JSON.stringify(item)
      if (texts.length === PIECE_ITEMS || characters + text.length > PIECE_CHARACTERS) cut()
      texts.push(text)
      characters += text.length
      size++
    },
    finish(): readonly Piece[] {
      cut()
      return pieces
    },
  }
}

/** By two keys in maps of maps: one text of both for each of a million items would need a hundred megabytes. */
function createRegister(list: string, field = '') {
  const positions = new Map<string, Map<string, number>>()
  const duplicates: FieldProblem[] = []
  let position = 0
  return {
    duplicates,
    has: ([one, other]: readonly [string, string]) => positions.get(one)?.has(other) === true,
    add([one, other]: readonly [string, string]): void {
      const at = position++
      const known = positions.get(one)
      const earlier = known?.get(other)
      if (!known) positions.set(one, new Map([[other, at]]))
      else if (earlier === undefined) known.set(other, at)
      else if (duplicates.length < PROBLEMS_MAX)
        duplicates.push({ path: `${list}/${at}${field}`, message: `is the same as ${list}/${earlier}` })
    },
  }
}

type ForItems<T> = { readonly [List in ImportList]: (item: OrganisationImport[List][number]) => T }

const KEYS_OF: ForItems<readonly [string, string]> = {
  users: ({ id }) => ['', id],
  groups: ({ name }) => ['', name],
  memberships: ({ group, user }) => [group, user],
  resources: ({ name }) => ['', name],
  grants: ({ group, resource }) => [group, resource],
}

export interface Reference {
  readonly kind: NamedKind
  readonly name: string
  readonly field: string
}

const NOTHING: readonly Reference[] = []

/** Of an item, as it is or as it is in a piece. */
export const REFERENCES_OF: ForItems<readonly Reference[]> = {
  users: () => NOTHING,
  groups: ({ parent }) => (parent ? [{ kind: 'groups', name: parent, field: 'parent' }] : NOTHING),
  memberships: ({ group, user }) => [
    { kind: 'groups', name: group, field: 'group' },
    { kind: 'users', name: user, field: 'user' },
  ],
  resources: () => NOTHING,
  grants: ({ group, resource }) => [
    { kind: 'groups', name: group, field: 'group' },
    { kind: 'resources', name: resource, field: 'resource' },
  ],
}
