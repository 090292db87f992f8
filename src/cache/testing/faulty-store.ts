/** A store with faults, which remembers what it was asked: around the one in memory, or around a real one. */
import {
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type ReadRequest,
  StoreUnavailableError,
} from '../entry-store.ts'
import type { StoreWait } from '../store-wait.ts'

/**
 * What happens to commands. `loses deletes`: they succeed and remove nothing. `away`, or an error: every command fails
 * with it.
 */
export type Fault = 'nothing' | 'loses deletes' | 'away' | StoreUnavailableError

export interface Faulty {
  /** From now on, until it is `nothing` again. */
  fault: Fault
  /** What was asked, in order, also where it failed: `open prices:{gold}`, `fill prices:{gold}`. */
  readonly calls: string[]
}

/** @returns the same store, whose commands go through the fault */
export function createFaultyStore<Store extends EntryStore>(inner: Store): Store & Faulty {
  const calls: string[] = []
  const deletes = <T>(instead: T, run: () => Promise<T>) =>
    faulty.fault === 'loses deletes' ? Promise.resolve(instead) : run()

  function refuseWhereAway(): void {
    if (faulty.fault === 'away') throw new StoreUnavailableError('redis-unavailable')
    if (faulty.fault instanceof StoreUnavailableError) throw faulty.fault
  }

  async function asked<T>(what: string, names: readonly string[], run: () => Promise<T>): Promise<T> {
    calls.push(`${what} ${names.join(' ')}`.trim())
    refuseWhereAway()
    return run()
  }

  async function replica(request: ReadRequest, wait: StoreWait | undefined): Promise<EntryRead> {
    refuseWhereAway()
    return (await inner.readReplica?.(request, wait)) ?? { kind: 'absent' }
  }

  const commands: EntryStore = {
    leftOf: (known, wait) => asked('left', [known.key], () => inner.leftOf(known, wait)),
    open: (requests, wait) => asked('open', keysOf(requests), () => inner.open(requests, wait)),
    fill: (fills, wait) => asked('fill', keysOf(fills), () => inner.fill(fills, wait)),
    releaseLease: (key, lease, wait) => asked('release', [key], () => inner.releaseLease(key, lease, wait)),
    read: (requests) => asked('read', keysOf(requests), () => inner.read(requests)),
    takeLeases: (requests) => asked('lease', keysOf(requests), () => inner.takeLeases(requests)),
    invalidate: (keys) => asked('invalidate', keys, () => deletes(0, () => inner.invalidate(keys))),
    replaceGenerations: (layers) =>
      asked('generations', layers, () => deletes(undefined, () => inner.replaceGenerations(layers))),
    sweep: (layers) => asked('sweep', layers, () => inner.sweep(layers)),
    inspect: (key, layer) => asked('inspect', [key], () => inner.inspect(key, layer)),
    ...(inner.readReplica && { readReplica: replica }),
  }
  const faulty = { ...inner, ...commands, calls, fault: 'nothing' as Fault }
  return faulty
}

function keysOf(requests: readonly { readonly key: EntryKey }[]): string[] {
  return requests.map(({ key }) => key)
}
