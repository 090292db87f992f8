/** Asks the store for the entries of one read, or for the leases on them. */
import type { Clock } from './clock.ts'
import { fillIdIn } from './entry-codec.ts'
import type { EntryKey, EntryStore, Lease, Opened, OpenRequest } from './entry-store.ts'
import type { LayerEvents, LayerRead } from './layer.ts'
import type { Wanted } from './loads.ts'
import type { Seal } from './single-flight.ts'
import type { StoreWait } from './store-wait.ts'

const FIRST_WAIT_MS = 4
const LONGEST_WAIT_MS = 64

/** The result of asking the store for one entry. */
export type Answer<V = unknown> =
  | { readonly kind: 'read'; readonly read: LayerRead<V> }
  | { readonly kind: 'leased'; readonly lease: Lease }
  /** Another holder kept the lease for longer than the read could wait. */
  | { readonly kind: 'busy' }

/** The context of one read through the store. */
export interface Reading {
  readonly wait: StoreWait | undefined
  /** Before each command whose answer others may share. */
  readonly seal: Seal
  /** Fills that were judged and rejected: they count as absent in further attempts. */
  readonly refused: ReadonlyMap<EntryKey, string>
}

export const NOTHING_REFUSED: ReadonlyMap<EntryKey, string> = new Map()

/** Asks; while another holds the first lease, asks again until that lease must have ended. */
export type OpenOrWait = (wants: readonly Wanted<unknown>[], reading: Reading) => Promise<Answer[]>

export interface OpeningDependencies {
  readonly store: EntryStore
  readonly clock: Clock
  readonly events: LayerEvents
}

export function createOpening({ store, clock, events }: OpeningDependencies): OpenOrWait {
  async function open(wants: readonly Wanted<unknown>[], reading: Reading): Promise<Answer[]> {
    const { wait, refused } = reading
    const answers: Answer[] = []
    const opened = await store.open(
      wants.map((wanted) => requestOf(wanted, refused)),
      wait,
    )
    for (const [at, each] of opened.entries()) {
      const wanted = wants[at]
      if (!wanted) continue
      const answer = answerOf(wanted, each)
      if (answer !== null) answers.push(answer)
      else if (each.kind === 'found') {
        const judged = new Map(refused).set(wanted.key, fillIdIn(each.bytes))
        return [...answers, ...(await open(wants.slice(at), { ...reading, refused: judged }))]
      }
    }
    return answers
  }

  /** Null for an entry that was found and may not be served. */
  function answerOf({ layer, key }: Wanted<unknown>, opened: Opened): Answer | null {
    if (opened.kind === 'found') {
      const read = layer.decoded(key, opened, 'master')
      return read && { kind: 'read', read }
    }
    if (opened.kind === 'leased' && opened.instead) events.rejected?.(layer.name, opened.instead)
    return opened
  }

  return async function openOrWait(wants, reading) {
    const [target] = wants
    const startedMs = clock.monotonicMs()
    const leaseMs = target?.layer.leaseMs ?? 0
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      reading.seal()
      const answers = await open(wants, reading)
      const waitedMs = clock.monotonicMs() - startedMs
      if (answers[0]?.kind !== 'busy' || waitedMs >= leaseMs) {
        if (target && waitMs > FIRST_WAIT_MS) events.leaseWaited?.(target.layer.name, waitedMs)
        return answers
      }
      await clock.sleep(Math.min(waitMs, leaseMs - waitedMs))
    }
  }
}

function requestOf({ layer, key }: Wanted<unknown>, refused: ReadonlyMap<EntryKey, string>): OpenRequest {
  const refusedFillId = refused.get(key)
  return { key, layer: layer.name, leaseMs: layer.leaseMs, ...(refusedFillId !== undefined && { refusedFillId }) }
}
