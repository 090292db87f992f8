/**
 * Reads while the store cannot be asked. Behind a barrier of the log a servable judgement is exact, so the process's own
 * copies and a replica's entries may answer; a loaded value stays in this process.
 */
import type { EntryStore } from './entry-store.ts'
import type { Bypass, LayerEvents, LayerRead, Loaded } from './layer.ts'
import { type Loads, noInput, type Outcome, type Wanted } from './loads.ts'
import type { LogFollower } from './log-follower.ts'
import { createSingleFlight } from './single-flight.ts'
import type { StoreWait } from './store-wait.ts'

export interface MemoryReadsDependencies {
  readonly store: EntryStore
  readonly follower: LogFollower
  readonly events: LayerEvents
  readonly loads: Loads
}

/**
 * @param detail why the store cannot be asked, for a bypass
 * @throws what the load throws
 */
export type FromMemory = <V, I>(
  wanted: Wanted<V, I>,
  detail: string,
  wait?: StoreWait,
) => Promise<LayerRead<V> | Bypass>

export function createMemoryReads({ store, follower, events, loads }: MemoryReadsDependencies): FromMemory {
  const flights = createSingleFlight<Outcome<unknown>>()

  async function fromReplica<V, I>({ layer, key }: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V> | null> {
    const asking = store.readReplica?.({ key, layer: layer.name }, wait)
    const found = asking && (await asking.catch(() => null))
    return found?.kind === 'found' ? layer.decoded(key, found, 'replica') : null
  }

  async function loadIntoMemory(wanted: Wanted<unknown>, wait?: StoreWait): Promise<Outcome<unknown>> {
    const { input } = wanted
    events.miss?.(wanted.layer.name)
    let outdated = false
    const loaded = await loads.load(wanted, async () => {
      if (!input) return noInput()
      const found = outdated ? null : (input.layer.held(input.key) ?? (await fromReplica(input, wait)))
      outdated = true
      return found ?? keptInMemory(input, await loads.load(input, noInput))
    })
    return { ...keptInMemory(wanted, loaded), shareable: () => false }
  }

  function keptInMemory(wanted: Wanted<unknown>, loaded: Loaded<unknown>): LayerRead<unknown> {
    const filled = loads.kept(wanted, loaded)
    return { ...loaded, ttlMs: filled?.ttlMs ?? 0, outcome: 'not-stored', detail: 'memory' }
  }

  return async function fromMemory<V, I>(wanted: Wanted<V, I>, detail: string, wait?: StoreWait) {
    if (!(await follower.barrier())) return { outcome: 'bypass', detail }
    const found = wanted.layer.held(wanted.key) ?? (await fromReplica(wanted, wait))
    if (found) return found
    const flight = () => loadIntoMemory(wanted as Wanted<unknown>, wait)
    return flights.run(wanted.key, flight) as Promise<LayerRead<V>>
  }
}
