/**
 * A mutation is declared by its parts: its locks, its subject, the entries it makes stale, its writes. The chain only
 * declares; `mutation-runner.ts` owns the transaction.
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
 * Keys that are only written out while they are removed, some at a time. Fifty thousand objects that
 * live from the rule to the removal would each be copied by the garbage collector, which stops everything else.
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

/**
 * Evaluated inside the transaction both before and after the write; what either names is invalidated. A rule that answers
 * at once has not asked the transaction, so it would answer the same again and is evaluated before the write alone.
 */
export type Rule<Tx, Subject> = (tx: Tx, subject: Subject) => Invalidation | Promise<Invalidation>

/** Taken before anything is read, so that the affected entries cannot change during the computation. */
export type Lock<Tx, Input> = (tx: Tx, input: Input) => void | Promise<void>

export interface AuditRecord {
  readonly target: string
  readonly before: unknown
  readonly after: unknown
}

/** What the audit log calls the thing that changes, and its state before and after; absent: no state. */
export interface Audit<Input, Subject, Result> {
  readonly target: (input: Input) => string
  readonly before?: (subject: Subject) => unknown
  readonly after?: (result: Result, subject: Subject) => unknown
}

export interface Mutation<Tx, Input, Result> {
  readonly name: string
  /** Takes the locks and finds the subject; all that follows is about this one subject. */
  begin(tx: Tx, input: Input): Promise<BegunMutation<Result>>
}

export interface BegunMutation<Result> {
  affected(): Promise<Invalidation[]>
  write(): Promise<Result>
  changed(result: Result): boolean
  audit(result: Result): AuditRecord
}

/** The subject is the input itself until `on` resolves another. */
export interface MutationChain<Tx, Input, Subject = Input> {
  locking(lock: Lock<Tx, Input>): MutationChain<Tx, Input, Subject>
  /** Finds what the input names, with the locks that make the answer true, once for rules, write and audit. */
  on<Found>(resolve: (tx: Tx, input: Input) => Promise<Found>): MutationChain<Tx, Input, Found>
  invalidates(rule: Rule<Tx, Subject>): MutationChain<Tx, Input, Subject>
  /** @param changed false for a result that left everything as it was: then nothing is invalidated or audited */
  write<Result>(
    write: (tx: Tx, subject: Subject, input: Input) => Result | Promise<Result>,
    changed?: (result: Result, subject: Subject) => boolean,
  ): AuditableMutation<Tx, Input, Subject, Result>
}

/** Without `audited` the audit log has the mutation's name and no state. */
export interface AuditableMutation<Tx, Input, Subject, Result> extends Mutation<Tx, Input, Result> {
  audited(audit: Audit<Input, Subject, Result>): Mutation<Tx, Input, Result>
}

export const NOTHING_INVALIDATED: Invalidation = { tags: [], keys: [], layers: [] }

/** Begins the chain of a mutation; `name` is what the logs call it. */
export function mutation<Tx, Input>(name: string): MutationChain<Tx, Input> {
  return chain<Tx, Input, Input>({ name, locks: [], resolve: async (_tx, input) => input, rules: [] })
}

interface Declared<Tx, Input, Subject> {
  readonly name: string
  readonly locks: readonly Lock<Tx, Input>[]
  readonly resolve: (tx: Tx, input: Input) => Promise<Subject>
  readonly rules: readonly Rule<Tx, Subject>[]
}

interface Written<Tx, Input, Subject, Result> extends Declared<Tx, Input, Subject> {
  readonly write: (tx: Tx, subject: Subject, input: Input) => Result | Promise<Result>
  readonly changed: (result: Result, subject: Subject) => boolean
}

function chain<Tx, Input, Subject>(declared: Declared<Tx, Input, Subject>): MutationChain<Tx, Input, Subject> {
  const { name, rules } = declared
  return {
    locking: (lock) => chain({ ...declared, locks: [...declared.locks, lock] }),
    on(resolve) {
      if (rules.length > 0) throw new Error(`${name}: rules come after the subject that they are about`)
      return chain({ name, locks: declared.locks, resolve, rules: [] })
    },
    invalidates: (rule) => chain({ ...declared, rules: [...rules, rule] }),
    write(write, changed = () => true) {
      const written = { ...declared, write, changed }
      return {
        ...mutationOf(written, { target: () => name }),
        audited: (audit) => mutationOf(written, audit),
      }
    },
  }
}

function mutationOf<Tx, Input, Subject, Result>(
  { name, locks, resolve, rules, write, changed }: Written<Tx, Input, Subject, Result>,
  { target, before = () => null, after = () => null }: Audit<Input, Subject, Result>,
): Mutation<Tx, Input, Result> {
  return {
    name,
    async begin(tx, input) {
      for (const lock of locks) await lock(tx, input)
      const subject = await resolve(tx, input)
      return {
        affected: evaluated(rules, tx, subject),
        write: async () => write(tx, subject, input),
        changed: (result) => changed(result, subject),
        audit: (result) => ({ target: target(input), before: before(subject), after: after(result, subject) }),
      }
    },
  }
}

function evaluated<Tx, Subject>(rules: readonly Rule<Tx, Subject>[], tx: Tx, subject: Subject) {
  const settled = new Map<Rule<Tx, Subject>, Invalidation>()
  return async (): Promise<Invalidation[]> => {
    const all: Invalidation[] = []
    // In turn: one connection serves one statement at a time.
    for (const rule of rules) {
      const answer = settled.get(rule) ?? rule(tx, subject)
      if (!(answer instanceof Promise)) settled.set(rule, answer)
      all.push(await answer)
    }
    return all
  }
}

/** Everything that several rules name, before the write and after it, without repetitions. */
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
