/**
 * Runs a mutation: lock, resolve, compute what goes stale, write, compute again, append to the log, commit; then tell this
 * instance's index and delete in the shared store. The log row is in the mutation's own transaction, so no crash and
 * no outage can lose the invalidation; the delete only makes it immediate elsewhere.
 */
import { type EntryKey, type EntryStore, type LayerName, StoreUnavailableError } from './entry-store.ts'
import { inPieces } from './in-pieces.ts'
import type { InvalidationIndex } from './invalidation-index.ts'
import type { Layers } from './layers.ts'
import {
  type AuditRecord,
  type Invalidation,
  invalidatesNothing,
  type KeyList,
  keyCountOf,
  type Mutation,
  mergeInvalidations,
  NOTHING_INVALIDATED,
} from './mutation.ts'
import type { Committed } from './snapshot.ts'
import type { Tag } from './tags.ts'

export interface LogRecord {
  readonly event: string
  readonly tags: readonly Tag[]
  readonly keyCount: number
  /** True when affected users were too many to name and a whole layer is invalidated instead. */
  readonly widened: boolean
  readonly audit: AuditRecord
}

/** The port to transactions; `Context` names the actor and is opaque here. */
export interface UnitOfWork<Tx, Context> {
  /**
   * Runs the work in one transaction, and again after a deadlock; if it throws, nothing is kept.
   * @throws what the work throws, or what the database says; a connection lost while committing may have committed or not
   */
  run<T>(context: Context, work: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Appends to the invalidation log and the audit log inside the transaction and returns its identity. The work uses
   * the transaction no more after this, so it may commit at once. Writes may have been deferred until now, and fail
   * here.
   */
  appendInvalidation(tx: Tx, context: Context, record: LogRecord): Promise<Committed>
  /** The identity of a transaction that invalidates nothing; the last use of the transaction. */
  identify(tx: Tx): Promise<Committed>
  /** Of a mutation that invalidates nothing. */
  audit(tx: Tx, context: Context, action: string, record: AuditRecord): Promise<void>
}

/** A committed mutation: its value, its transaction, and what it made stale. */
export interface MutationOutcome<Result> extends Committed {
  readonly value: Result
  readonly invalidation: Invalidation
  readonly store: StoreOutcome
}

/** Whether the shared store took part: `unavailable` is survived, because every instance judges by the log. */
export type StoreOutcome = 'invalidated' | 'unavailable' | 'untouched'

export interface MutationRunnerOptions<Tx, Context> {
  readonly unitOfWork: UnitOfWork<Tx, Context>
  readonly store: EntryStore
  readonly index: InvalidationIndex
  /** In the order of removal. */
  readonly layers: Pick<Layers, 'names'>
  readonly onStoreMissed?: (event: string, cause: StoreUnavailableError) => void
}

export interface MutationRunner<Tx, Context> {
  /**
   * Runs a mutation in one transaction. Once it is committed, this instance's index knows it and the store's entries are
   * deleted; a store that cannot be reached is counted and survived.
   * @throws what the mutation or the unit of work throws
   */
  run<Input, Result>(
    mutation: Mutation<Tx, Input, Result>,
    input: Input,
    context: Context,
  ): Promise<MutationOutcome<Result>>
}

interface Done {
  readonly event: string
  readonly invalidation: Invalidation
  readonly audit: AuditRecord
}

export function createMutationRunner<Tx, Context>(
  options: MutationRunnerOptions<Tx, Context>,
): MutationRunner<Tx, Context> {
  const { unitOfWork, store, index } = options

  async function transact<Input, Result>(
    mutation: Mutation<Tx, Input, Result>,
    input: Input,
    context: Context,
    intent: { invalidation: Invalidation },
  ): Promise<Committed & { value: Result }> {
    return unitOfWork.run(context, async (tx) => {
      const begun = await mutation.begin(tx, input)
      const before = await begun.affected()
      const value = await begun.write()
      if (!begun.changed(value)) return { ...(await unitOfWork.identify(tx)), value }
      const after = await begun.affected()
      const invalidation = await mergeInvalidations([...before, ...after])
      refuseUnknownLayers(options.layers.names, invalidation)
      intent.invalidation = invalidation
      const committed = await record(tx, context, { event: mutation.name, invalidation, audit: begun.audit(value) })
      return { ...committed, value }
    })
  }

  /** Last, so that a slow computation does not hold the transaction id, and with it everyone's horizon, for long. */
  async function record(tx: Tx, context: Context, { event, invalidation, audit }: Done): Promise<Committed> {
    if (!invalidatesNothing(invalidation))
      return unitOfWork.appendInvalidation(tx, context, { ...recordOf(event, invalidation), audit })
    await unitOfWork.audit(tx, context, event, audit)
    return unitOfWork.identify(tx)
  }

  /** Best effort, within the store's own short deadline; the log covers what is missed. */
  async function removeFromStore(event: string, invalidation: Invalidation): Promise<StoreOutcome> {
    if (keyCountOf(invalidation) === 0 && invalidation.layers.length === 0) return 'untouched'
    try {
      for (const step of await inputsFirst(options.layers.names, invalidation)) await remove(step)
      return 'invalidated'
    } catch (cause) {
      if (!(cause instanceof StoreUnavailableError)) throw cause
      options.onStoreMissed?.(event, cause)
      return 'unavailable'
    }
  }

  async function remove({ keys, lists, layers }: RemovalStep): Promise<void> {
    if (keys.length > 0) await store.invalidate(keys)
    for (const list of lists) for (const some of piecesOf(list.keys())) await store.invalidate(some)
    if (layers.length > 0) await store.replaceGenerations(layers)
  }

  return {
    async run(mutation, input, context) {
      const intent: { invalidation: Invalidation } = { invalidation: NOTHING_INVALIDATED }
      try {
        const committed = await transact(mutation, input, context, intent)
        const { invalidation } = intent
        if (invalidation.tags.length > 0)
          index.note({ xid: committed.xid, tags: invalidation.tags }, committed.database)
        return { ...committed, invalidation, store: await removeFromStore(mutation.name, invalidation) }
      } catch (error) {
        // It may have committed (a connection lost while committing): removing what can be loaded again is always safe.
        await removeFromStore(mutation.name, intent.invalidation)
        throw error
      }
    },
  }
}

function recordOf(event: string, invalidation: Invalidation): Omit<LogRecord, 'audit'> {
  const { tags, layers } = invalidation
  return { event, tags, keyCount: keyCountOf(invalidation), widened: layers.length > 0 }
}

/** Before anything is committed: nothing would be removed from a layer that is not in the table. */
function refuseUnknownLayers(names: readonly LayerName[], { keys, lists = [], layers }: Invalidation): void {
  const named = [...keys, ...lists].find(({ layer }) => !names.includes(layer))?.layer
  const unknown = named ?? layers.find((layer) => !names.includes(layer))
  if (unknown !== undefined) throw new Error(`an invalidation names ${unknown}, which is not a layer`)
}

/** In this order: keys, lists, layers. */
interface RemovalStep {
  readonly keys: EntryKey[]
  readonly lists: KeyList[]
  readonly layers: LayerName[]
}

const noStep = (): RemovalStep => ({ keys: [], lists: [], layers: [] })

/**
 * An input is never removed after what was derived from it, whether by name or with its layer: a read in between would
 * derive again from the old input, under a lease that nothing takes away. Consecutive removals of one kind go together.
 */
async function inputsFirst(
  names: readonly LayerName[],
  { keys, layers, lists = [] }: Invalidation,
): Promise<RemovalStep[]> {
  const byLayer = new Map<LayerName, EntryKey[]>(names.map((layer) => [layer, []]))
  await inPieces(keys, ({ layer, key }) => byLayer.get(layer)?.push(key))
  let step = noStep()
  const steps = [step]
  const begin = () => {
    step = noStep()
    steps.push(step)
  }
  for (const layer of names) {
    const named = byLayer.get(layer) ?? []
    const listed = lists.filter((list) => list.layer === layer)
    if (named.length > 0 && step.lists.length + step.layers.length > 0) begin()
    await inPieces(named, (key) => step.keys.push(key))
    if (listed.length > 0 && step.layers.length > 0) begin()
    step.lists.push(...listed)
    if (layers.includes(layer)) step.layers.push(layer)
  }
  return steps
}

/** As many as the store removes with one command. */
const KEYS_PER_PIECE = 1000

function* piecesOf(keys: Iterable<EntryKey>): Generator<EntryKey[]> {
  let piece: EntryKey[] = []
  for (const key of keys) {
    if (piece.push(key) < KEYS_PER_PIECE) continue
    yield piece
    piece = []
  }
  if (piece.length > 0) yield piece
}
