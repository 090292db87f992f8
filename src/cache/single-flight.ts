/**
 * One load per key and instance at a time. A reader who arrives during a load is answered by it only if its result is
 * `shareable` (its fill was accepted, so no invalidation came in between) and he arrived before the load was sealed,
 * that is before the command that proves it went out; otherwise he takes part in the next load, which begins after he
 * arrived. So nobody is answered from before his own acknowledged write.
 */
import { StoreUnavailableError } from './entry-store.ts'

export interface Shareable {
  /** Asked by each who joined, at the moment he would take the result. */
  shareable(): boolean
}

/** Called by a load just before it asks the store for proof; who arrives later is not covered by that proof. */
export type Seal = () => void

interface Flight<T> {
  readonly startedAt: number
  sealedAt(): number
  readonly settled: Promise<{ value: T } | { error: unknown }>
}

export interface SingleFlight<T extends Shareable> {
  /**
   * @param load for who finds nobody loading
   * @param again for who could not share a load: time has passed, the store may hold the value by now
   * @throws what the load throws
   */
  run(key: string, load: (seal: Seal) => Promise<T>, again?: (seal: Seal) => Promise<T>): Promise<T>
  /** How many loads are running. */
  readonly size: number
}

/** Who waited for a store that cannot be asked has waited enough: one after the other would each find out for himself. */
function isForAll(error: unknown): boolean {
  return error instanceof StoreUnavailableError
}

export function createSingleFlight<T extends Shareable>(): SingleFlight<T> {
  const flights = new Map<string, Flight<T>>()
  let ticks = 0

  function launch(key: string, load: (seal: Seal) => Promise<T>): Flight<T> {
    const startedAt = ++ticks
    let sealedAt = Number.POSITIVE_INFINITY
    const seal = () => {
      sealedAt = ++ticks
    }
    const settled = load(seal)
      .then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      .finally(() => flights.delete(key))
    const flight = { startedAt, sealedAt: () => sealedAt, settled }
    flights.set(key, flight)
    return flight
  }

  async function run(
    key: string,
    load: (seal: Seal) => Promise<T>,
    again: (seal: Seal) => Promise<T> = load,
  ): Promise<T> {
    const arrivedAt = ++ticks
    let attempt = load
    for (;;) {
      const flight = flights.get(key) ?? launch(key, attempt)
      const outcome = await flight.settled
      const beganAfterArrival = flight.startedAt > arrivedAt
      const proven = arrivedAt < flight.sealedAt() && 'value' in outcome && outcome.value.shareable()
      if ('value' in outcome && (beganAfterArrival || proven)) return outcome.value
      if ('error' in outcome && (beganAfterArrival || isForAll(outcome.error))) throw outcome.error
      attempt = again
    }
  }

  return {
    run,
    get size() {
      return flights.size
    },
  }
}
