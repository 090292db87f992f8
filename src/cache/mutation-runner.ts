/**
 * Runs a mutation: lock, resolve, compute what goes stale, write, compute again, append to the log, commit; then tell this
 * instance's index and delete in the shared store. The log row is in the mutation's own transaction, so no crash and
 * no outage can lose the invalidation; the delete only makes it immediate elsewhere.
 */
import { type EntryStore, type LayerName, StoreUnavailableError } from './entry-store.ts'
import type { InvalidationIndex } from './invalidation-index.ts'
import type { Layers } from './layers.ts'
import {
  type AuditRecord,
  type Invalidation,
  invalidatesNothing,
  keyCountOf,
  type Mutation,
  mergeInvalidations,
  NOTHING_INVALIDATED,
} from './mutation.ts'
import { removeInOrder } from './removal-order.ts'
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

/** @returns what runs mutations, each in one transaction of the unit of work */
export function createMutationRunner<Tx, Context>(
  options: MutationRunnerOptions<Tx, Context>,
): MutationRunner<Tx, Context> {
  return new LoggingMutationRunner(options)
}

class LoggingMutationRunner<Tx, Context> implements MutationRunner<Tx, Context> {
  readonly #options: MutationRunnerOptions<Tx, Context>

  constructor(options: MutationRunnerOptions<Tx, Context>) {
    this.#options = options
  }

  async run<Input, Result>(
    mutation: Mutation<Tx, Input, Result>,
    input: Input,
    context: Context,
  ): Promise<MutationOutcome<Result>> {
    const intent: { invalidation: Invalidation } = { invalidation: NOTHING_INVALIDATED }
    try {
      const committed = await this.#transact(mutation, input, context, intent)
      const { invalidation } = intent
      const { tags } = invalidation
      if (tags.length > 0) this.#options.index.note({ xid: committed.xid, tags }, committed.database)
      return { ...committed, invalidation, store: await this.#removeFromStore(mutation.name, invalidation) }
    } catch (error) {
      // It may have committed (a connection lost while committing): removing what can be loaded again is always safe.
      await this.#removeFromStore(mutation.name, intent.invalidation)
      throw error
    }
  }

  async #transact<Input, Result>(
    mutation: Mutation<Tx, Input, Result>,
    input: Input,
    context: Context,
    intent: { invalidation: Invalidation },
  ): Promise<Committed & { value: Result }> {
    const { unitOfWork, layers } = this.#options
    return unitOfWork.run(context, async (tx) => {
      const begun = await mutation.begin(tx, input)
      const before = await begun.affected()
      const value = await begun.write()
      if (!begun.changed(value)) return { ...(await unitOfWork.identify(tx)), value }
      const after = await begun.affected()
      const invalidation = await mergeInvalidations([...before, ...after])
      refuseUnknownLayers(layers.names, invalidation)
      intent.invalidation = invalidation
      const done = { event: mutation.name, invalidation, audit: begun.audit(value) }
      return { ...(await this.#record(tx, context, done)), value }
    })
  }

  /** Last, so that a slow computation does not hold the transaction id, and with it everyone's horizon, for long. */
  async #record(tx: Tx, context: Context, { event, invalidation, audit }: Done): Promise<Committed> {
    const { unitOfWork } = this.#options
    if (!invalidatesNothing(invalidation))
      return unitOfWork.appendInvalidation(tx, context, { ...recordOf(event, invalidation), audit })
    await unitOfWork.audit(tx, context, event, audit)
    return unitOfWork.identify(tx)
  }

  /** Best effort, within the store's own short deadline; the log covers what is missed. */
  async #removeFromStore(event: string, invalidation: Invalidation): Promise<StoreOutcome> {
    const { store, layers, onStoreMissed } = this.#options
    if (keyCountOf(invalidation) === 0 && invalidation.layers.length === 0) return 'untouched'
    try {
      await removeInOrder(store, layers.names, invalidation)
      return 'invalidated'
    } catch (cause) {
      if (!(cause instanceof StoreUnavailableError)) throw cause
      onStoreMissed?.(event, cause)
      return 'unavailable'
    }
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
