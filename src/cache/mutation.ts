/**
 * A mutation declared as its correctness: what it locks, what goes stale, what it writes. Rules are plain functions in
 * a chain that only declares, so their order cannot matter; `mutation-runner.ts` owns the transaction.
 */
import type { EntryKey, LayerName } from './entry-store.ts'
import { inPieces } from './in-pieces.ts'
import type { Tag } from './tags.ts'

/** What stops being valid: tags for the log, which every instance judges by, and keys to remove from the store at once. */
export interface Invalidation {
  readonly tags: readonly Tag[]
  readonly keys: readonly LayerKey[]
  /** Whole layers, where naming keys would be too many. */
  readonly layers: readonly LayerName[]
  /** Keys by the thousand. */
  readonly lists?: readonly KeyList[]
}

/**
 * Keys that are only written out while they are removed, some at a time. As fifty thousand objects that live from the
 * rule to the removal, each would be copied by the garbage collector, and everything else would stand still meanwhile.
 */
export interface KeyList {
  readonly layer: LayerName
  readonly size: number
  /** Lists of one layer with the same identity name the same keys. */
  readonly identity: string
  keys(): Iterable<EntryKey>
}

export interface LayerKey {
  readonly layer: LayerName
  readonly key: EntryKey
}

/** Evaluated inside the transaction both before and after the write; what either names is invalidated. */
export type Rule<Tx, Input> = (tx: Tx, input: Input) => Promise<Invalidation>

/** Taken before anything is computed, so that what is affected cannot change under the computation. */
export type Lock<Tx, Input> = (tx: Tx, input: Input) => Promise<void>

export interface AuditRecord {
  readonly target: string
  readonly before: unknown
  readonly after: unknown
}

export interface Mutation<Tx, Input, Result> {
  readonly name: string
  readonly locks: readonly Lock<Tx, Input>[]
  readonly rules: readonly Rule<Tx, Input>[]
  readonly target: (input: Input) => string
  readonly state: (tx: Tx, input: Input) => Promise<unknown>
  readonly write: (tx: Tx, input: Input) => Promise<Result>
  readonly changed: (result: Result) => boolean
}

export interface MutationChain<Tx, Input> {
  locking(lock: Lock<Tx, Input>): MutationChain<Tx, Input>
  invalidates(rule: Rule<Tx, Input>): MutationChain<Tx, Input>
  /** What the audit log calls the thing that changes, and its state before and after. */
  audited(target: (input: Input) => string, state: (tx: Tx, input: Input) => Promise<unknown>): MutationChain<Tx, Input>
  /** @param changed false for a result that left everything as it was: then nothing is invalidated or audited */
  write<Result>(
    write: (tx: Tx, input: Input) => Promise<Result>,
    changed?: (result: Result) => boolean,
  ): Mutation<Tx, Input, Result>
}

export const NOTHING_INVALIDATED: Invalidation = { tags: [], keys: [], layers: [] }

/** Begins the chain of a mutation; `name` is what the logs call it. */
export function mutation<Tx, Input>(name: string): MutationChain<Tx, Input> {
  return chain<Tx, Input>({ name, locks: [], rules: [], target: () => name, state: async () => null })
}

function chain<Tx, Input>(declared: Omit<Mutation<Tx, Input, never>, 'write' | 'changed'>): MutationChain<Tx, Input> {
  return {
    locking: (lock) => chain({ ...declared, locks: [...declared.locks, lock] }),
    invalidates: (rule) => chain({ ...declared, rules: [...declared.rules, rule] }),
    audited: (target, state) => chain({ ...declared, target, state }),
    write: (write, changed = () => true) => ({ ...declared, write, changed }),
  }
}

/** What several rules name, before the write and after it, each once. */
export async function mergeInvalidations(all: readonly Invalidation[]): Promise<Invalidation> {
  const keys = new Map<EntryKey, LayerKey>()
  for (const named of new Set(all.map((each) => each.keys))) await inPieces(named, (each) => keys.set(each.key, each))
  const lists = distinct(all.flatMap((each) => each.lists ?? []))
  return {
    tags: [...new Set(all.flatMap(({ tags }) => tags))],
    keys: [...keys.values()],
    layers: [...new Set(all.flatMap(({ layers }) => layers))],
    ...(lists.length > 0 && { lists }),
  }
}

function distinct(lists: readonly KeyList[]): KeyList[] {
  const isFirst = (list: KeyList, at: number) =>
    lists.findIndex(({ layer, identity }) => layer === list.layer && identity === list.identity) === at
  return lists.filter(isFirst)
}

/** How many keys it names. */
export function keyCountOf({ keys, lists = [] }: Invalidation): number {
  return lists.reduce((sum, { size }) => sum + size, keys.length)
}

export function invalidatesNothing(invalidation: Invalidation): boolean {
  const { tags, layers } = invalidation
  return tags.length === 0 && keyCountOf(invalidation) === 0 && layers.length === 0
}
