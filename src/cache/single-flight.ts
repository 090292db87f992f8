/**
 * One load per key and instance at a time. A reader that arrives during a load is answered by it only if its result is
 * `shareable` (its fill was accepted, so no invalidation came in between) and the reader arrived before the load was
 * sealed, that is before the command that proves it was sent. Otherwise the reader takes part in the next load, which
 * begins after it arrived. So no caller is answered from before its own acknowledged write.
 */
import { StoreUnavailableError } from './entry-store.ts'

export interface Shareable {
  /** Evaluated for each reader that joined, at the moment it would take the result. */
  shareable(): boolean
}

/** Called by a load just before it asks the store for proof; that proof does not cover a reader that arrives later. */
export type Seal = () => void

interface Flight<T> {
  readonly startedAt: number
  sealedAt(): number
  readonly settled: Promise<{ value: T } | { error: unknown }>
}

export interface SingleFlight<T extends Shareable> {
  /**
   * @param load runs unless one is running that may be shared
   * @throws what the load throws
   */
  run(key: string, load: (seal: Seal) => Promise<T>): Promise<T>
  /** How many loads are running. */
  readonly size: number
}

/** If the store is unavailable, it is so for all waiting readers: each would only find out again. */
function isForAll(error: unknown): boolean {
  return error instanceof StoreUnavailableError
}

/** (Single flight: Go's `golang.org/x/sync/singleflight`; the seal is this project's, decision 6.) */
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

  async function run(key: string, load: (seal: Seal) => Promise<T>): Promise<T> {
    const arrivedAt = ++ticks
    for (;;) {
      const flight = flights.get(key) ?? launch(key, load)
      const outcome = await flight.settled
      const beganAfterArrival = flight.startedAt > arrivedAt
      const proven = arrivedAt < flight.sealedAt() && 'value' in outcome && outcome.value.shareable()
      if ('value' in outcome && (beganAfterArrival || proven)) return outcome.value
      if ('error' in outcome && (beganAfterArrival || isForAll(outcome.error))) throw outcome.error
    }
  }

  return {
    run,
    get size() {
      return flights.size
    },
  }
}
